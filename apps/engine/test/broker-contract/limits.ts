/** What the check of doctor must find, and must not find. */
import { createServer } from 'node:http';
import { checkExclusive } from '@inorder/brokers/check-exclusive';
import { checkQueue } from '@inorder/brokers/check-queue';
import { expect } from 'vitest';
import type { Behave } from './column.ts';
import { MANY, manyQueue } from './queues.ts';

export const limits: Behave = async (peer) => {
  const connection = peer.connection();
  if (connection.kind !== 'CONNECT') throw new Error('only a broker has queues');
  const { managementUrl } = peer.broker?.setup ?? {};
  const options = managementUrl === undefined ? {} : { managementUrl };
  const kindsOf = async (queue: string, over: object = {}): Promise<string[]> =>
    (await checkQueue({ ...connection, ...over }, peer.addressOf(queue), options)).map(({ kind }) => kind).toSorted();
  expect(await kindsOf('clean')).toEqual([]);
  expect(await kindsOf('limited')).toEqual(['deadLettersUnread', 'deliveryLimit', 'expiry', 'notExclusive']);
  expect(await kindsOf('undead')).toEqual(['noDeadLetters']);
  expect(await kindsOf('nobody-made-this')).toEqual(['noQueue']);
  expect(await kindsOf('clean', { password: 'wrong' })).toEqual(['unreachable']);

  // What an engine asks of the queues it reads (G3): the same, of many at once.
  const exclusiveOf = async (queues: readonly string[], over: object = {}): Promise<string[]> => {
    const addresses = queues.map((queue) => peer.addressOf(queue));
    const found = await checkExclusive({ ...connection, ...over }, addresses, { ...options, ...over });
    return addresses.map((address) => found.get(address)?.kind ?? 'left out');
  };
  expect(await exclusiveOf(['clean', 'limited', 'nobody-made-this'])).toEqual(['exclusive', 'shared', 'unseen']);
  expect(await exclusiveOf(['clean', 'limited'], { password: 'wrong' })).toEqual(['unseen', 'unseen']);
  expect(await exclusiveOf(['clean'], { signal: AbortSignal.abort() })).toEqual(['unseen']);
  if (managementUrl !== undefined) expect(await asksOnce(exclusiveOf)).toEqual(['unseen', 'unseen']);
  const many = Array.from({ length: MANY }, (_, index) => manyQueue(index));
  expect(new Set(await exclusiveOf(many))).toEqual(new Set(['shared']));
};

/** A management that lets this account see nothing is asked about one queue, and not about each. */
async function asksOnce(exclusiveOf: (queues: readonly string[], over: object) => Promise<string[]>) {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(403).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const kinds = await exclusiveOf(['clean', 'limited'], { managementUrl: `http://127.0.0.1:${port}` });
  expect(asked).toBe(1);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return kinds;
}
