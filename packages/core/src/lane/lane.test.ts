import { describe, expect, test } from 'vitest';
import { commandId, sequenceNo } from '../ids.ts';
import { worldWith } from './lane-world.ts';
import { laneStateName } from './view.ts';

describe('the two scenarios, to the letter', () => {
  test('Scenario 1: checkpoint 0, 1 and 2 failed, 3 ready: 1 and 2 are passed with their reason, 3 is delivered, checkpoint 3', () => {
    const world = worldWith(3);
    world.stage(1, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.stage(2, 'FAILED', 'HL7_FIELD_MISSING');
    world.stage(3, 'PROCESSED');
    world.flow();
    expect(world.arrived).toEqual([3]);
    expect(world.checkpoint).toBe(3);
    expect([1, 2, 3].map((n) => world.rows.get(n))).toEqual([
      { status: 'FAILED', settled: true, code: 'ENRICH_CODE_UNKNOWN' },
      { status: 'FAILED', settled: true, code: 'HL7_FIELD_MISSING' },
      { status: 'DELIVERED', settled: true, code: null },
    ]);
  });

  test('Scenario 2: checkpoint 10, 15 failed, 16, 17 and 19 early: nothing is sent until the head is ready, then all in order', () => {
    const world = worldWith(10);
    for (let n = 1; n <= 10; n++) world.stage(n, 'PROCESSED');
    world.flow();
    expect(world.checkpoint).toBe(10);
    world.arrived.length = 0;
    for (let n = 11; n <= 19; n++) world.number();
    world.stage(15, 'FAILED', 'HL7_FIELD_MISSING');
    for (const n of [16, 17, 19]) world.stage(n, 'PROCESSED');
    world.flow();
    expect(world.arrived).toEqual([]);
    for (const n of [13, 11, 14, 12]) {
      world.stage(n, 'PROCESSED');
      world.flow();
    }
    expect(world.arrived).toEqual([11, 12, 13, 14, 16, 17]);
    expect(world.checkpoint).toBe(17);
    expect(world.statusOf(15)).toBe('FAILED');
    world.stage(18, 'PROCESSED');
    world.flow();
    expect(world.arrived).toEqual([11, 12, 13, 14, 16, 17, 18, 19]);
    expect(world.checkpoint).toBe(19);
  });
});

describe('failures', () => {
  test('G6: a poison message is tried four times, dead-lettered and passed; the next goes at once', () => {
    const world = worldWith(2);
    world.stage(1, 'PROCESSED');
    world.stage(2, 'PROCESSED');
    for (const delay of [500, 1000, 2000]) {
      expect(world.transmit(true)).toBe(1);
      world.answer('MLLP_NACK_ERROR');
      expect(laneStateName(world.state)).toBe('RETRYING');
      world.wait(delay - 1);
      expect(world.transmit(true)).toBeUndefined();
      world.wait(1);
    }
    expect(world.transmit(true)).toBe(1);
    world.answer('MLLP_NACK_ERROR');
    world.flow();
    expect(world.deadLettered).toEqual([1]);
    expect(world.statusOf(1)).toBe('FAILED');
    expect(world.statusOf(2)).toBe('DELIVERED');
    expect(world.checkpoint).toBe(2);
  });

  test('G6: a permanent refusal is dead-lettered at once', () => {
    const world = worldWith(1);
    world.stage(1, 'PROCESSED');
    world.transmit(true);
    world.answer('MLLP_NACK_CONTENT');
    world.flow();
    expect(world.deadLettered).toEqual([1]);
    expect(world.sends).toHaveLength(1);
  });

  test('G6: passWithOrder fails the later numbers of the same placer order and passes the others', () => {
    const world = worldWith(6, { onFailure: 'passWithOrder' });
    for (let n = 1; n <= 6; n++) world.stage(n, 'PROCESSED');
    expect(world.transmit(true)).toBe(1);
    world.answer('MLLP_NACK_CONTENT');
    world.flow();
    // In this world number n belongs to placer order n mod 3.
    expect([1, 2, 3, 4, 5, 6].map((n) => world.statusOf(n))).toEqual([
      'FAILED',
      'DELIVERED',
      'DELIVERED',
      'FAILED',
      'DELIVERED',
      'DELIVERED',
    ]);
    expect(world.rows.get(4)?.code).toBe('LANE_DEPENDS_ON');
  });

  test('G6: under passWithOrder a number that failed ahead of the head fails no earlier one after a takeover', () => {
    const world = worldWith(4, { onFailure: 'passWithOrder' });
    world.stage(4, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.stage(1, 'PROCESSED', null, false);
    world.failedOrders = new Map([['order-1', sequenceNo(4)]]);
    world.open(true);
    world.flow();
    expect(world.statusOf(1)).toBe('DELIVERED');
  });

  test('G6, G14: a later number of an order that was replayed goes out again', () => {
    const world = worldWith(4, { onFailure: 'passWithOrder' });
    world.stage(1, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.flow();
    const command = { commandId: commandId('01890000-0000-7000-8000-0000000005c1'), kind: 'REPLAY' } as const;
    world.tell({ kind: 'COMMAND', command, nowAt: world.nowAt });
    const replay = {
      replayId: 'r',
      sequenceNo: sequenceNo(1),
      messageId: 'm' as never,
      attempts: 0,
      notBeforeAt: 0,
      holdLane: false,
    };
    world.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [], replays: [replay] }, nowAt: world.nowAt });
    world.tell({ kind: 'REPLAY_RECORDED', again: null, failedOrders: new Map(), nowAt: world.nowAt });
    for (const n of [2, 3, 4]) world.stage(n, 'PROCESSED');
    world.flow();
    expect(world.statusOf(4)).toBe('DELIVERED');
  });

  test('G7: a dead endpoint uses up no retry and skips nobody', () => {
    const world = worldWith(2);
    world.stage(1, 'PROCESSED');
    world.stage(2, 'PROCESSED');
    for (let i = 0; i < 240; i++) {
      expect(world.transmit(false)).toBe(1);
      world.answer('MLLP_CONNECT');
      expect(laneStateName(world.state)).toBe('ENDPOINT_DOWN');
      world.nowAt += 15_000;
      world.tell({ kind: 'ENDPOINT_TRY', nowAt: world.nowAt });
    }
    world.flow();
    expect(world.deadLettered).toEqual([]);
    expect(world.arrived).toEqual([1, 2]);
    expect(world.effects.filter((e) => e.kind === 'NOTE_ATTEMPT')).toHaveLength(1);
  });

  test('G7: a lane says since when its endpoint is down, however often it was tried meanwhile', () => {
    const world = worldWith(1);
    world.stage(1, 'PROCESSED');
    world.endpointSinceAt = world.nowAt;
    for (let i = 0; i < 3; i++) {
      world.transmit(false);
      world.answer('MLLP_CONNECT');
      expect(world.state.phase).toMatchObject({ name: 'ENDPOINT_DOWN', sinceAt: world.endpointSinceAt });
      world.nowAt += 15_000;
      world.tell({ kind: 'ENDPOINT_TRY', nowAt: world.nowAt });
    }
  });

  test('G7: failurePolicy literal counts every failure', () => {
    const world = worldWith(1, { failurePolicy: 'literal' });
    world.stage(1, 'PROCESSED');
    for (let i = 0; i < 4; i++) {
      world.transmit(false);
      world.answer('MLLP_CONNECT');
      world.wait(2000);
    }
    world.flow();
    expect(world.statusOf(1)).toBe('FAILED');
  });

  test('G8: no answer is sent again as a possible duplicate, the same number, never counted as a retry', () => {
    const world = worldWith(1);
    world.stage(1, 'PROCESSED');
    world.transmit(true);
    world.answer('MLLP_ACK_TIMEOUT');
    world.wait(500);
    world.flow();
    expect(world.sends).toEqual([
      { n: 1, possibleDuplicate: false, kind: 'FIRST' },
      { n: 1, possibleDuplicate: true, kind: 'RESEND' },
    ]);
    expect(world.statusOf(1)).toBe('DELIVERED');
  });

  test('G8: after unknownResendsMax: the destination answers others, so this one is suspect and passed', () => {
    const world = worldWith(2);
    world.stage(1, 'PROCESSED');
    world.stage(2, 'PROCESSED');
    for (let i = 0; i < 4; i++) {
      world.transmit(true);
      world.answer('MLLP_ACK_TIMEOUT', { lastAnswerAt: world.nowAt + 1 });
      world.wait(2000);
    }
    world.flow();
    expect(world.rows.get(1)).toMatchObject({ status: 'FAILED', code: 'LANE_NO_ANSWER_SUSPECT' });
    expect(world.statusOf(2)).toBe('DELIVERED');
  });

  test('G8: after unknownResendsMax: it answers nobody, so it is down and nothing is counted', () => {
    const world = worldWith(1);
    world.stage(1, 'PROCESSED');
    for (let i = 0; i < 50; i++) {
      world.transmit(true);
      world.answer('MLLP_ACK_TIMEOUT');
      world.nowAt += 15_000;
      world.tell({
        kind: laneStateName(world.state) === 'ENDPOINT_DOWN' ? 'ENDPOINT_TRY' : 'WAKE',
        nowAt: world.nowAt,
      });
    }
    expect(world.deadLettered).toEqual([]);
    world.flow();
    expect(world.statusOf(1)).toBe('DELIVERED');
  });
});

describe('commands', () => {
  const SKIP = { commandId: commandId('01890000-0000-7000-8000-0000000005c1'), kind: 'SKIP' } as const;

  test('G13: a command that comes while bytes are out waits for the answer', () => {
    const world = worldWith(2);
    world.stage(1, 'PROCESSED');
    expect(world.transmit(true)).toBe(1);
    world.tell({ kind: 'COMMAND', command: SKIP, nowAt: world.nowAt });
    expect(world.take('RUN_COMMAND')).toBeUndefined();
    world.answer('AA');
    expect(world.take('RUN_COMMAND')).toBeUndefined();
    world.commitSettle();
    expect(world.take('RUN_COMMAND')?.command).toEqual(SKIP);
    expect(world.checkpoint).toBe(1);
  });

  test('G13: a head that waits for a retry is skipped and passed', () => {
    const world = worldWith(2);
    world.stage(1, 'PROCESSED');
    world.stage(2, 'PROCESSED');
    world.transmit(true);
    world.answer('MLLP_NACK_ERROR');
    world.tell({ kind: 'COMMAND', command: SKIP, nowAt: world.nowAt });
    expect(world.take('RUN_COMMAND')).toBeDefined();
    Object.assign(world.rows.get(1) ?? {}, { status: 'SKIPPED' });
    const end = {
      status: 'SKIPPED',
      messageId: 'm' as never,
      recordedAs: 'SKIPPED',
      code: null,
      deadLetter: null,
      placerKeys: [],
    } as const;
    world.tell({
      kind: 'COMMAND_DONE',
      changes: { outcomes: [{ sequenceNo: sequenceNo(1), outcome: end }] },
      nowAt: world.nowAt,
    });
    world.flow();
    expect(world.statusOf(1)).toBe('SKIPPED');
    expect(world.arrived).toEqual([1, 2]);
    expect(world.checkpoint).toBe(2);
  });

  test('G13: a paused lane sends and passes nothing, and goes on where it was', () => {
    const world = worldWith(2);
    const pause = { commandId: SKIP.commandId, kind: 'PAUSE' } as const;
    world.tell({ kind: 'COMMAND', command: pause, nowAt: world.nowAt });
    world.take('RUN_COMMAND');
    world.tell({
      kind: 'COMMAND_DONE',
      changes: { outcomes: [], paused: { by: 'ada', sinceAt: world.nowAt } },
      nowAt: world.nowAt,
    });
    world.stage(1, 'FAILED', 'ROUTE_NONE');
    world.stage(2, 'PROCESSED');
    world.flow();
    expect(world.checkpoint).toBe(0);
    expect(laneStateName(world.state)).toBe('PAUSED');
    world.tell({ kind: 'COMMAND', command: { ...pause, kind: 'RESUME' }, nowAt: world.nowAt });
    world.take('RUN_COMMAND');
    world.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [], paused: null }, nowAt: world.nowAt });
    world.flow();
    expect(world.checkpoint).toBe(2);
  });

  test.each([
    ['before the endpoint failed', true],
    ['while the lane waited for the endpoint', false],
  ])('G7, G13: a lane whose breaker called during a command, asked for %s, tries again after it', (_, early) => {
    const world = worldWith(1);
    world.stage(1, 'PROCESSED');
    world.transmit(false);
    const command = { kind: 'COMMAND', command: SKIP, nowAt: world.nowAt } as const;
    if (early) world.tell(command);
    world.answer('MLLP_CONNECT');
    if (!early) world.tell(command);
    expect(world.take('RUN_COMMAND')).toBeDefined();
    world.tell({ kind: 'ENDPOINT_TRY', nowAt: world.nowAt });
    world.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [] }, nowAt: world.nowAt });
    world.flow();
    expect(world.statusOf(1)).toBe('DELIVERED');
  });

  test('G14: a failed number that is not passed is repaired in its own place', () => {
    const world = worldWith(3, { onFailure: 'hold' });
    world.stage(1, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.stage(2, 'PROCESSED');
    world.flow();
    expect(world.heldFor).toBe('ON_FAILURE');
    world.tell({ kind: 'COMMAND', command: { ...SKIP, kind: 'REPLAY' }, nowAt: world.nowAt });
    world.take('RUN_COMMAND');
    Object.assign(world.rows.get(1) ?? {}, { status: 'RECEIVED', code: null });
    world.tell({
      kind: 'COMMAND_DONE',
      changes: { outcomes: [{ sequenceNo: sequenceNo(1), outcome: undefined }] },
      nowAt: world.nowAt,
    });
    world.flow();
    expect(world.arrived).toEqual([]);
    world.stage(1, 'PROCESSED');
    world.flow();
    expect(world.arrived).toEqual([1, 2]);
  });

  test('G14: a late replay goes out between two heads and moves no checkpoint', () => {
    const world = worldWith(2);
    world.stage(1, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.flow();
    const replay = {
      replayId: 'r',
      sequenceNo: sequenceNo(1),
      messageId: 'm' as never,
      attempts: 0,
      notBeforeAt: 0,
      holdLane: false,
    };
    world.tell({ kind: 'COMMAND', command: { ...SKIP, kind: 'REPLAY' }, nowAt: world.nowAt });
    world.take('RUN_COMMAND');
    world.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [], replays: [replay] }, nowAt: world.nowAt });
    expect(world.take('SEND_REPLAY')?.replay).toEqual(replay);
    world.stage(2, 'PROCESSED');
    expect(world.transmit(true)).toBeUndefined();
    world.tell({ kind: 'REPLAY_RECORDED', again: null, nowAt: world.nowAt });
    world.flow();
    expect(world.checkpoint).toBe(2);
    expect(world.statusOf(1)).toBe('FAILED');
  });

  test('G14: a replay that holds the lane lets it go on once it has to be tried again', () => {
    const world = worldWith(2);
    world.stage(1, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.flow();
    const replay = {
      replayId: 'r',
      sequenceNo: sequenceNo(1),
      messageId: 'm' as never,
      attempts: 0,
      notBeforeAt: 0,
      holdLane: true,
    };
    world.tell({ kind: 'COMMAND', command: { ...SKIP, kind: 'REPLAY' }, nowAt: world.nowAt });
    world.take('RUN_COMMAND');
    world.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [], replays: [replay] }, nowAt: world.nowAt });
    expect(world.take('SEND_REPLAY')?.replay).toEqual(replay);
    world.stage(2, 'PROCESSED');
    expect(world.transmit(true)).toBeUndefined();
    world.tell({
      kind: 'REPLAY_RECORDED',
      again: { ...replay, notBeforeAt: world.nowAt + 15_000 },
      nowAt: world.nowAt,
    });
    world.flow();
    expect(world.statusOf(2)).toBe('DELIVERED');
    world.wait(15_000);
    expect(world.take('SEND_REPLAY')?.replay).toMatchObject({ replayId: 'r', holdLane: false });
  });
});

test('G12: the same instance settles with the answer it holds, if the lane still stands where it stood', () => {
  const world = worldWith(2);
  world.stage(1, 'PROCESSED');
  world.stage(2, 'PROCESSED');
  world.transmit(true);
  world.answer('AA');
  const carried = world.take('SETTLE')?.item;
  world.epochNo += 1;
  world.open(false, undefined, carried);
  world.flow();
  expect(world.arrived).toEqual([1, 2]);
  // Carried too late: the settlement had been committed, its answer was lost.
  world.open(false, undefined, carried);
  world.flow();
  expect(world.arrived).toEqual([1, 2]);
  expect(world.checkpoint).toBe(2);
});

test('G19: a window that is full forgets what lies beyond and reads it again when its turn comes', () => {
  const world = worldWith(100, { windowEntriesMax: 10 });
  for (let n = 100; n >= 1; n--) world.stage(n, 'PROCESSED');
  expect(world.state.window.size).toBeLessThanOrEqual(10);
  world.flow();
  expect(world.arrived).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});
