/** What the check of doctor must find, and must not find. */
import { checkQueue } from '@inorder/brokers/check-queue';
import { expect } from 'vitest';
import type { Behave } from './column.ts';

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
};
