/** The JMS destination at real brokers: what they do with its message ids, its groups, and when they stand still. */
import { type DeliveryRequest, messageId } from '@inorder/core';
import { connectionDocumentSchema, destinationDocumentSchema } from '@inorder/shared';
import { testBroker } from '@inorder/testkit/broker-services';
import { NEVER, orderOf } from '@inorder/testkit/delivery-request';
import { takeUntil } from '@inorder/testkit/queue-reader';
import type { Message } from 'rhea';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MeasuredDestination, openDestination } from '../destination.ts';
import { realClock } from './test-parts.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };

describe.each(['artemis', 'rabbitmq'] as const)('a JMS destination at %s', (kind) => {
  let broker: Awaited<ReturnType<typeof testBroker>>;

  beforeAll(async () => {
    broker = await testBroker(kind, { queues: [{ name: 'lab' }, { name: 'frozen' }, { name: 'down' }] });
  }, 180_000);
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
  });

  interface Plan {
    readonly password?: string;
    readonly ackTimeoutMs?: number;
  }

  function at(queue: string, running: NonNullable<typeof broker>, plan: Plan = {}): MeasuredDestination {
    const { password = running.setup.login.password, ...settings } = plan;
    const { host, port, login, addressOf } = running.setup;
    const connection = { kind: 'CONNECT', host, port, username: login.username, password };
    const document = {
      kind: 'JMS',
      connection: 'hub',
      address: addressOf(queue),
      connectTimeoutMs: 30_000,
      ...settings,
    };
    return openDestination(
      {
        document: destinationDocumentSchema.parse(document),
        connection: connectionDocumentSchema.parse(connection),
      },
      realClock,
      SILENT,
    );
  }

  /** Everything in the queue: up to an order that is sent behind it. */
  async function take(queue: string, running: NonNullable<typeof broker>): Promise<Message[]> {
    const { port, login, addressOf } = running.setup;
    const destination = at(queue, running);
    const end = orderOf('END', { messageId: messageId('01900000-0000-7000-8000-0000000000ff') });
    expect((await destination.deliver(end, NEVER)).ok).toBe(true);
    await destination.close();
    const isLast = ({ correlation_id: id }: Message): boolean => id === 'END';
    return takeUntil({ port, login, address: addressOf(queue), isLast });
  }
  const textOf = ({ body }: Message): string => String(body);
  const payloadOf = (request: DeliveryRequest): string => Buffer.from(request.payload).toString();

  test('orders lie in the queue as they were sent, with group, id and number', async ({ skip }) => {
    if (broker === undefined) return skip(`${kind} cannot run here`);
    const destination = at('lab', broker);
    const orders = ['A', 'B', 'C'].map((id, index) =>
      orderOf(id, { messageId: messageId(`01900000-0000-7000-8000-00000000010${index}`) }),
    );
    for (const order of orders)
      expect(await destination.deliver(order, NEVER)).toMatchObject({ ok: true, ackCode: 'ACCEPTED' });
    await destination.close();
    const taken = await take('lab', broker);
    expect(taken.map(textOf)).toEqual(orders.map(payloadOf));
    expect(taken[0]).toMatchObject({
      durable: true,
      message_id: expect.stringMatching(/^ID:01900000-0000-7000-8000-000000000100:/),
      group_id: 'LAB-0001',
      correlation_id: 'A',
      application_properties: { inorderInterface: 'LAB-0001', inorderSequenceNo: 7, inorderEpoch: 3 },
    });
  }, 60_000);

  test('G7: a wrong password is the endpoint’s failure', async ({ skip }) => {
    if (broker === undefined) return skip(`${kind} cannot run here`);
    const destination = at('lab', broker, { password: 'wrong' });
    expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({ ok: false, code: 'JMS_REFUSED' });
    await destination.close();
  }, 60_000);

  test('G8: a broker that stands still is an unknown outcome; sent again, the order is there', async ({ skip }) => {
    if (broker === undefined) return skip(`${kind} cannot run here`);
    const before = orderOf('A');
    const order = orderOf('B', { messageId: messageId('01900000-0000-7000-8000-000000000003') });
    const destination = at('frozen', broker, { ackTimeoutMs: 1000 });
    expect((await destination.deliver(before, NEVER)).ok).toBe(true);
    process.kill(broker.pid, 'SIGSTOP');
    try {
      expect(await destination.deliver(order, NEVER)).toMatchObject({ ok: false, code: 'JMS_NO_ANSWER' });
    } finally {
      process.kill(broker.pid, 'SIGCONT');
    }
    await destination.close();
    const again = at('frozen', broker);
    const resend = { ...order, possibleDuplicate: true, attempt: 2 };
    expect((await again.deliver(resend, NEVER)).ok).toBe(true);
    // Sent for certain a second time, and once more as an operator's replay.
    expect((await again.deliver({ ...resend, attempt: 3 }, NEVER)).ok).toBe(true);
    const replay = { ...resend, attempt: 4, replayId: '01900000-0000-7000-8000-000000000009' };
    expect((await again.deliver(replay, NEVER)).ok).toBe(true);
    await again.close();
    const bodies = (await take('frozen', broker)).map(textOf);
    expect(bodies[0]).toBe(payloadOf(before));
    expect(new Set(bodies.slice(1))).toEqual(new Set([payloadOf(order)]));
    // Artemis knows the id and stores each message once; RabbitMQ stores what comes.
    if (kind === 'artemis') expect(bodies).toHaveLength(3);
    else expect(bodies.length).toBeGreaterThanOrEqual(4);
  }, 60_000);

  test('G7: killed, it is an endpoint failure or an unknown outcome; what it accepted is there when it is back', async ({
    skip,
  }) => {
    if (broker === undefined) return skip(`${kind} cannot run here`);
    const destination = at('down', broker);
    expect((await destination.deliver(orderOf('A'), NEVER)).ok).toBe(true);
    await broker.kill();
    // Unknown where the connection's end has not been heard of yet.
    expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({
      code: expect.stringMatching(/^JMS_(CONNECT|NO_ANSWER)$/),
    });
    expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({ ok: false, code: 'JMS_CONNECT' });
    await broker.start();
    const order = orderOf('B', { messageId: messageId('01900000-0000-7000-8000-000000000004') });
    expect((await destination.deliver(order, NEVER)).ok).toBe(true);
    await destination.close();
    expect((await take('down', broker)).map(textOf)).toEqual([orderOf('A'), order].map(payloadOf));
  }, 120_000);
});
