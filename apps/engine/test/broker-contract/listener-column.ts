/** Our own listener as a column: a producer sends straight to it. */
import { epoch, type InboundHandler } from '@inorder/core';
import { freePort } from '@inorder/testkit/services';
import { LOCALHOST_CERT, LOCALHOST_KEY } from '@inorder/testkit/tls-fixture';
import type { ListenDocument } from '../../src/adapters/amqp/connection-parts.ts';
import { AmqpListener } from '../../src/adapters/amqp/listener.ts';
import { ACCEPT, RecordingLog, realClock } from '../../src/adapters/amqp/test-parts.ts';
import type { Peer, ReadQueue } from './column.ts';
import { connectProducer, type ProducerOptions } from './producer.ts';

const LOGIN = { username: 'inorder', password: 'a-password-of-tests' };

export async function openListener(): Promise<Peer> {
  const port = await freePort();
  const document: ListenDocument = { kind: 'LISTEN', host: '127.0.0.1', port, ...LOGIN };
  const ending = async (over: Partial<ListenDocument>, options: ProducerOptions): Promise<string> => {
    const listener = await openAt({ ...document, ...over }, [], async () => ACCEPT);
    try {
      await using _producer = await connectProducer({ port, login: LOGIN }, options);
      return 'open';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await listener.stop();
    }
  };
  return {
    port,
    login: LOGIN,
    broker: undefined,
    addressOf: (queue) => queue,
    connection: () => document,
    overTls: (ca) => ending({ tls: { cert: LOCALHOST_CERT, key: LOCALHOST_KEY, verify: true } }, { tls: { port, ca } }),
    withPassword: (password) => ending({}, { password }),
    read: async (wanted, handler) => {
      const listener = await openAt(document, wanted, handler);
      return { counters: listener.counters, close: () => listener.stop() };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function openAt(
  connection: ListenDocument,
  wanted: readonly ReadQueue[],
  handler: InboundHandler,
): Promise<AmqpListener> {
  const listener = new AmqpListener({
    connection,
    handler,
    log: new RecordingLog(),
    clock: realClock,
    drainMs: 500,
    sessionsMax: 10_000,
    resolve: (address) => {
      const queue = wanted.find((each) => each.name === address);
      if (queue === undefined) return { refuse: 'amqp:not-found', description: `no queue ${address}` };
      return { origin: { sourceId: queue.sourceId, sourceEpoch: epoch(1) }, credit: queue.credit, producers: 'many' };
    },
  });
  await listener.start();
  return listener;
}
