import { Buffer } from 'node:buffer';
import type { Disposition } from '@inorder/core';
import rhea, { type EventContext, type Message, type Receiver, type ReceiverOptions } from 'rhea';
import { afterEach, describe, expect, test } from 'vitest';
import { ADDRESS, Client, listener, stopAll } from './test-client.ts';
import { RELEASE, turns } from './test-parts.ts';

afterEach(stopAll);

const STORED: Disposition = {
  kind: 'accept',
  receipt: { properties: { inorderOutcome: 'STORED', inorderSequenceNo: 7 }, text: '{"outcome":"STORED"}' },
};

/** A consumer whose credit the test gives by hand. */
class Reader {
  readonly receiver: Receiver;
  readonly taken: { readonly message: Message; readonly settled: boolean }[] = [];
  refusal: string | undefined;
  #open = false;
  #drained = false;
  #waiters: (() => void)[] = [];

  constructor(client: Client, options: ReceiverOptions) {
    this.receiver = client.connection.open_receiver({ credit_window: 0, autoaccept: false, ...options });
    this.receiver.on('receiver_open', () => this.#note(() => (this.#open = true)));
    this.receiver.on('receiver_drained', () => this.#note(() => (this.#drained = true)));
    this.receiver.on('receiver_error', () =>
      this.#note(() => {
        const { condition, description } = this.receiver.error as { condition: string; description: string };
        this.refusal = `${condition} ${description}`;
      }),
    );
    this.receiver.on('message', ({ message, delivery }: EventContext) =>
      this.#note(() => message && this.taken.push({ message, settled: delivery?.remote_settled === true })),
    );
  }

  #note(change: () => unknown): void {
    change();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async until(holds: () => boolean): Promise<this> {
    while (!holds()) await new Promise<void>((wake) => this.#waiters.push(wake));
    return this;
  }

  opened = (): Promise<this> => this.until(() => this.#open);
  drained = (): Promise<this> => this.until(() => this.#drained);
  refused = async (): Promise<string> => (await this.until(() => this.refusal !== undefined)).refusal ?? '';

  get address(): string {
    return this.receiver.source.address;
  }
}

/** Sends one message for each and waits for its outcome. */
async function sendAll(client: Client, messages: readonly object[]): Promise<void> {
  const sender = await client.sender(ADDRESS);
  const from = client.outcomes.length;
  for (const [i, message] of messages.entries()) {
    await client.until(() => sender.sendable());
    sender.send({ body: `m${i}`, message_id: `ID:${i}`, ...message });
    await client.until(() => client.outcomes.length > from + i);
  }
  sender.close();
}

async function started(answer: Disposition = STORED) {
  const l = await listener();
  l.intake.answer = () => answer;
  const client = new Client(l.port);
  return { ...l, client };
}

const DYNAMIC: ReceiverOptions = { source: { dynamic: true } as ReceiverOptions['source'] & object };

describe('replies at our own listener', () => {
  test('a dynamic source gets a settled, short-lived reply that names its request', async () => {
    const { client, listener: own } = await started();
    const reader = await new Reader(client, DYNAMIC).opened();
    reader.receiver.add_credit(10);
    await sendAll(client, [{ reply_to: reader.address }, { reply_to: reader.address, correlation_id: 'mine' }, {}]);
    await reader.until(() => reader.taken.length === 2);
    const [first, second] = reader.taken;
    expect(first?.settled).toBe(true);
    expect(first?.message).toMatchObject({
      ...{ body: '{"outcome":"STORED"}', correlation_id: 'ID:0', to: reader.address, ttl: 60_000 },
      application_properties: { inorderOutcome: 'STORED', inorderSequenceNo: 7 },
    });
    expect(first?.message.durable).not.toBe(true);
    expect(second?.message.correlation_id).toBe('mine');
    expect(own.counters).toMatchObject({ accepted: 3, replies: 2, repliesLost: 0 });
  });

  test('an id that is no string comes back in its own type', async () => {
    const { client } = await started();
    const reader = await new Reader(client, { source: 'replies/ids' }).opened();
    reader.receiver.add_credit(10);
    const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    const binary = rhea.types.wrap_binary(Buffer.from([1, 2, 3]));
    const ids = [uuid, 42, binary];
    await sendAll(
      client,
      ids.map((message_id) => ({ message_id, reply_to: 'replies/ids' })),
    );
    await reader.until(() => reader.taken.length === 3);
    expect(reader.taken.map(({ message }) => message.correlation_id)).toEqual([uuid, 42, Buffer.from([1, 2, 3])]);
  });

  test('a message that is released is not answered: it comes again', async () => {
    const { client, listener: own } = await started(RELEASE);
    const reader = await new Reader(client, DYNAMIC).opened();
    reader.receiver.add_credit(10);
    await sendAll(client, [{ reply_to: reader.address }]);
    await turns(3);
    expect(reader.taken).toEqual([]);
    expect(own.counters).toMatchObject({ released: 1, replies: 0, repliesLost: 0 });
  });

  test('G19: replies wait for credit, messages do not wait for replies', async () => {
    const { client, listener: own } = await started();
    const reader = await new Reader(client, DYNAMIC).opened();
    await sendAll(
      client,
      Array.from({ length: 5 }, () => ({ reply_to: reader.address })),
    );
    expect(own.counters).toMatchObject({ accepted: 5, replies: 0 });
    reader.receiver.add_credit(2);
    await reader.until(() => reader.taken.length === 2);
    await turns(3);
    expect(reader.taken.map(({ message }) => message.correlation_id)).toEqual(['ID:0', 'ID:1']);
    reader.receiver.add_credit(10);
    await reader.until(() => reader.taken.length === 5);
  });

  test('a client that asks for what there is, and no more, is told so', async () => {
    const { client } = await started();
    const reader = await new Reader(client, DYNAMIC).opened();
    await sendAll(client, [{ reply_to: reader.address }]);
    reader.receiver.add_credit(10);
    reader.receiver.drain_credit();
    await reader.drained();
    expect(reader.taken).toHaveLength(1);
    // Credit that was drained is gone, and new credit counts from there.
    reader.receiver.drain = false;
    await sendAll(client, [{ reply_to: reader.address }]);
    reader.receiver.add_credit(1);
    await reader.until(() => reader.taken.length === 2);
  });

  test('a temporary queue keeps replies until its consumer comes, and ends with the link that made it', async () => {
    const { client, listener: own } = await started();
    const maker = client.connection.open_sender({ target: { dynamic: true } } as never);
    await new Promise((opened) => maker.once('sender_open', opened));
    const { address } = maker.target as unknown as { address: string };
    expect(address).toMatch(/^replies\/[0-9a-f]{32}$/);
    await sendAll(client, [{ reply_to: address }]);
    const reader = await new Reader(client, { source: address }).opened();
    reader.receiver.add_credit(5);
    await reader.until(() => reader.taken.length === 1);
    maker.close();
    expect(await reader.refused()).toBe('amqp:resource-deleted The temporary queue was deleted');
    await sendAll(client, [{ reply_to: address }]);
    expect(own.counters.repliesLost).toBe(1);
  });

  test('an address of another connection gets nothing, and that is said once', async () => {
    const { client, port, listener: own, log } = await started();
    const stranger = new Client(port);
    const reader = await new Reader(stranger, { source: 'replies/theirs' }).opened();
    reader.receiver.add_credit(10);
    await sendAll(client, [{ reply_to: 'replies/theirs' }, { reply_to: ADDRESS }]);
    await turns(3);
    expect(reader.taken).toEqual([]);
    expect(own.counters).toMatchObject({ accepted: 2, replies: 0, repliesLost: 2 });
    expect(log.lines.filter(({ message }) => message.startsWith('AMQP reply not delivered'))).toHaveLength(1);
  });

  test('any other consumer, a second one, and a browser are refused with a sentence', async () => {
    const { client } = await started();
    expect(await new Reader(client, { source: ADDRESS }).refused()).toMatch(
      /^amqp:not-allowed This listener only takes messages in; what can be consumed here is replies/,
    );
    await new Reader(client, { source: 'replies/a' }).opened();
    expect(await new Reader(client, { source: 'replies/a', name: 'second' }).refused()).toBe(
      'amqp:resource-locked This reply address has a consumer already',
    );
    const browser = new Reader(client, { source: { address: 'replies/b', distribution_mode: 'copy' } as never });
    expect(await browser.refused()).toMatch(/^amqp:not-implemented Browsing is not supported/);
  });

  test('G19: a connection has so many reply addresses and no more', async () => {
    const { client } = await started();
    for (let i = 0; i < 64; i++) await new Reader(client, { source: `replies/${i}` }).opened();
    expect(await new Reader(client, { source: 'replies/64' }).refused()).toBe(
      'amqp:resource-limit-exceeded A connection has at most 64 reply addresses',
    );
  });
});
