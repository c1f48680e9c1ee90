/** Repair and replay: in place where nothing is late, late where it is, and never a changed end (G14). */

import { siteDocumentSchema } from '@inorder/shared';
import { catalogueTable, OrderGenerator, UNKNOWN_CODES } from '@inorder/simulator';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { carriedOut, dryRun } from './commands-of-people.ts';
import {
  allSettled,
  attemptsOf,
  brokenNumbers,
  CODE,
  checkpointOf,
  controlId,
  countersOf,
  deadLettersOf,
  numbersOf,
  type Rig,
  startRig,
  TABLE,
} from './rig.ts';

/** The code table learns what it did not know; `change` maps known codes to other targets. */
async function teachCodes(rig: Rig, change: (target: string) => string = (target) => target): Promise<void> {
  const { targetSystem, entries } = catalogueTable();
  const known = entries.map((entry) => ({ ...entry, target: change(entry.target) }));
  const learnt = UNKNOWN_CODES.map((code) => ({ code, target: '2345-7', display: 'A new test' }));
  await rig.apply(
    siteDocumentSchema.parse({ codeTables: { [TABLE]: { targetSystem, entries: [...known, ...learnt] } } }),
  );
}

interface ReplayRow {
  readonly n: number;
  readonly state: string;
  readonly code: string | null;
  readonly control: string | null;
}

const replays = (rig: Rig) =>
  rig.query<ReplayRow & Record<string, unknown>>(
    'SELECT sequence_no::int AS n, state::text AS state, error_code AS code, control_id AS control FROM replay ORDER BY requested_at, replay_id',
  );

const replayEnds = (rig: Rig, count: number) =>
  eventually('the replays end', async () => {
    const rows = await replays(rig);
    return rows.length === count && rows.every((row) => row.state === 'DELIVERED' || row.state === 'FAILED')
      ? rows
      : undefined;
  });

test('G14: a number not yet passed is repaired in its own place: nothing is late', async () => {
  await using rig = await startRig({ delivery: { onFailure: 'hold' } });
  const engine = await rig.start();
  for (const n of [1, 2, 3]) rig.send(n, n === 2 ? { poison: 'unknownCode' } : {});
  await eventually('the lane holds before 2', async () => (await engine.lanes())[0]?.state === 'HOLDING');
  expect(await checkpointOf(rig)).toBe(1);
  await teachCodes(rig);
  const shown = await dryRun(rig, { kind: 'REPLAY', from: 2 });
  expect(shown).toMatchObject({ refusal: null, warnings: [], items: [{ sequenceNo: 2, effect: 'REPAIR_IN_PLACE' }] });
  expect(await carriedOut(rig, { kind: 'REPLAY', from: 2, planHash: shown.hash })).toMatchObject({
    status: 'DONE',
    result: { repaired: [2], replays: [] },
  });
  await allSettled(rig, 3);
  expect(countersOf(rig)).toEqual([1, 2, 3]);
  expect((await numbersOf(rig)).map((row) => row.status)).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
  expect(await deadLettersOf(rig)).toMatchObject([{ n: 2, resolved: true }]);
  expect(await replays(rig)).toEqual([]);
  expect(rig.lis.judge.report()).toMatchObject({ orderViolations: 0, repeats: 0 });
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G14: a settled number is replayed late: its end and the checkpoint stay, the attempt says REPLAY', async () => {
  await using rig = await startRig();
  await rig.start();
  for (const n of [1, 2, 3]) rig.send(n, n === 2 ? { poison: 'unknownCode' } : {});
  await allSettled(rig, 3);
  expect(countersOf(rig)).toEqual([1, 3]);
  await teachCodes(rig);
  const shown = await dryRun(rig, { kind: 'REPLAY', from: 2 });
  expect(shown.items).toMatchObject([{ sequenceNo: 2, effect: 'REPLAY_LATE' }]);
  rig.lis.judge.announceReplay(controlId(2));
  expect(await carriedOut(rig, { kind: 'REPLAY', from: 2, planHash: shown.hash })).toMatchObject({ status: 'DONE' });
  // Never sent before: no laboratory knows the old control id, so it keeps it.
  expect(await replayEnds(rig, 1)).toMatchObject([{ n: 2, state: 'DELIVERED', code: null, control: controlId(2) }]);
  expect(countersOf(rig)).toEqual([1, 3, 2]);
  expect(rig.lis.judge.report()).toMatchObject({ lateReplays: 1, orderViolations: 0 });
  expect(await numbersOf(rig)).toEqual([
    { n: 1, status: 'DELIVERED', settled: true },
    { n: 2, status: 'FAILED', settled: true },
    { n: 3, status: 'DELIVERED', settled: true },
  ]);
  expect(await checkpointOf(rig)).toBe(3);
  expect((await attemptsOf(rig)).filter((a) => a.n === 2)).toMatchObject([{ kind: 'REPLAY', outcome: 'ACKED' }]);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G14: a replay whose bytes differ from what was sent gets a new control id; equal bytes keep the old one', async () => {
  await using rig = await startRig();
  await rig.start();
  for (const n of [1, 2]) rig.send(n);
  await allSettled(rig, 2);
  rig.lis.judge.announceReplay(controlId(1));
  await carriedOut(rig, { kind: 'REPLAY', from: 1 });
  expect(await replayEnds(rig, 1)).toMatchObject([{ n: 1, state: 'DELIVERED', control: controlId(1) }]);

  // Every code stands for another test now: the bytes of number 1 differ.
  await teachCodes(rig, (target) => (target === '2345-7' ? '2951-2' : '2345-7'));
  await carriedOut(rig, { kind: 'REPLAY', from: 1 });
  const [, second] = await replayEnds(rig, 2);
  expect(second).toMatchObject({ n: 1, state: 'DELIVERED' });
  expect(second?.control).not.toBe(controlId(1));
  expect(rig.received).toEqual([controlId(1), controlId(2), controlId(1), second?.control]);
  // Both ids stand beside each other.
  expect((await attemptsOf(rig)).filter((a) => a.n === 1)).toMatchObject([
    { kind: 'FIRST', control: controlId(1) },
    { kind: 'REPLAY', control: controlId(1) },
    { kind: 'REPLAY', control: second?.control },
  ]);
  expect(rig.lis.judge.report()).toMatchObject({ lateReplays: 1, orderViolations: 0, foreign: 1 });
});

test('G14: a replay that fails again is its own record; nothing else changes', async () => {
  await using rig = await startRig();
  await rig.start();
  for (const n of [1, 2]) rig.send(n, n === 1 ? { poison: 'unknownCode' } : {});
  await allSettled(rig, 2);
  await carriedOut(rig, { kind: 'REPLAY', from: 1 });
  expect(await replayEnds(rig, 1)).toMatchObject([{ n: 1, state: 'FAILED', code: 'ENRICH_CODE_UNKNOWN' }]);
  rig.send(3);
  await allSettled(rig, 3);
  expect(countersOf(rig)).toEqual([2, 3]);
  expect((await numbersOf(rig)).map((row) => row.status)).toEqual(['FAILED', 'DELIVERED', 'DELIVERED']);
});

test('G13, G14: many failed numbers are replayed in their order while traffic goes on', async () => {
  await using rig = await startRig({ delivery: { passLimit: 0 } });
  await rig.start();
  for (let n = 1; n <= 10; n += 1) rig.send(n, n % 2 === 0 ? { poison: 'unknownCode' } : {});
  await allSettled(rig, 10);
  await teachCodes(rig);
  for (const n of [2, 4, 6, 8, 10]) rig.lis.judge.announceReplay(controlId(n));
  for (const n of [2, 4, 6, 8, 10]) await carriedOut(rig, { kind: 'REPLAY', from: n });
  for (let n = 11; n <= 15; n += 1) rig.send(n);
  await replayEnds(rig, 5);
  await allSettled(rig, 15);
  const seen = countersOf(rig).slice(5);
  expect(seen.filter((n) => n <= 10)).toEqual([2, 4, 6, 8, 10]);
  expect(seen.filter((n) => n > 10)).toEqual([11, 12, 13, 14, 15]);
  // The laboratory had never seen a later one than 9 when 10 came.
  expect(rig.lis.judge.report()).toMatchObject({ lateReplays: 4, orderViolations: 0, missing: 0 });
});

test('G13: a plan that is no longer true is refused, with the plan of now', async () => {
  await using rig = await startRig();
  const engine = await rig.start();
  await carriedOut(rig, { kind: 'PAUSE' });
  rig.send(1, { poison: 'unknownCode' });
  await eventually('1 has failed', async () => (await numbersOf(rig))[0]?.status === 'FAILED');
  const shown = await dryRun(rig, { kind: 'REPLAY', from: 1 });
  expect(shown.items).toMatchObject([{ effect: 'REPAIR_IN_PLACE' }]);
  await carriedOut(rig, { kind: 'RESUME' });
  await eventually('1 is passed', async () => (await checkpointOf(rig)) === 1);
  const refused = await carriedOut(rig, { kind: 'REPLAY', from: 1, planHash: shown.hash });
  expect(refused).toMatchObject({
    status: 'REFUSED',
    refusalCode: 'PLAN_CHANGED',
    result: { items: [{ sequenceNo: 1, effect: 'REPLAY_LATE' }] },
  });
  expect(await replays(rig)).toEqual([]);
  expect((await engine.lanes())[0]).toMatchObject({ state: 'IDLE' });
});

test('G14: who replays a new order after its cancel was delivered is warned', async () => {
  await using rig = await startRig({ delivery: { retries: 0 } });
  await rig.start();
  const generator = new OrderGenerator({ seed: 5, interfaces: [{ code: CODE }] });
  const orders = Array.from({ length: 40 }, () => generator.nextFor(CODE, Date.now()));
  const cancel = orders.findIndex((o) => o?.control === 'CA');
  const created = orders.findIndex((o) => o?.control === 'NW' && o.placerNumber === orders[cancel]?.placerNumber);
  if (cancel < 0 || created < 0) throw new Error('the seed makes no cancelled order');
  rig.lis.switches.set({ id: 'refuse', controlId: controlId(created + 1), fault: { kind: 'answer', code: 'AR' } });
  for (const order of orders.slice(0, cancel + 1)) if (order !== undefined) rig.sender.offer(order);
  await allSettled(rig, cancel + 1);
  const shown = await dryRun(rig, { kind: 'REPLAY', from: created + 1 });
  expect(shown.warnings).toContainEqual(
    expect.objectContaining({
      kind: 'AFTER_CANCEL',
      sequenceNo: created + 1,
      orderControl: 'NW',
      cancelSequenceNo: cancel + 1,
      cancelOrderControl: 'CA',
    }),
  );
});
