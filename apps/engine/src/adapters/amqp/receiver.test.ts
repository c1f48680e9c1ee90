import type { SourceStatus } from '@inorder/core';
import { AmqpBroker } from '@inorder/testkit/amqp-broker';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AmqpReceiver, type AmqpReceiverOptions } from './receiver.ts';
import {
  ACCEPT,
  hasNoDelay,
  Intake,
  ORIGIN_A,
  ORIGIN_B,
  REJECT,
  RELEASE,
  RecordingLog,
  realClock,
  SOURCE_A,
  SOURCE_B,
  selfSigned,
  turns,
} from './test-parts.ts';

const QUEUE = 'orders';
const toStop: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
  vi.restoreAllMocks();
});

async function broker(options: ConstructorParameters<typeof AmqpBroker>[0] = {}): Promise<AmqpBroker> {
  const started = new AmqpBroker(options);
  await started.start();
  toStop.push(() => started.stop());
  return started;
}

class Statuses {
  readonly seen: SourceStatus[] = [];
  #waiters: Array<() => void> = [];
  readonly on = (status: SourceStatus): void => {
    this.seen.push(status);
    for (const wake of this.#waiters.splice(0)) wake();
  };
  async until(holds: (status: SourceStatus) => boolean): Promise<SourceStatus> {
    for (;;) {
      const found = this.seen.find(holds);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
}

function reader(port: number, credit = 10, more: Partial<AmqpReceiverOptions> = {}) {
  const intake = new Intake();
  const log = new RecordingLog();
  const statuses = new Statuses();
  const receiver = new AmqpReceiver({
    connection: { kind: 'CONNECT', host: '127.0.0.1', port, reconnectDelayMs: 10, reconnectDelayMsMax: 100 },
    handler: intake.handler,
    log,
    clock: realClock,
    onStatus: statuses.on,
    drainMs: 200,
    ...more,
  });
  receiver.attach({ origin: ORIGIN_A, address: QUEUE, credit });
  receiver.start();
  toStop.push(() => receiver.stop());
  return { receiver, intake, log, statuses };
}

const texts = (count: number): Array<{ body: string; message_id: string }> =>
  Array.from({ length: count }, (_, i) => ({ body: `m${i + 1}`, message_id: `ID:${i + 1}` }));

describe('rhea trap: unlike outcomes in one tick go out as one range', () => {
  const random = Array.from({ length: 8 }, (_, seed) => {
    let state = seed + 1;
    return Array.from({ length: 20 }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return 'arj'[Math.floor((state / 2_147_483_648) * 3)] ?? 'a';
    }).join('');
  });
  test.each(['ar', 'ra', 'arr', 'rar', 'raar', 'aj', 'ja', 'rj', 'jj', ...random])(
    'G1: %s settles exactly',
    async (pattern) => {
      const b = await broker();
      const { intake } = reader(b.port, pattern.length);
      const wanted = [...pattern];
      b.publish(QUEUE, ...texts(wanted.length));
      await intake.until(wanted.length);
      // Every outcome in one tick; what comes back is accepted.
      intake.answer = () => ACCEPT;
      wanted.forEach((letter, i) => {
        const reject = { ...REJECT, description: `reason ${i + 1}` };
        intake.at(i).settle(letter === 'a' ? ACCEPT : letter === 'r' ? RELEASE : reject);
      });
      await b.until(() => b.waiting(QUEUE) === 0 && b.unsettled(QUEUE) === 0);
      const first = wanted.map((_, i) => b.outcomes.find((o) => o.position === i + 1));
      expect(
        first
          .map((o) => ({ accepted: 'a', released: 'r', rejected: 'j', modified: 'm' })[o?.outcome ?? 'modified'])
          .join(''),
      ).toBe(pattern);
      wanted.forEach((letter, i) => {
        if (letter === 'j') expect(first[i]?.description).toBe(`INGEST_NO_INTERFACE: reason ${i + 1}`);
      });
    },
  );
});

test('rhea trap: credit_window is not prefetch; credit and unsettled together never exceed the credit', async () => {
  const b = await broker();
  const { intake } = reader(b.port, 7);
  b.publish(QUEUE, ...texts(50));
  await intake.until(7);
  await turns(20);
  expect(intake.taken).toHaveLength(7);
  expect(b.credit(QUEUE)).toBe(0);
  intake.at(3).settle(ACCEPT);
  await intake.until(8);
  await turns(20);
  expect(intake.taken).toHaveLength(8);
  intake.answer = () => ACCEPT;
  for (const taken of intake.taken) taken.settle(ACCEPT);
  await b.until(() => b.outcomes.length === 50);
  expect(b.unsettledMost.get(QUEUE)).toBe(7);
});

test('G12: a handler that does not answer stops the credit, and all goes on when it does', async () => {
  const b = await broker();
  const { intake } = reader(b.port, 3);
  b.publish(QUEUE, ...texts(10));
  await intake.until(3);
  await turns(20);
  expect(b.waiting(QUEUE)).toBe(7);
  intake.answer = () => ACCEPT;
  for (const taken of intake.taken) taken.settle(ACCEPT);
  await b.until(() => b.outcomes.length === 10);
  expect(intake.texts).toEqual(texts(10).map((m) => m.body));
});

test('G3: what comes behind a message that goes back does not overtake it', async () => {
  const b = await broker();
  const { intake, log, receiver } = reader(b.port, 4);
  b.publish(QUEUE, ...texts(12));
  await intake.until(4);
  intake.at(0).settle(ACCEPT);
  await b.until(() => b.outcomes.length === 1);
  // The second goes back; with it all that was in hand behind it, as the handler has to. More credit was out already.
  intake.answer = () => ACCEPT;
  for (const taken of intake.taken.slice(1)) taken.settle(RELEASE);
  await b.until(() => b.waiting(QUEUE) === 0 && b.unsettled(QUEUE) === 0);
  const numbers = intake.texts.map((text) => Number(text.slice(1)));
  expect(numbers.slice(numbers.lastIndexOf(2))).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(log.lines.filter(({ message }) => message === 'AMQP source lost; attaching again')).toHaveLength(1);
  expect(receiver.counters).toMatchObject({ accepted: 12, stale: 0 });
});

test('G3: what is on its way when a message goes back is not handed on', async () => {
  const b = await broker();
  const { intake } = reader(b.port, 10);
  b.publish(QUEUE, ...texts(1));
  await intake.until(1);
  // Sent in the same turn: it arrives while the first is on its way back.
  b.publish(QUEUE, ...texts(3).slice(1));
  intake.answer = () => ACCEPT;
  intake.at(0).settle(RELEASE);
  await b.until(() => b.waiting(QUEUE) === 0 && b.unsettled(QUEUE) === 0);
  expect(intake.texts).toEqual(['m1', 'm1', 'm2', 'm3']);
});

test('G12: a message that goes back again and again comes round with back-off', async () => {
  const b = await broker();
  const delays: number[] = [];
  const clock = {
    ...realClock,
    schedule: (ms: number, callback: () => void) => {
      if (ms <= 100) delays.push(ms);
      return realClock.schedule(ms, callback);
    },
  };
  const { intake } = reader(b.port, 1, { clock });
  intake.answer = () => RELEASE;
  b.publish(QUEUE, ...texts(1));
  await intake.until(6);
  expect(delays.slice(0, 5)).toEqual([10, 20, 40, 80, 100]);
  expect(intake.taken.map(({ message }) => message.redelivered)).toEqual([false, true, true, true, true, true]);
});

test('rhea trap: a session of 2,048 slots does not stall over 5,000 messages', async () => {
  const b = await broker();
  const { intake, receiver } = reader(b.port, 100);
  intake.answer = () => ACCEPT;
  b.publish(QUEUE, ...texts(5000));
  await b.until(() => b.outcomes.length === 5000);
  expect(intake.texts).toEqual(texts(5000).map((m) => m.body));
  expect(receiver.counters).toMatchObject({ received: 5000, accepted: 5000, stale: 0, overCredit: 0 });
});

test('rhea trap: each queue has a session of its own, so a stuck queue hurts no other', async () => {
  const b = await broker();
  const { intake, receiver } = reader(b.port, 5);
  receiver.attach({ origin: ORIGIN_B, address: 'other', credit: 100 });
  intake.answer = (message) => (message.sourceId === SOURCE_B ? ACCEPT : undefined);
  b.publish(QUEUE, ...texts(5));
  b.publish('other', ...texts(2500));
  await b.until(() => b.outcomes.length === 2500);
  expect(b.unsettled(QUEUE)).toBe(5);
});

test('rhea trap: TCP_NODELAY is set on the socket to the broker', async () => {
  const net = await import('node:net');
  const opened = vi.spyOn(net.default.Socket.prototype, 'setNoDelay');
  const b = await broker();
  const { statuses } = reader(b.port);
  await statuses.until((s) => s.state === 'OPEN');
  const ours = opened.mock.contexts.filter((socket) => (socket as { remotePort?: number }).remotePort === b.port);
  expect(ours.length).toBeGreaterThan(0);
  expect(ours.every((socket) => hasNoDelay(socket as object))).toBe(true);
});

test('rhea trap: the terminus is durable and asks for unsettled messages', async () => {
  const b = await broker();
  const { statuses } = reader(b.port);
  await statuses.until((s) => s.state === 'OPEN');
  expect(b.attaches).toEqual([{ address: QUEUE, durable: 2, senderSettleMode: 0 }]);
});

describe('rhea trap: what the peer closes is not reopened', () => {
  const faults: Array<[string, (b: AmqpBroker) => void]> = [
    ['link', (b) => b.closeLinks(QUEUE)],
    ['link with an error', (b) => b.closeLinks(QUEUE, { condition: 'amqp:resource-deleted', description: 'gone' })],
    ['session', (b) => b.closeSessions(QUEUE)],
    ['session with an error', (b) => b.closeSessions(QUEUE, { condition: 'amqp:internal-error', description: 'oops' })],
    ['connection', (b) => b.closeConnections()],
    [
      'connection with an error',
      (b) => b.closeConnections({ condition: 'amqp:connection:forced', description: 'restart' }),
    ],
    [
      'connection with a fatal error',
      (b) => b.closeConnections({ condition: 'amqp:internal-error', description: 'oops' }),
    ],
    ['socket', (b) => b.cutConnections()],
  ];
  test.each(faults)(
    'G1 G3: %s closed by the peer is opened again; nothing is lost, nothing stale is accepted',
    async (_, fault) => {
      const b = await broker();
      const { intake, receiver, statuses } = reader(b.port, 5);
      b.publish(QUEUE, ...texts(8));
      await intake.until(5);
      intake.at(0).settle(ACCEPT);
      await b.until(() => b.outcomes.length === 1);
      await intake.until(6);
      fault(b);
      await statuses.until((s) => s.state === 'RETRYING');
      // All that is in hand is of the old generation now.
      for (const taken of intake.taken.slice(1)) taken.settle(ACCEPT);
      await intake.until(11);
      expect(b.outcomes).toHaveLength(1);
      expect(receiver.counters.stale).toBe(5);
      expect(intake.texts.slice(6)).toEqual(['m2', 'm3', 'm4', 'm5', 'm6']);
      expect(intake.taken.slice(6).every((t) => t.message.redelivered)).toBe(true);
      intake.answer = () => ACCEPT;
      for (const taken of intake.taken.slice(6)) taken.settle(ACCEPT);
      await b.until(() => b.outcomes.length === 8);
      expect(b.outcomes.map((o) => o.position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(b.attaches).toHaveLength(2);
    },
  );
});

test('G1: an outcome that was queued when the connection broke does nothing on the next one', async () => {
  const b = await broker();
  const { intake, receiver } = reader(b.port, 4);
  b.publish(QUEUE, ...texts(4));
  await intake.until(4);
  // Unlike outcomes wait for their turn; the cut comes first.
  for (const [i, outcome] of [ACCEPT, RELEASE, ACCEPT, RELEASE].entries()) intake.at(i).settle(outcome);
  b.cutConnections();
  await intake.until(8);
  await turns(20);
  expect(b.unsettled(QUEUE) + b.waiting(QUEUE) + b.outcomes.filter((o) => o.outcome === 'accepted').length).toBe(4);
  expect(receiver.counters.received).toBe(intake.taken.length);
});

test('a queue that is not there is tried again, and the status says why', async () => {
  const b = await broker();
  b.refused.add(QUEUE);
  const { intake, statuses } = reader(b.port, 5);
  const status = await statuses.until((s) => s.state === 'RETRYING');
  expect(status.detail).toContain('amqp:not-found no such queue');
  expect(statuses.seen.some((s) => s.state === 'OPEN')).toBe(false);
  b.refused.delete(QUEUE);
  b.publish(QUEUE, ...texts(1));
  await intake.until(1);
});

test('a broker that is not there is tried again with growing delays', async () => {
  const b = await broker();
  const { port } = b;
  await b.stop();
  const { log, intake } = reader(port, 5);
  const delays = (): unknown[] => log.lines.flatMap((l) => ('delayMs' in l.fields ? [l.fields.delayMs] : []));
  await log.until(() => delays().length >= 3);
  expect(delays().slice(0, 3)).toEqual([10, 20, 40]);
  const again = await broker({ port });
  again.publish(QUEUE, ...texts(1));
  await intake.until(1);
});

test('G22: a wrong password is refused with a reason, and tried again without a storm', async () => {
  const b = await broker({ username: 'lab', password: 'påss' });
  const connection = {
    kind: 'CONNECT',
    host: '127.0.0.1',
    port: b.port,
    reconnectDelayMs: 10,
    reconnectDelayMsMax: 100,
  } as const;
  const wrong = reader(b.port, 5, { connection: { ...connection, username: 'lab', password: 'wrong' } });
  const status = await wrong.statuses.until((s) => s.state === 'RETRYING');
  expect(status.detail).toContain('Failed to authenticate');
  expect(status.detail).not.toContain('wrong');
  await wrong.receiver.stop();
  const right = reader(b.port, 5, { connection: { ...connection, username: 'lab', password: 'påss' } });
  await right.statuses.until((s) => s.state === 'OPEN');
});

test('G22: TLS to the broker is verified, and an unknown certificate is refused', async ({ skip }) => {
  const pair = selfSigned();
  if (pair === undefined) return skip('no openssl');
  const b = await broker({ tls: pair });
  const connection = {
    kind: 'CONNECT',
    host: '127.0.0.1',
    port: b.port,
    reconnectDelayMs: 10,
    reconnectDelayMsMax: 100,
  } as const;
  const stranger = reader(b.port, 5, { connection: { ...connection, tls: { verify: true } } });
  expect((await stranger.statuses.until((s) => s.state === 'RETRYING')).detail).toMatch(/self.signed/i);
  await stranger.receiver.stop();
  const { intake } = reader(b.port, 5, { connection: { ...connection, tls: { verify: true, ca: pair.cert } } });
  intake.answer = () => ACCEPT;
  b.publish(QUEUE, ...texts(3));
  await b.until(() => b.outcomes.length === 3);
});

test('a certificate that cannot be read is a status, not a crash', async () => {
  const connection = {
    kind: 'CONNECT',
    host: '127.0.0.1',
    port: 1,
    reconnectDelayMs: 10,
    reconnectDelayMsMax: 100,
  } as const;
  const { statuses } = reader(1, 5, {
    connection: { ...connection, tls: { verify: true, cert: 'nonsense', key: 'nonsense' } },
  });
  expect((await statuses.until((s) => s.state === 'RETRYING')).detail).toContain('Could not dial');
});

test('G19: an oversized message is rejected without being kept, one of 1 MiB is taken', async () => {
  const b = await broker();
  const { intake, receiver } = reader(b.port, 5, { maxMessageBytes: 1_100_000 });
  intake.answer = () => ACCEPT;
  const big = 'x'.repeat(1_048_576);
  b.publish(QUEUE, { body: big }, { body: big + big }, { body: 'after' });
  await b.until(() => b.outcomes.length === 3);
  expect(b.outcomes.map((o) => o.outcome)).toEqual(['accepted', 'rejected', 'accepted']);
  expect(b.outcomes[1]?.description).toMatch(/^INGEST_TOO_LARGE: The message of \d+ bytes is larger than 1100000$/);
  expect(intake.at(0).text === big).toBe(true);
  expect(receiver.counters).toMatchObject({ accepted: 2, rejected: 1 });
});

test('G19: no new credit while more bytes are unsettled than unsettledBytesMax', async () => {
  const b = await broker();
  const { intake } = reader(b.port, 2, { unsettledBytesMax: 1000 });
  b.publish(QUEUE, { body: 'x'.repeat(2000) }, { body: 'y' }, { body: 'z' });
  await intake.until(2);
  intake.at(1).settle(ACCEPT);
  await b.until(() => b.outcomes.length === 1);
  await turns(20);
  expect(intake.taken).toHaveLength(2);
  intake.at(0).settle(ACCEPT);
  await intake.until(3);
});

test('a message settled by the broker is handed on all the same: nobody else has it', async () => {
  const b = await broker({ preSettle: true });
  const { intake, receiver, log } = reader(b.port, 5);
  intake.answer = () => ACCEPT;
  b.publish(QUEUE, ...texts(20));
  await intake.until(20);
  expect(receiver.counters.preSettled).toBe(20);
  expect(log.lines.some((l) => /settled a message before it was stored/.test(l.message))).toBe(true);
});

test('stop settles what is in hand, gives back the rest in order, and takes no more', async () => {
  const b = await broker();
  const { intake, receiver, statuses } = reader(b.port, 4);
  b.publish(QUEUE, ...texts(9));
  await intake.until(4);
  const stopped = receiver.stop();
  for (const taken of intake.taken) taken.settle(ACCEPT);
  await stopped;
  await b.until(() => b.connections.size === 0);
  expect(b.outcomes.map((o) => [o.position, o.outcome])).toEqual([1, 2, 3, 4].map((n) => [n, 'accepted']));
  expect(b.waiting(QUEUE)).toBe(5);
  expect(intake.taken).toHaveLength(4);
  expect(statuses.seen.at(-1)).toMatchObject({ state: 'CLOSED' });
});

test('stop does not wait for ever: what is in hand goes back to the broker', async () => {
  const b = await broker();
  const { intake, receiver } = reader(b.port, 4, { drainMs: 20 });
  b.publish(QUEUE, ...texts(4));
  await intake.until(4);
  await receiver.stop();
  await b.until(() => b.waiting(QUEUE) === 4);
  expect(b.outcomes).toEqual([]);
  for (const taken of intake.taken) taken.settle(ACCEPT);
  await turns(5);
  expect(receiver.counters.stale).toBe(4);
});

test('G3: a detached source leaves its queue to a successor, oldest message first', async () => {
  const b = await broker();
  const { intake, receiver } = reader(b.port, 2, { drainMs: 20 });
  b.publish(QUEUE, ...texts(4));
  await intake.until(2);
  await receiver.detach(SOURCE_A);
  await b.until(() => b.waiting(QUEUE) === 4);
  const successor = reader(b.port, 2);
  await successor.intake.until(2);
  expect(successor.intake.texts).toEqual(['m1', 'm2']);
});

test('rhea trap: nothing is written to the console, whatever the peer does', async () => {
  const spies = (['error', 'warn', 'log'] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation(() => {}),
  );
  const b = await broker();
  const { intake, receiver, statuses } = reader(b.port, 3);
  b.publish(QUEUE, ...texts(30));
  await intake.until(3);
  b.cutConnections();
  await intake.until(6);
  intake.answer = () => ACCEPT;
  for (const taken of intake.taken) taken.settle(ACCEPT);
  await b.until(() => b.outcomes.length === 30);
  b.closeConnections({ condition: 'amqp:internal-error', description: 'oops' });
  await statuses.until((s) => s.detail.includes('oops'));
  await receiver.stop();
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
});
