/** Why a lane holds, what ends it, and what it does not hold or wait for. */
import { describe, expect, test } from 'vitest';
import { worldWith } from './lane-world.ts';
import { laneStateName, windowShape } from './view.ts';

describe('unknown outcomes', () => {
  test('G8: under policy hold the grant is written before the bytes leave, and no answer holds the lane', () => {
    const world = worldWith(1, { onUnknown: 'hold' });
    world.stage(1, 'PROCESSED');
    expect(world.transmit(true)).toBeUndefined();
    expect(world.grant()).toBe(true);
    expect(world.granted).toBe(1);
    expect(world.transmit(true)).toBe(1);
    world.answer('MLLP_ACK_TIMEOUT');
    world.flow();
    expect(laneStateName(world.state)).toBe('HOLDING');
    expect(world.heldFor).toBe('UNKNOWN_OUTCOME');
    world.open(false);
    expect(laneStateName(world.state)).toBe('HOLDING');
    expect(world.arrived).toEqual([1]);
  });

  test.each([
    ['ARRIVED', [1, 2]],
    ['DEAD_LETTER', [1, 2]],
    ['SEND_AGAIN', [1, 1, 2]],
  ] as const)(
    'G8, G13: what was said of an unknown outcome is not asked again, whoever dies after it: %s',
    (word, arrived) => {
      const world = worldWith(2, { onUnknown: 'hold' });
      world.stage(1, 'PROCESSED');
      world.stage(2, 'PROCESSED');
      world.grant();
      world.transmit(true);
      world.answer('MLLP_ACK_TIMEOUT');
      world.commitSettle();
      expect(world.heldFor).toBe('UNKNOWN_OUTCOME');
      expect(world.act(word, false)).toBe(true);
      world.flow();
      expect(world.arrived).toEqual(arrived);
      expect(world.checkpoint).toBe(2);
    },
  );

  test('G8: once the head was sent again and its owner died, a person is asked again', () => {
    const world = worldWith(1, { onUnknown: 'hold' });
    world.stage(1, 'PROCESSED');
    world.grant();
    world.transmit(true);
    world.answer('MLLP_ACK_TIMEOUT');
    world.commitSettle();
    world.act('SEND_AGAIN', true);
    expect(world.grant()).toBe(true);
    expect(world.transmit(true)).toBe(1);
    expect(world.sends.at(-1)).toMatchObject({ possibleDuplicate: true, kind: 'RESEND' });
    world.open(false);
    world.flow();
    expect(world.heldFor).toBe('UNKNOWN_OUTCOME');
    expect(world.arrived).toEqual([1, 1]);
  });

  test('G8: a send that no owner lived to write down is an attempt with an unknown outcome', () => {
    const world = worldWith(1, { onUnknown: 'hold' });
    world.stage(1, 'PROCESSED');
    world.grant();
    world.transmit(true);
    world.open(false);
    const [settle] = world.effects;
    expect(settle).toMatchObject({ item: { attempts: [{ sequenceNo: 1, attemptNo: 1, outcome: 'UNKNOWN' }] } });
    world.flow();
    world.act('SEND_AGAIN', true);
    world.flow();
    expect(world.sends.at(-1)).toMatchObject({ possibleDuplicate: true, kind: 'RESEND' });
  });

  test('G8: under policy hold a crash with the grant written holds the lane, for the next clean owner too', () => {
    const world = worldWith(1, { onUnknown: 'hold' });
    world.stage(1, 'PROCESSED');
    world.grant();
    expect(world.transmit(true)).toBe(1);
    world.epochNo += 1;
    world.open(false);
    world.flow();
    expect(laneStateName(world.state)).toBe('HOLDING');
    // Only what stands in Postgres can be resolved by a person, and reaches an owner that was given the shard clean.
    expect(world.heldFor).toBe('UNKNOWN_OUTCOME');
    world.epochNo += 1;
    world.open(true);
    world.flow();
    expect(laneStateName(world.state)).toBe('HOLDING');
    expect(world.arrived).toEqual([1]);
  });
});

describe('failures', () => {
  test('G20: after passLimit numbers in a row with one code the lane holds before it passes the next; release goes on', () => {
    const world = worldWith(25);
    for (let n = 1; n <= 25; n++) world.stage(n, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.flow();
    expect(world.checkpoint).toBe(20);
    expect(world.heldFor).toBe('PASS_LIMIT');
    world.open(false);
    world.flow();
    expect(world.checkpoint).toBe(20);
    expect(world.act('RELEASE', true)).toBe(true);
    world.flow();
    expect(world.checkpoint).toBe(25);
  });

  test('G20: after a release as many numbers may fail as before it', () => {
    const world = worldWith(12, { passLimit: 3 });
    for (let n = 1; n <= 12; n++) world.stage(n, 'FAILED', 'ENRICH_CODE_UNKNOWN');
    world.flow();
    expect(world.checkpoint).toBe(3);
    // The one it held before is passed by the release, then three more.
    for (const [lives, checkpoint] of [
      [true, 7],
      [false, 11],
    ] as const) {
      world.act('RELEASE', lives);
      world.flow();
      expect(world.checkpoint).toBe(checkpoint);
      expect(world.heldFor).toBe('PASS_LIMIT');
    }
  });

  test('G20: a lane holds for no failure that Postgres does not know', () => {
    const world = worldWith(2, { onFailure: 'hold' });
    // Told of the run before a repair: the number is in the stages again.
    world.rumour(1, 'FAILED');
    world.flow();
    expect(laneStateName(world.state)).toBe('WAITING');
    expect(world.heldFor).toBeNull();
    world.stage(1, 'PROCESSED');
    world.stage(2, 'PROCESSED');
    world.flow();
    expect(world.arrived).toEqual([1, 2]);
  });

  test('G20: a destination that refuses everybody holds each lane at its first number', () => {
    const world = worldWith(1);
    world.stage(1, 'PROCESSED');
    world.transmit(true);
    world.answer('MLLP_NACK_CONTENT', { destinationFailedRun: 20 });
    world.flow();
    expect(world.checkpoint).toBe(0);
    expect(world.rows.get(1)).toMatchObject({ status: 'FAILED', settled: false });
    expect(laneStateName(world.state)).toBe('HOLDING');
    world.epochNo += 1;
    world.open(false);
    world.flow();
    expect(world.checkpoint).toBe(0);
    expect(laneStateName(world.state)).toBe('HOLDING');
  });
});

describe('numbers that were told and never given', () => {
  test.each(['PROCESSED', 'FAILED', 'FILTERED'] as const)(
    'G4, G5: %s: the lane neither waits for them nor passes them',
    (status) => {
      const world = worldWith(1);
      world.stage(1, 'PROCESSED');
      world.flow();
      for (const n of [5, 3, 2]) {
        world.rumour(n, status);
        world.flow();
        expect(world.state.highWater).toBe(1);
        expect(laneStateName(world.state)).toBe('IDLE');
        expect(windowShape(world.state)).toEqual({ readyAhead: 0, gaps: 0 });
      }
      expect(world.checkpoint).toBe(1);
      // When they are given they are other messages, with ends of their own.
      for (let n = 2; n <= 5; n++) world.number();
      for (const n of [4, 5, 3, 2]) world.stage(n, 'PROCESSED');
      world.flow();
      expect(world.arrived).toEqual([1, 2, 3, 4, 5]);
      expect(world.checkpoint).toBe(5);
    },
  );

  test('G4: a number of which the lane is told first, and is given, goes out at once', () => {
    const world = worldWith(0);
    world.highWater = 1;
    world.rows.set(1, { status: 'RECEIVED', settled: false, code: null });
    world.stage(1, 'PROCESSED');
    world.flow();
    expect(world.arrived).toEqual([1]);
    expect(world.state).toMatchObject({ checkpoint: 1, highWater: 1 });
  });
});
