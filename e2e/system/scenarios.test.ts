/** The product's two scenarios, to the letter, on Postgres, with a real engine and a real laboratory. */
import type { EngineProcess } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { becomeReady, type StoredLane, storeNumbers } from '../running/stored-numbers.ts';
import {
  attemptsOf,
  brokenNumbers,
  CODE,
  checkpointOf,
  countersOf,
  deadLettersOf,
  makeOrder,
  numbersOf,
  type Rig,
  startRig,
} from './rig.ts';

function laneOf(rig: Rig): StoredLane {
  return { pool: rig.pool, code: CODE, endpoint: 'LIS-1', order: (counter) => makeOrder(counter) };
}

const statuses = async (rig: Rig): Promise<string[]> => (await numbersOf(rig)).map((row) => `${row.n} ${row.status}`);

/** The watchdog has looked at the waiting head twice since now: what is in Postgres was seen. */
async function watchdogLooked(engine: EngineProcess): Promise<void> {
  const looks = async (): Promise<number> => {
    const { delivery } = (await engine.counters()) as { delivery: { lookUps: number } };
    return delivery.lookUps;
  };
  const before = await looks();
  await eventually('the watchdog looks twice', async () => (await looks()) >= before + 2);
}

test('Scenario 1: 1 and 2 failed, 3 is ready: 1 and 2 are passed with their reason, 3 is delivered, checkpoint 3', async () => {
  await using rig = await startRig();
  await storeNumbers(laneOf(rig), ['FAILED', 'FAILED', 'PROCESSED'], 0);
  expect(await checkpointOf(rig)).toBe(0);

  await rig.start();
  await eventually('checkpoint 3', async () => (await checkpointOf(rig)) === 3);

  expect(countersOf(rig)).toEqual([3]);
  expect(await numbersOf(rig)).toEqual([
    { n: 1, status: 'FAILED', settled: true },
    { n: 2, status: 'FAILED', settled: true },
    { n: 3, status: 'DELIVERED', settled: true },
  ]);
  const reason = { code: 'HL7_FIELD_MISSING', stage: 'VALIDATE', path: 'PID-3' };
  expect(await deadLettersOf(rig)).toMatchObject([
    { n: 1, ...reason },
    { n: 2, ...reason },
  ]);
  expect(await attemptsOf(rig)).toMatchObject([{ n: 3, kind: 'FIRST', outcome: 'ACKED', ack: 'AA' }]);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('Scenario 2: 11-14 and 18 in the stages, 15 failed, 16, 17 and 19 early: each goes in its turn and none before', async () => {
  await using rig = await startRig();
  const ten = Array.from({ length: 10 }, () => 'DELIVERED' as const);
  const rest = [
    ...(['RECEIVED', 'RECEIVED', 'RECEIVED', 'RECEIVED'] as const),
    'FAILED',
    'PROCESSED',
    'PROCESSED',
    'RECEIVED',
    'PROCESSED',
  ] as const;
  await storeNumbers(laneOf(rig), [...ten, ...rest], 10);
  const engine = await rig.start({ env: { INORDER_RECONCILE_INTERVAL_MS: '200' } });

  await watchdogLooked(engine);
  expect(countersOf(rig)).toEqual([]);
  for (const early of [13, 12, 14]) {
    await becomeReady(laneOf(rig), early);
    await watchdogLooked(engine);
    expect(countersOf(rig)).toEqual([]);
    expect(await checkpointOf(rig)).toBe(10);
  }
  expect((await engine.lanes()).map((lane) => lane.waitingFor)).toMatchObject([{ sequenceNo: 11 }]);

  await becomeReady(laneOf(rig), 11);
  await eventually('checkpoint 17', async () => (await checkpointOf(rig)) === 17);
  expect(countersOf(rig)).toEqual([11, 12, 13, 14, 16, 17]);
  await watchdogLooked(engine);
  expect(countersOf(rig)).toEqual([11, 12, 13, 14, 16, 17]);
  expect((await engine.lanes()).map((lane) => lane.waitingFor)).toMatchObject([{ sequenceNo: 18 }]);
  expect((await statuses(rig)).slice(14)).toEqual([
    '15 FAILED',
    '16 DELIVERED',
    '17 DELIVERED',
    '18 RECEIVED',
    '19 PROCESSED',
  ]);

  await becomeReady(laneOf(rig), 18);
  await eventually('checkpoint 19', async () => (await checkpointOf(rig)) === 19);
  expect(countersOf(rig)).toEqual([11, 12, 13, 14, 16, 17, 18, 19]);
  expect(rig.lis.judge.report()).toMatchObject({ orderViolations: 0, repeats: 0 });
  expect((await attemptsOf(rig)).map((a) => a.n)).toEqual([11, 12, 13, 14, 16, 17, 18, 19]);
  expect(await brokenNumbers(rig)).toEqual([]);
});
