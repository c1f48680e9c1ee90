/** What operators ask of a lane: pause, skip, resolve; each act has one winner and its person is told (G13, G20). */
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { carriedOut, dryRun, ended, request } from './commands-of-people.ts';
import {
  allSettled,
  attemptsOf,
  brokenNumbers,
  checkpointOf,
  controlId,
  countersOf,
  deadLettersOf,
  incidentsOf,
  numbersOf,
  type Rig,
  startRig,
} from './rig.ts';

const statuses = async (rig: Rig, code?: string): Promise<string[]> =>
  (await numbersOf(rig, code)).map((r) => r.status);

test('G13: a paused lane sends nothing until it is resumed, then everything in order', async () => {
  await using rig = await startRig();
  const engine = await rig.start();
  expect(await carriedOut(rig, { kind: 'RESUME' })).toMatchObject({ status: 'REFUSED', refusalCode: 'NOT_PAUSED' });
  expect(await carriedOut(rig, { kind: 'PAUSE' })).toMatchObject({ status: 'DONE' });
  expect(await carriedOut(rig, { kind: 'PAUSE' })).toMatchObject({ status: 'REFUSED', refusalCode: 'ALREADY_PAUSED' });
  for (const n of [1, 2, 3]) rig.send(n);
  await eventually('all are ready', async () => (await statuses(rig)).join() === 'PROCESSED,PROCESSED,PROCESSED');
  await eventually(
    'the lane knows of them',
    async () => (await engine.lanes())[0]?.readyAhead === 3 || (await engine.lanes())[0]?.highWater === 3,
  );
  expect((await engine.lanes())[0]).toMatchObject({ state: 'PAUSED', waitingFor: { kind: 'PAUSE', by: 'analyst' } });
  expect(countersOf(rig)).toEqual([]);

  // A pause outlives the process.
  await engine.kill();
  const next = await rig.start();
  expect((await next.lanes())[0]).toMatchObject({ state: 'PAUSED' });
  expect(countersOf(rig)).toEqual([]);
  expect(await carriedOut(rig, { kind: 'RESUME' })).toMatchObject({ status: 'DONE' });
  await allSettled(rig, 3);
  expect(countersOf(rig)).toEqual([1, 2, 3]);
});

test('G13: the head that waits for a laboratory is skipped at once; those behind it go when it is back', async () => {
  await using rig = await startRig();
  await rig.lis.setListening('LIS-1', false);
  const engine = await rig.start();
  for (const n of [1, 2, 3]) rig.send(n);
  await eventually('the head waits', async () => (await engine.lanes())[0]?.state === 'ENDPOINT_DOWN');
  const shown = await dryRun(rig, { kind: 'SKIP', from: 1 });
  expect(shown).toMatchObject({ refusal: null, items: [{ sequenceNo: 1, effect: 'PASS' }] });
  expect(await carriedOut(rig, { kind: 'SKIP', from: 1, planHash: shown.hash })).toMatchObject({
    status: 'DONE',
    result: { skipped: [1] },
  });
  await eventually('checkpoint 1', async () => (await checkpointOf(rig)) === 1);
  await rig.lis.setListening('LIS-1', true);
  await allSettled(rig, 3);
  expect(countersOf(rig)).toEqual([2, 3]);
  expect(await statuses(rig)).toEqual(['SKIPPED', 'DELIVERED', 'DELIVERED']);
  expect(await carriedOut(rig, { kind: 'SKIP', from: 1 })).toMatchObject({
    status: 'REFUSED',
    refusalCode: 'ALREADY_SETTLED',
  });
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G13: a skip that races an acknowledgement has one winner, and the loser is told', async () => {
  const codes = Array.from({ length: 24 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);
  await using rig = await startRig({ codes, delivery: { retryDelayMs: [50] }, destination: { ackTimeoutMs: 250 } });
  await rig.start();
  // A third of the answers is there before the skip, a third comes while it waits, a third is lost.
  for (const [i, code] of codes.entries()) {
    if (i % 3 === 1)
      rig.lis.switches.set({ id: code, interface: code, times: 1, fault: { kind: 'delay', ms: 5 + i * 8 } });
    if (i % 3 === 2) rig.lis.switches.set({ id: code, interface: code, times: 1, fault: { kind: 'dropAnswer' } });
  }
  for (const n of [1, 2]) for (const code of codes) rig.send(n, { code });
  await eventually('every head is out', () => codes.every((code) => countersOf(rig, code).length > 0));
  const asked = await Promise.all(codes.map((code) => request(rig, { kind: 'SKIP', code, from: 1 })));
  const ends = await Promise.all(asked.map((id) => ended(rig, id)));
  await allSettled(rig, 2 * codes.length);

  const stories = new Set<string>();
  for (const [i, code] of codes.entries()) {
    const command = ends[i];
    const story = `${(await statuses(rig, code))[0]} ${command?.status} ${command?.refusalCode ?? ''}`.trim();
    stories.add(story);
    expect(['DELIVERED REFUSED ALREADY_SETTLED', 'SKIPPED DONE'], code).toContain(story);
  }
  // Both ends of the race were seen.
  expect([...stories].sort()).toEqual(['DELIVERED REFUSED ALREADY_SETTLED', 'SKIPPED DONE']);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0 });
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G13: a skip whose bytes may be out says so before it is asked for', async () => {
  await using rig = await startRig({ destination: { ackTimeoutMs: 150 }, delivery: { onUnknown: 'hold' } });
  rig.lis.switches.set({ id: 'lost', controlId: controlId(1), times: 1, fault: { kind: 'dropAnswer' } });
  const engine = await rig.start();
  for (const n of [1, 2]) rig.send(n);
  await eventually('the lane holds', async () => (await engine.lanes())[0]?.state === 'HOLDING');
  const shown = await dryRun(rig, { kind: 'SKIP', from: 1 });
  expect(shown.warnings).toContainEqual({ kind: 'MAYBE_DELIVERED', sequenceNo: 1 });
  expect(await carriedOut(rig, { kind: 'SKIP', from: 1, planHash: shown.hash })).toMatchObject({ status: 'DONE' });
  await allSettled(rig, 2);
  expect(countersOf(rig)).toEqual([1, 2]);
});

test('G8, G13: under onUnknown hold the lane asks; arrived, send again and give up each do what they say', async () => {
  const codes = ['LAB-0001', 'LAB-0002', 'LAB-0003'];
  const resolutions = ['ARRIVED', 'SEND_AGAIN', 'DEAD_LETTER'] as const;
  await using rig = await startRig({ codes, destination: { ackTimeoutMs: 150 }, delivery: { onUnknown: 'hold' } });
  for (const code of codes) {
    rig.lis.switches.set({ id: code, controlId: controlId(2, code), times: 1, fault: { kind: 'dropAnswer' } });
  }
  let engine = await rig.start();
  for (const n of [1, 2, 3]) for (const code of codes) rig.send(n, { code });
  const allHold = () =>
    eventually('all lanes hold', async () =>
      (await engine.lanes()).every(
        (lane) => lane.waitingFor?.kind === 'HOLD' && lane.waitingFor.reason === 'UNKNOWN_OUTCOME',
      ),
    );
  await allHold();
  // The question stands over a crash: nothing is sent again by itself.
  await engine.kill();
  engine = await rig.start();
  await allHold();
  for (const code of codes) {
    expect(countersOf(rig, code)).toEqual([1, 2]);
    expect(await carriedOut(rig, { kind: 'RESUME', code })).toMatchObject({ status: 'REFUSED' });
  }
  for (const [i, resolution] of resolutions.entries()) {
    const code = codes[i] ?? '';
    expect(await carriedOut(rig, { kind: 'RESOLVE_UNKNOWN', code, resolution }), resolution).toMatchObject({
      status: 'DONE',
    });
  }
  await allSettled(rig, 9);
  expect(countersOf(rig, 'LAB-0001')).toEqual([1, 2, 3]);
  expect(countersOf(rig, 'LAB-0002')).toEqual([1, 2, 2, 3]);
  expect(countersOf(rig, 'LAB-0003')).toEqual([1, 2, 3]);
  expect(await statuses(rig, 'LAB-0001')).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
  expect(await statuses(rig, 'LAB-0002')).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
  expect(await statuses(rig, 'LAB-0003')).toEqual(['DELIVERED', 'FAILED', 'DELIVERED']);
  expect((await attemptsOf(rig, 'LAB-0001')).filter((a) => a.n === 2).map((a) => a.outcome)).toEqual([
    'UNKNOWN',
    'CONFIRMED_BY_OPERATOR',
  ]);
  expect(await deadLettersOf(rig, 'LAB-0003')).toMatchObject([
    { n: 2, code: 'LANE_DEAD_LETTERED_BY_OPERATOR', maybe: true },
  ]);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G20: a laboratory that rejects everything: the lane holds after passLimit with one incident, and goes on once its head is repaired', async () => {
  await using rig = await startRig({ delivery: { passLimit: 5, retries: 0 } });
  rig.lis.switches.set({ id: 'all', fault: { kind: 'answer', code: 'AR' } });
  const engine = await rig.start();
  for (let n = 1; n <= 12; n += 1) rig.send(n);
  await eventually('the lane holds', async () => (await engine.lanes())[0]?.state === 'HOLDING');
  expect(await checkpointOf(rig)).toBe(5);
  expect(Math.max(...countersOf(rig))).toBe(6);
  expect((await incidentsOf(rig)).filter((i) => i.open)).toMatchObject([{ scope: 'LAB-0001', occurrences: 1 }]);

  rig.lis.switches.clear();
  // The one it holds before is not passed yet: it is repaired in its own place. What is behind it follows.
  const shown = await dryRun(rig, { kind: 'REPLAY', from: 6 });
  expect(shown.items).toMatchObject([{ sequenceNo: 6, effect: 'REPAIR_IN_PLACE' }]);
  expect(await carriedOut(rig, { kind: 'REPLAY', from: 6, planHash: shown.hash })).toMatchObject({ status: 'DONE' });
  await allSettled(rig, 12);
  expect(await statuses(rig)).toEqual([...Array(5).fill('FAILED'), ...Array(7).fill('DELIVERED')]);
  expect((await incidentsOf(rig)).filter((i) => i.open)).toEqual([]);
});

test('G20: RESUME releases a lane that holds after passLimit: its head is passed, the rest is delivered', async () => {
  await using rig = await startRig({ delivery: { passLimit: 3, retries: 0 } });
  rig.lis.switches.set({ id: 'all', fault: { kind: 'answer', code: 'AR' } });
  const engine = await rig.start();
  for (let n = 1; n <= 6; n += 1) rig.send(n);
  await eventually('the lane holds', async () => (await engine.lanes())[0]?.state === 'HOLDING');
  expect(await checkpointOf(rig)).toBe(3);
  rig.lis.switches.clear();
  expect(await carriedOut(rig, { kind: 'RESUME' })).toMatchObject({ status: 'DONE' });
  await allSettled(rig, 6);
  expect(await statuses(rig)).toEqual(['FAILED', 'FAILED', 'FAILED', 'FAILED', 'DELIVERED', 'DELIVERED']);
  expect((await incidentsOf(rig)).filter((i) => i.open)).toEqual([]);
});
