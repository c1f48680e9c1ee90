/**
 * Orders of many interfaces into one queue of a real Artemis that is killed under them. The queue is read at the end, as the
 * laboratory behind it would, and judged by the upstream's own counter (MSH-10).
 */
import { siteDocumentSchema } from '@inorder/shared';
import { testBroker } from '@inorder/testkit/broker-services';
import { eventually } from '@inorder/testkit/eventually';
import { connectJms } from '@inorder/testkit/jms-client';
import { takeUntil } from '@inorder/testkit/queue-reader';
import { expect, test } from 'vitest';
import { allSettled, brokenNumbers, deadLettersOf, incidentsOf, startRig } from './rig.ts';

const QUEUE = 'lab.orders';
const CODES = Array.from({ length: 20 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);
/** Of each interface, sent before the first kill, while the broker is down, and while it is down again. */
const WAVE = 15;
const ORDERS = 3 * WAVE * CODES.length;

test(`G4, G7, G8, G9, G10: Artemis killed twice under ${ORDERS} orders of 20 lanes into one queue: 0 lost, 0 out of order`, {
  timeout: 300_000,
}, async ({ skip }) => {
  await using broker = await testBroker('artemis', { queues: [{ name: QUEUE }] });
  if (broker === undefined) return skip('Artemis cannot run here');
  const { host, port, login } = broker.setup;
  await using rig = await startRig({
    codes: CODES,
    more: {
      connections: { hub: { kind: 'CONNECT', host, port, ...login, password: 'not this one' } },
      destinations: { queue: { kind: 'JMS', connection: 'hub', address: QUEUE, ackTimeoutMs: 2000 } },
    },
    interfacePlan: () => ({ route: [{ name: 'everything', to: 'queue', when: [] }] }),
  });
  const engine = await rig.start();
  let sent = 0;
  const sendWave = (): void => {
    for (const last = sent + WAVE; sent < last; sent += 1) for (const code of CODES) rig.send(sent + 1, { code });
  };
  sendWave();
  const incidents = () => rig.query<{ detail: string }>('SELECT kind, detail FROM incident WHERE closed_at IS NULL');
  await eventually(
    'the login is refused, and the lanes wait',
    async () => (await incidents()).some(({ detail }) => detail.startsWith('JMS_REFUSED: ')),
    { withinMs: 60_000, shown: incidents },
  );
  // The credentials are the connection's: corrected there, they hold for the destination from the next send on.
  const hub = { ...rig.site.connections['hub'], ...login };
  await rig.apply(siteDocumentSchema.parse({ connections: { hub } }));
  const delivered = async (): Promise<number> => {
    const [row] = await rig.query<{ n: number }>(
      'SELECT sum(last_delivered_sequence)::int AS n FROM message_delivery_checkpoint',
    );
    return row?.n ?? 0;
  };
  for (const share of [0.1, 0.45]) {
    await eventually('the next kill is due', async () => (await delivered()) >= ORDERS * share, { withinMs: 60_000 });
    await broker.kill();
    sendWave();
    // Down until a lane has noticed, so that the breaker and not luck brings the orders through.
    await eventually('the broker is missed', async () => (await incidentsOf(rig)).some(({ open }) => open), {
      withinMs: 30_000,
    });
    await broker.start();
  }
  await allSettled(rig, ORDERS, 120_000);

  const client = await connectJms({ port, ...login });
  expect(await client.send(QUEUE, { body: 'END' })).toMatchObject({ outcome: 'accepted' });
  await client.close();
  const taken = await takeUntil({ port, login, address: QUEUE, isLast: ({ body }) => body === 'END' });

  const seen = Map.groupBy(taken, ({ group_id: group }) => group);
  expect([...seen.keys()].sort()).toEqual(CODES);
  for (const [code, messages] of seen) {
    const counters = messages.map(({ body }) => Number(String(body).split('|')[9]?.split('.').at(-1)));
    const numbers = messages.map(({ application_properties: its }) => Number(its?.['inorderSequenceNo']));
    // Artemis knows the ids of what it has: not even a head comes twice.
    const all = Array.from({ length: sent }, (_, i) => i + 1);
    expect(counters, code).toEqual(all);
    expect(numbers, code).toEqual(all);
    expect(messages.every(({ application_properties: its }) => Number(its?.['inorderEpoch']) >= 1)).toBe(true);
    expect(await deadLettersOf(rig, code), code).toEqual([]);
  }
  expect(await brokenNumbers(rig)).toEqual([]);
  expect((await incidentsOf(rig)).filter(({ open }) => open)).toEqual([]);
  expect(rig.received).toEqual([]);
  expect((await engine.stop()).code).toBe(0);
});
