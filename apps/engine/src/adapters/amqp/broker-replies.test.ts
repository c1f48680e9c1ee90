import type { AddressInfo } from 'node:net';
import rhea, { type Connection, type EventContext, type Receiver } from 'rhea';
import { afterEach, describe, expect, test } from 'vitest';
import { BrokerReplies } from './broker-replies.ts';
import { newCounters } from './options.ts';
import type { ReplyRequest } from './replies.ts';
import { connectionOf } from './rhea-internals.ts';
import { RecordingLog, turns } from './test-parts.ts';

const toStop: (() => void)[] = [];
afterEach(() => {
  for (const stop of toStop.splice(0).reverse()) stop();
});

interface BrokerPlan {
  readonly relay: boolean;
  /** Credit of each link; 0: none, ever. */
  readonly credit?: number;
  /** Addresses that are no queue here. */
  readonly unknown?: readonly string[];
}

/** A broker that takes replies: what it got, and how often it was asked for a link. */
async function broker({ relay, credit = 100, unknown = [] }: BrokerPlan) {
  const taken: { address: string; to: unknown; body: unknown }[] = [];
  const attaches: (string | null)[] = [];
  const closed: string[] = [];
  let changed = (): void => undefined;
  const container = rhea.create_container({ id: 'replies-broker' });
  container.on('receiver_open', ({ receiver }: EventContext) => {
    if (receiver === undefined) return;
    const address: string | null = receiver.target?.address ?? null;
    attaches.push(address);
    if (address !== null && unknown.includes(address)) {
      receiver.close({ condition: 'amqp:not-found', description: 'no such queue' });
    } else {
      receiver.set_target({ address: address ?? (null as never) });
      if (credit > 0) receiver.add_credit(credit);
    }
    changed();
  });
  container.on('receiver_close', ({ receiver }: EventContext) => {
    closed.push((receiver as Receiver).target?.address ?? '');
    changed();
  });
  container.on('message', ({ message, delivery, receiver }: EventContext) => {
    const to = message?.to ?? '';
    taken.push({ address: receiver?.target?.address ?? '', to, body: message?.body });
    if (unknown.includes(to)) delivery?.reject({ condition: 'amqp:not-found', description: 'no such queue' });
    else delivery?.accept();
    changed();
  });
  for (const event of ['error', 'disconnected', 'connection_close', 'session_close']) container.on(event, () => {});
  const listening = container.listen({
    ...{ host: '127.0.0.1', port: 0, receiver_options: { credit_window: 0, autoaccept: false } },
    ...(relay ? { offered_capabilities: ['ANONYMOUS-RELAY'] } : {}),
  });
  await new Promise((up) => listening.once('listening', up));
  toStop.push(() => listening.close());

  const client = rhea.create_container({ id: 'engine' });
  for (const event of ['error', 'disconnected']) client.on(event, () => {});
  const { port } = listening.address() as AddressInfo;
  const connection: Connection = client.connect({ host: '127.0.0.1', port, reconnect: false, username: 'anonymous' });
  await new Promise((up) => connection.once('connection_open', up));
  toStop.push(() => connection['socket'].destroy());

  let nowMs = 0;
  const counters = newCounters();
  const log = new RecordingLog();
  const replies = new BrokerReplies({
    clock: { monotonicMs: () => nowMs },
    counters,
    log,
    isSource: (address) => address === 'orders',
  });
  replies.connected(connectionOf(connection));
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((wake) => (changed = wake));
  };
  const warnings = (): object[] =>
    log.lines.filter(({ message }) => message.startsWith('AMQP reply')).map(({ fields }) => fields);
  return { replies, counters, taken, attaches, closed, until, warnings, pass: (ms: number) => (nowMs += ms) };
}

const asked = (to: string): ReplyRequest => ({ to, correlationId: 'ID:1' });
const receipt = (text: string) => ({ properties: {}, text });

describe('replies on a broker', () => {
  test('one link serves all addresses where the broker offers it', async () => {
    const b = await broker({ relay: true });
    b.replies.offer(asked('a'), receipt('1'));
    b.replies.offer(asked('b'), receipt('2'));
    b.replies.offer(asked('a'), receipt('3'));
    await b.until(() => b.taken.length === 3);
    expect(b.attaches).toEqual([null]);
    expect(b.taken.map(({ to, body }) => `${to} ${body}`)).toEqual(['a 1', 'b 2', 'a 3']);
    expect(b.counters).toMatchObject({ replies: 3, repliesLost: 0 });
  });

  test('G19: elsewhere an address has its own link, and the least recently used one is given up', async () => {
    const b = await broker({ relay: false });
    const addresses = Array.from({ length: 64 }, (_, i) => `q${i}`);
    for (const to of addresses) b.replies.offer(asked(to), receipt(to));
    await b.until(() => b.taken.length === 64);
    expect(b.attaches).toEqual(addresses);
    expect(b.taken.every(({ address, to }) => address === to)).toBe(true);
    b.replies.offer(asked('q0'), receipt('again'));
    b.replies.offer(asked('one more'), receipt('new'));
    await b.until(() => b.taken.length === 66 && b.closed.length === 1);
    expect(b.closed).toEqual(['q1']);
    expect(b.attaches).toHaveLength(65);
  });

  test('an address that is refused costs one attach and one warning, and is tried again later', async () => {
    const b = await broker({ relay: false, unknown: ['nowhere'] });
    b.replies.offer(asked('nowhere'), receipt('1'));
    await b.until(() => b.closed.length === 1);
    for (let i = 0; i < 5; i++) b.replies.offer(asked('nowhere'), receipt('x'));
    b.replies.offer(asked('there'), receipt('2'));
    await b.until(() => b.taken.length === 1);
    expect(b.attaches).toEqual(['nowhere', 'there']);
    expect(b.counters).toMatchObject({ replies: 1, repliesLost: 6 });
    expect(b.warnings()).toEqual([{ replyTo: 'nowhere', reason: 'amqp:not-found no such queue' }]);
    b.pass(10_000);
    b.replies.offer(asked('nowhere'), receipt('3'));
    await b.until(() => b.attaches.length === 3);
  });

  test('a reply that the broker rejects is counted, and said once', async () => {
    const b = await broker({ relay: true, unknown: ['nowhere'] });
    for (let i = 0; i < 3; i++) b.replies.offer(asked('nowhere'), receipt('x'));
    await b.until(() => b.taken.length === 3);
    while (b.counters.repliesLost < 3) await turns(1);
    expect(b.warnings()).toHaveLength(1);
  });

  test('a queue that orders are read from is never answered to', async () => {
    const b = await broker({ relay: true });
    b.replies.offer(asked('orders'), receipt('x'));
    b.replies.offer(asked('there'), receipt('y'));
    await b.until(() => b.taken.length === 1);
    expect(b.taken[0]?.to).toBe('there');
    expect(b.counters.repliesLost).toBe(1);
    expect(b.warnings()).toHaveLength(1);
  });

  test('G19: without credit so many replies wait and no more, and each no longer than a minute', async () => {
    const b = await broker({ relay: false, credit: 0 });
    for (let i = 0; i < 10_003; i++) b.replies.offer(asked(`q${i % 3}`), receipt('x'));
    expect(b.counters).toMatchObject({ replies: 0, repliesLost: 3 });
    b.pass(60_000);
    // What is too old makes way at every link, for whichever is offered next.
    b.replies.offer(asked('another'), receipt('new'));
    expect(b.counters).toMatchObject({ replies: 0, repliesLost: 10_003 });
  });

  test('without a connection replies are dropped and counted', async () => {
    const b = await broker({ relay: false, credit: 0 });
    b.replies.offer(asked('a'), receipt('1'));
    b.replies.disconnected();
    b.replies.offer(asked('a'), receipt('2'));
    expect(b.counters).toMatchObject({ replies: 0, repliesLost: 2 });
  });
});
