import { expect, test } from 'vitest';
import {
  cliLine,
  doneWords,
  effectWords,
  exclusionWords,
  meansOf,
  notDoneWords,
  refusalWords,
  targetOf,
  warningWords,
} from './action-words.ts';
import type { LaneAct } from './console-api.ts';

function act(partial: Partial<LaneAct> = {}): LaneAct {
  return {
    kind: 'SKIP',
    interfaceCode: 'LAB-0042',
    fromSequenceNo: 15,
    toSequenceNo: 15,
    resolution: null,
    ...partial,
  };
}
const LANE = { fromSequenceNo: null, toSequenceNo: null };

test('every act has its line for the command line, safe to paste', () => {
  expect(cliLine(act(), 'duplicate of LAB-0042:14')).toBe(
    './inorder skip LAB-0042:15 --reason "duplicate of LAB-0042:14"',
  );
  expect(cliLine(act({ kind: 'REPLAY', toSequenceNo: 20 }), '')).toBe('./inorder replay LAB-0042:15-20 --reason "…"');
  expect(cliLine(act({ kind: 'REPLAY', holdLane: true }), '')).toBe(
    './inorder replay LAB-0042:15 --hold-lane --reason "…"',
  );
  expect(cliLine(act({ ...LANE, kind: 'RESOLVE_UNKNOWN', resolution: 'SEND_AGAIN' }), 'lab says "no" for $5')).toBe(
    './inorder resolve LAB-0042 send-again --reason "lab says \\"no\\" for \\$5"',
  );
});

test('a target is written as people name it', () => {
  expect([act(), act({ toSequenceNo: 20 }), act(LANE)].map(targetOf)).toEqual([
    'LAB-0042:15',
    'LAB-0042:15-20',
    'LAB-0042',
  ]);
});

test('G14: an order after its cancellation is said so, and is grave; other warnings are not', () => {
  const grave = warningWords('LAB-0042', {
    kind: 'AFTER_CANCEL',
    sequenceNo: 15,
    orderControl: 'NW',
    cancelSequenceNo: 18,
    cancelOrderControl: 'CA',
  });
  expect(grave.grave).toBe(true);
  expect(grave.text).toContain('#18 (CA) has cancelled the same order');
  const overtaken = warningWords('LAB-0042', { kind: 'OVERTAKEN', sequenceNo: 15, count: 1 });
  expect(overtaken).toEqual({
    grave: false,
    text: 'LAB-0042:15 was overtaken by one later message of the same order, delivered meanwhile.',
  });
});

test('one keeps its turn, several keep theirs', () => {
  expect(effectWords('REPAIR_IN_PLACE', 1)).toBe('repaired in place, keeps its turn');
  expect(effectWords('REPAIR_IN_PLACE', 2)).toBe('repaired in place, keep their turn');
});

test('why numbers are left alone is counted only where there is more than one reason', () => {
  expect(exclusionWords({ STILL_IN_STAGES: 3 })).toBe('still in the stages');
  expect(exclusionWords({ STILL_IN_STAGES: 3, ALREADY_SETTLED: 1, SOMETHING_NEW: 2 })).toBe(
    '3 still in the stages, 1 already settled, 2 SOMETHING_NEW',
  );
});

test('codes of a newer engine are shown as they are', () => {
  expect(refusalWords('ALREADY_SETTLED')).toContain('never rewritten');
  expect(refusalWords('SOMETHING_NEW')).toBe('Refused: SOMETHING_NEW');
  expect(refusalWords('toString')).toBe('Refused: toString');
});

test('G13: what nobody took up in time is not called refused', () => {
  expect(notDoneWords({ status: 'EXPIRED', refusalCode: null })).toContain('will not be done any more');
  expect(notDoneWords({ status: 'REFUSED', refusalCode: 'NOT_PAUSED' })).toBe('The lane is neither paused nor held.');
});

test('what an unknown outcome is resolved to is said with what it means', () => {
  expect(meansOf(act({ ...LANE, kind: 'RESOLVE_UNKNOWN', resolution: 'ARRIVED' }))).toMatch(
    /never answered\. You say: it arrived: settle it as delivered\.$/,
  );
});

test('what was done is counted from the answer of the owner, whatever else it tells', () => {
  expect(doneWords(act(), { skipped: [15] })).toBe('LAB-0042:15: 1 message skipped');
  const replay = act({ kind: 'REPLAY', toSequenceNo: 20 });
  expect(doneWords(replay, { repaired: [15, 16], replays: [{ sequenceNo: 17 }] })).toBe(
    'LAB-0042:15-20: 2 messages repaired in place, 1 message on the way, late',
  );
  expect(doneWords(replay, null)).toBe('LAB-0042:15-20: done');
  expect(doneWords(act({ ...LANE, kind: 'PAUSE' }), { paused: true })).toBe('LAB-0042 is paused');
});
