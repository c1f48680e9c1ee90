/** A lane whose Postgres was restored or failed over (G21), from the hold to its release. */
import { expect, test } from 'vitest';
import { commandId, messageId, sequenceNo } from '../ids.ts';
import { LaneWorld } from './lane-world.ts';
import type { CommandChanges } from './state.ts';
import { laneStateName } from './view.ts';

const COMMAND = commandId('01890000-0000-7000-8000-00000000c0de');

/** Numbers 1 to `count` as they stand in the backup, and the lane as its next owner opens it. */
function restored(count: number, policy = {}, before: (world: LaneWorld) => void = () => undefined): LaneWorld {
  const world = new LaneWorld(policy);
  for (let n = 1; n <= count; n++) world.number();
  before(world);
  world.heldFor = 'RESTORED';
  world.epochNo += 1_000_000;
  // Given back cleanly before the backup was taken: that says nothing of what was sent after it.
  world.open(true);
  return world;
}

const ready = (world: LaneWorld): void => {
  for (const n of world.rows.keys()) world.stage(n, 'PROCESSED', null, false);
};

function carryOut(world: LaneWorld, changes: CommandChanges): void {
  world.tell({ kind: 'COMMAND', command: { commandId: COMMAND, kind: 'RESUME' }, nowAt: world.nowAt });
  expect(world.take('RUN_COMMAND')).toBeDefined();
  if (changes.release === true) world.heldFor = null;
  world.tell({ kind: 'COMMAND_DONE', changes, nowAt: world.nowAt });
  world.flow();
}

test('G21: it holds before any number, whatever comes, and goes on in order once it is released', () => {
  const world = restored(2, {}, ready);
  world.flow();
  world.number();
  world.stage(3, 'PROCESSED');
  world.flow();
  expect(laneStateName(world.state)).toBe('HOLDING');
  expect(world.arrived).toEqual([]);
  carryOut(world, { outcomes: [], release: true });
  expect(world.arrived).toEqual([1, 2, 3]);
});

test('G21: what stood at its head may have been sent after the backup; a number given since may not', () => {
  const world = restored(1, {}, ready);
  carryOut(world, { outcomes: [], release: true });
  expect(world.sends).toEqual([{ n: 1, possibleDuplicate: true, kind: 'RESEND' }]);
  const idle = restored(0);
  idle.number();
  idle.stage(1, 'PROCESSED');
  carryOut(idle, { outcomes: [], release: true });
  expect(idle.sends).toEqual([{ n: 1, possibleDuplicate: false, kind: 'FIRST' }]);
});

test('G21: to skip or to repair the head prepares the release and is none', () => {
  const world = restored(2, {}, ready);
  const skipped = {
    status: 'SKIPPED',
    messageId: messageId('01890000-0000-7000-8000-000000000001'),
    recordedAs: 'SKIPPED',
    code: null,
    deadLetter: null,
    placerKeys: [],
  } as const;
  Object.assign(world.rows.get(1) ?? {}, { status: 'SKIPPED' });
  carryOut(world, { outcomes: [{ sequenceNo: sequenceNo(1), outcome: skipped }] });
  expect(laneStateName(world.state)).toBe('HOLDING');
  expect(world.checkpoint).toBe(0);
  carryOut(world, { outcomes: [], release: true });
  expect(world.arrived).toEqual([2]);
  expect(world.statusOf(1)).toBe('SKIPPED');
});

test('G21: paused as well, the first RESUME ends the pause and not the hold', () => {
  const world = restored(1, {}, ready);
  world.state = { ...world.state, paused: { by: 'operator', sinceAt: 0 } };
  carryOut(world, { outcomes: [], paused: null, release: false });
  expect(laneStateName(world.state)).toBe('HOLDING');
  expect(world.arrived).toEqual([]);
  carryOut(world, { outcomes: [], paused: null, release: true });
  expect(world.arrived).toEqual([1]);
});

test('G21: a head that must hold for a reason of its own still does after the release', () => {
  const failed = restored(2, { onFailure: 'hold' }, (world) => world.stage(1, 'FAILED', 'HL7_FIELD_MISSING', false));
  carryOut(failed, { outcomes: [], release: true });
  expect(failed.heldFor).toBe('ON_FAILURE');
  expect(failed.checkpoint).toBe(0);

  const flood = restored(1, { passLimit: 3 }, (world) => {
    world.stage(1, 'FAILED', 'ENRICH_CODE_UNKNOWN', false);
    world.failedRun = 3;
    world.failedRunCode = 'ENRICH_CODE_UNKNOWN';
  });
  carryOut(flood, { outcomes: [], release: true });
  expect(flood.heldFor).toBe('PASS_LIMIT');

  const unknown = restored(1, { onUnknown: 'hold' }, (world) => {
    ready(world);
    world.granted = 1;
  });
  carryOut(unknown, { outcomes: [], release: true });
  expect(unknown.heldFor).toBe('UNKNOWN_OUTCOME');
  expect(unknown.arrived).toEqual([]);
});
