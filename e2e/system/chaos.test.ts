/**
 * A Java application sends to Artemis while instances, broker and Redis are killed in turn (G1, G2, G4, G9, G11).
 * INORDER_SYSTEM_JMS_ORDERS says how many orders, INORDER_SYSTEM_RATE how many a second, INORDER_SYSTEM_KILLS how often each is
 * killed: 3,000, 250 and once by default; 100,000, 600 and five times in the full form.
 */
import { testBroker } from '@inorder/testkit/broker-services';
import { type EngineProcess, SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { redisServer } from '@inorder/testkit/redis-server';
import { expect, test } from 'vitest';
import { acknowledge, counted, java, orderTemplate, theClient } from './jms-orders.ts';
import { ADDRESS, allSettled, brokenNumbers, controlId, type Rig, startRig } from './rig.ts';

const ORDERS = Number(process.env['INORDER_SYSTEM_JMS_ORDERS'] ?? 3_000);
/** Orders per second that the client sends, so that it is at it while the broker dies. */
const RATE = Number(process.env['INORDER_SYSTEM_RATE'] ?? 250);
const ROUNDS = Number(process.env['INORDER_SYSTEM_KILLS'] ?? 1);
const CODES = Array.from({ length: 20 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);
/** The slowest that a loaded machine is expected to be. */
const ORDERS_PER_SECOND_MIN = 40;

test(`G1, G4, G9, G11: ${ORDERS} orders of a JMS client over Artemis; instances, Redis and broker killed in turn: 0 lost, 0 reordered`, {
  skip: java === undefined,
  timeout: 180_000 + (ORDERS / ORDERS_PER_SECOND_MIN) * 1000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const broker = await testBroker('artemis', { queues: [{ name: ADDRESS, exclusive: true }] });
  if (broker === undefined) throw new Error('the JMS client could be built, but Artemis cannot run');
  stack.use(broker);
  const redis = stack.use(await redisServer());
  await redis.start();
  const rig = stack.use(
    await startRig({ codes: CODES, stragglersByConnection: true, broker: broker.setup, redisUrl: redis.url }),
  );
  const start = (instance: string): Promise<EngineProcess> => rig.start({ instance, env: SHORT_LEASES });
  const engines = new Map([
    ['engine-1', await start('engine-1')],
    ['engine-2', await start('engine-2')],
  ]);
  const killEngine = async (name: string): Promise<void> => {
    await engines.get(name)?.kill();
    engines.set(name, await start(name));
  };
  const faults: readonly (readonly [string, () => Promise<void>])[] = [
    ['engine-1', () => killEngine('engine-1')],
    [
      'Redis',
      async () => {
        await redis.kill();
        await more(rig, 50);
        await redis.start();
      },
    ],
    [
      'Artemis',
      async () => {
        await broker.kill();
        await broker.start();
      },
    ],
    ['engine-2', () => killEngine('engine-2')],
  ];

  using order = orderTemplate();
  const { login, port } = broker.setup;
  await using client = theClient().start({
    ...{ url: `amqp://127.0.0.1:${port}`, user: login.username, password: login.password, queue: ADDRESS },
    ...{ interfaces: CODES.join(','), template: order.file, count: ORDERS },
    ...{ rate: RATE, confirm: 'async', retry: true, 'in-flight': 500 },
  });
  const beganMs = performance.now();
  const kills = Array.from({ length: ROUNDS }, () => faults).flat();
  for (const [index, [name, strike]] of kills.entries()) {
    const share = Math.floor((ORDERS * (index + 1)) / (kills.length + 2));
    await eventually(`${share} received before ${name} is killed`, () => rig.received.length >= share, {
      withinMs: 60_000 + (ORDERS / ORDERS_PER_SECOND_MIN) * 1000,
      everyMs: 10,
    });
    await strike();
  }
  const result = await client.result;
  expect(result).toMatchObject({ confirmed: ORDERS, failures: [], open: 0, error: null });
  const perLane = (lane: number): number => Math.floor(ORDERS / CODES.length) + (lane < ORDERS % CODES.length ? 1 : 0);
  const ids = CODES.flatMap((code, lane) => Array.from({ length: perLane(lane) }, (_, i) => controlId(i + 1, code)));
  acknowledge(rig, ids, result);
  await allSettled(rig, ORDERS, 60_000 + (ORDERS / ORDERS_PER_SECOND_MIN) * 1000);
  const seconds = (performance.now() - beganMs) / 1000;

  const report = rig.lis.judge.report();
  expect(report).toMatchObject({ missing: 0, regressions: 0, outOfOrder: 0, gaps: 0, notTaken: 0, foreign: 0 });
  expect(report.distinct).toBe(ORDERS);
  // G9: a repeat is the last send of a lane before its owner was killed.
  expect(report.repeats).toBe(report.headRepeats + report.stragglers);
  expect(report.repeats).toBeLessThanOrEqual(2 * ROUNDS * CODES.length);
  // G2: what the client sent again after the broker's death, and the broker after ours, got no second number.
  expect(await counted(rig)).toEqual({ numbers: ORDERS, messages: ORDERS, refused: 0 });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  expect(await brokenNumbers(rig)).toEqual([]);
  process.stdout.write(
    `${ORDERS} orders in ${Math.round(seconds)} s through ${kills.length} kills: ${result.sent} sends, ${report.repeats} repeats at the laboratory, ${result.connections} connections of the client\n`,
  );
});

async function more(rig: Rig, count: number): Promise<void> {
  const from = rig.received.length;
  await eventually(`${count} more arrive`, () => rig.received.length >= from + count, { withinMs: 60_000 });
}
