/** Behaviours of one message, one queue, one connection: our adapter and the peer, nothing else. */
import { sourceId } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { LOCALHOST_CERT } from '@inorder/testkit/tls-fixture';
import rhea from 'rhea';
import { expect } from 'vitest';
import { ACCEPT, Intake, REJECT, RELEASE, selfSigned } from '../../src/adapters/amqp/test-parts.ts';
import type { Behave, Peer, ReadQueue } from './column.ts';
import { connectProducer } from './producer.ts';
import { MANY, manyQueue } from './queues.ts';

const queue = (name: string, credit = 100): ReadQueue => ({ name, sourceId: sourceId(uuidv7()), credit });

const texts = (prefix: string, count: number, from = 1): { body: string; message_id: string; durable: boolean }[] =>
  Array.from({ length: count }, (_, index) => {
    const body = `${prefix}${from + index}`;
    return { body, message_id: `ID:${body}`, durable: true };
  });
const bodies = (messages: readonly { body: string }[]): string[] => messages.map(({ body }) => body);

/** Sends and expects every message to be accepted. */
async function deposit(peer: Peer, name: string, messages: readonly object[]): Promise<void> {
  await using producer = await connectProducer(peer);
  const outcomes = await producer.send(peer.addressOf(name), messages);
  expect(outcomes.filter(({ outcome }) => outcome !== 'accepted')).toEqual([]);
}

export const order: Behave = async (peer) => {
  const names = ['order-a', 'order-b', 'order-c'].map((name) => queue(name));
  const taken = new Map<string, string[]>(names.map(({ sourceId: id }) => [id, []]));
  const intake = new Intake();
  intake.answer = (message) => {
    taken.get(message.sourceId)?.push(Buffer.from(message.body).toString());
    return ACCEPT;
  };
  const reader = await peer.read(names, intake.handler);
  const sent = names.map(({ name }) => texts(`${name}:`, 400));
  await Promise.all(names.map(({ name }, index) => deposit(peer, name, sent[index] ?? [])));
  await intake.until(1_200);
  expect([...taken.values()]).toEqual(sent.map(bodies));
  // A broker that sends beyond the credit is cut off in the end, and then everything in hand comes again.
  expect(reader.counters.overCredit).toBe(0);
  await reader.close();
};

export const content: Behave = async (peer) => {
  const intake = new Intake();
  intake.answer = () => ACCEPT;
  const reader = await peer.read([queue('content')], intake.handler);
  const envelope = {
    ...{ message_id: 'ID:one', correlation_id: 'order-17', group_id: 'LAB-0001', group_sequence: 7, subject: 'ORM' },
    ...{ reply_to: peer.addressOf('replies'), durable: true, content_type: 'text/plain' },
    application_properties: {
      count: rhea.types.wrap_int(-5),
      large: rhea.types.wrap_long(9_007_199_254_740_991),
      ratio: rhea.types.wrap_double(1.5),
      urgent: true,
      ward: 'Süd 2',
    },
  };
  const bytes = Buffer.from([0, 255, 13, 28, 11]);
  await deposit(peer, 'content', [
    { ...envelope, body: 'MSH|^~\\&|Ä' },
    { ...envelope, message_id: 'ID:two', body: rhea.message.data_section(bytes) },
    { body: 'nothing but a body', durable: true },
  ]);
  await intake.until(3);
  const [text, binary, bare] = [intake.at(0).message, intake.at(1).message, intake.at(2).message];
  const properties = {
    ...{ JMSCorrelationID: 'order-17', JMSXGroupID: 'LAB-0001', JMSXGroupSeq: 7, JMSType: 'ORM' },
    ...{ JMSReplyTo: peer.addressOf('replies'), count: -5, large: 9_007_199_254_740_991, ratio: 1.5 },
    ...{ urgent: true, ward: 'Süd 2' },
  };
  expect(text).toMatchObject({ jmsMessageId: 'ID:one', isText: true, contentType: 'text/plain', redelivered: false });
  expect(text.properties).toEqual(properties);
  expect(Buffer.from(text.body).toString()).toBe('MSH|^~\\&|Ä');
  expect(binary).toMatchObject({ jmsMessageId: 'ID:two' });
  expect(binary.isText ?? false).toBe(false);
  expect(Buffer.from(binary.body)).toEqual(bytes);
  expect(bare).toMatchObject({ jmsMessageId: null, properties: {} });
  await reader.close();
};

export const durable: Behave = async (peer) => {
  const sent = texts('durable-', 200);
  await deposit(peer, 'durable', sent);
  await peer.broker?.kill();
  await peer.broker?.start();
  const intake = new Intake();
  intake.answer = () => ACCEPT;
  const reader = await peer.read([queue('durable')], intake.handler);
  await intake.until(200);
  expect(intake.texts).toEqual(bodies(sent));
  await reader.close();
};

export const redelivery: Behave = async (peer, expected) => {
  await deposit(peer, 'redelivery', texts('r', 6));
  const intake = new Intake();
  const reader = await peer.read([queue('redelivery', 3)], intake.handler);
  await intake.until(3);
  intake.answer = () => ACCEPT;
  for (const { settle } of intake.taken) settle(RELEASE);
  await intake.until(9);
  expect(intake.texts).toEqual(['r1', 'r2', 'r3', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6']);
  const flags = intake.taken.map(({ message }) => message.redelivered);
  expect(flags.slice(0, 3)).toEqual([false, false, false]);
  expect(flags.slice(3, 6)).toEqual(Array.from({ length: 3 }, () => expected.redeliveredAfterRelease));
  await reader.close();
};

export const reject: Behave = async (peer, expected) => {
  const intake = new Intake();
  intake.answer = (message) => (message.jmsMessageId === 'ID:x2' ? REJECT : ACCEPT);
  const reader = await peer.read([queue('reject')], intake.handler);
  await using producer = await connectProducer(peer);
  const outcomes = await producer.send(peer.addressOf('reject'), texts('x', 4));
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    'accepted',
    expected.outcomeOfRejected,
    'accepted',
    'accepted',
  ]);
  await intake.until(4);
  expect(intake.texts).toEqual(['x1', 'x2', 'x3', 'x4']);
  await reader.close();
  if (expected.deadLetters === undefined) {
    expect(outcomes[1]?.reason).toContain(`${REJECT.kind === 'reject' ? REJECT.code : ''}:`);
    return;
  }
  const dead = new Intake();
  dead.answer = () => ACCEPT;
  const undertaker = await peer.read([queue(expected.deadLetters)], dead.handler);
  await dead.until(1);
  expect(dead.texts).toEqual(['x2']);
  await undertaker.close();
};

export const credit: Behave = async (peer) => {
  const CREDIT = 7;
  const intake = new Intake();
  let inHand = 0;
  let most = 0;
  const settleLater: (() => void)[] = [];
  const reader = await peer.read([queue('credit', CREDIT)], async (message) => {
    inHand += 1;
    most = Math.max(most, inHand);
    const disposition = await new Promise<typeof ACCEPT>((resolve) => {
      settleLater.push(() => resolve(ACCEPT));
      void intake.handler(message);
    });
    inHand -= 1;
    return disposition;
  });
  const sent = texts('c', 60);
  const deposited = deposit(peer, 'credit', sent);
  await intake.until(CREDIT);
  // A whole exchange with the peer passes: had it been given more credit, more would be here.
  await (await connectProducer(peer))[Symbol.asyncDispose]();
  expect(intake.taken).toHaveLength(CREDIT);
  for (let settled = 0; settled < sent.length; settled += 1) {
    await intake.until(settled + 1);
    settleLater[settled]?.();
  }
  await deposited;
  expect(intake.texts).toEqual(bodies(sent));
  expect(most).toBe(CREDIT);
  expect(reader.counters.overCredit).toBe(0);
  await reader.close();
};

export const tls: Behave = async (peer, expected) => {
  expect(await peer.overTls(LOCALHOST_CERT)).toBe('open');
  const other = selfSigned();
  if (other === undefined) throw new Error('openssl is needed to make a certificate of another authority');
  expect(await peer.overTls(other.cert)).toMatch(expected.wrongAuthority);
};

export const sasl: Behave = async (peer, expected) => {
  expect(await peer.withPassword(peer.login?.password ?? '')).toBe('open');
  expect(await peer.withPassword('not-the-password')).toMatch(expected.wrongPassword);
};

export const many: Behave = async (peer) => {
  const PER_QUEUE = 3;
  const queues = Array.from({ length: MANY }, (_, index) => queue(manyQueue(index), 10));
  const nameOf = new Map<string, string>(queues.map(({ sourceId: id, name }) => [id, name]));
  const taken = new Map<string, string[]>();
  const intake = new Intake();
  intake.answer = (message) => {
    const name = nameOf.get(message.sourceId) ?? '';
    taken.set(name, [...(taken.get(name) ?? []), Buffer.from(message.body).toString()]);
    return ACCEPT;
  };
  const openingAt = performance.now();
  const reader = await peer.read(queues, intake.handler);
  const openedAt = performance.now();
  await using producer = await connectProducer(peer);
  const waiting = queues.map(({ name }) => name);
  const send = async (): Promise<void> => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
      await producer.send(peer.addressOf(name), texts(`${name}:`, PER_QUEUE));
  };
  await Promise.all(Array.from({ length: 50 }, send));
  await intake.until(MANY * PER_QUEUE);
  const doneAt = performance.now();
  for (const { name } of queues) expect(taken.get(name)).toEqual(bodies(texts(`${name}:`, PER_QUEUE)));
  const closingAt = performance.now();
  await reader.close();
  if (process.env['INORDER_CONTRACT_QUEUES'] === undefined) return;
  const ms = (from: number, to: number): number => Math.round(to - from);
  process.stdout.write(
    `${MANY} queues on one connection: opened in ${ms(openingAt, openedAt)} ms, ${MANY * PER_QUEUE} messages through in ${ms(openedAt, doneAt)} ms, closed in ${ms(closingAt, performance.now())} ms\n`,
  );
};

export const failover: Behave = async (peer) => {
  const first = new Intake();
  const second = new Intake();
  second.answer = () => ACCEPT;
  const CREDIT = 100;
  const COUNT = 3_000;
  const one = await peer.read([queue('failover', CREDIT)], first.handler);
  const two = await peer.read([queue('failover', CREDIT)], second.handler);
  await deposit(peer, 'failover', texts('f', COUNT));
  await first.until(CREDIT);
  first.at(0).settle(ACCEPT);
  first.at(1).settle(ACCEPT);
  await first.until(CREDIT + 2);
  expect(second.taken).toHaveLength(0);
  // A hundred messages are in hand unsettled when the first reader goes, and thousands wait.
  await one.close();
  await second.until(COUNT - 2);
  expect(second.texts).toEqual(bodies(texts('f', COUNT - 2, 3)));
  await two.close();
};
