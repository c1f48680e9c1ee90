import { MESSAGE_STATUSES } from '@inorder/core';
import { expect, test } from 'vitest';
import { joinHoles } from './holes.tsx';
import {
  type Line,
  type NumberFacts,
  numberReason,
  RIBBON_KINDS,
  ribbonCells,
  ribbonSegments,
  squeeze,
} from './ribbon.ts';

const NOW = 1_800_000_000_000;
const line: Line = { checkpoint: 40, highWater: 60, retainedFrom: 11, waitingFor: null };

function facts(sequenceNo: number, more: Partial<NumberFacts> = {}): NumberFacts {
  return {
    sequenceNo,
    status: 'DELIVERED',
    receivedAt: new Date(NOW - 60_000),
    errorCode: null,
    diedIn: null,
    replayState: null,
    filterRule: null,
    claimedBy: null,
    claimedAt: null,
    ...more,
  };
}

test('G5: every number has exactly one kind, whatever rows there are', () => {
  const runs = [
    { status: 'DELIVERED', from: 21, to: 40 },
    { status: 'VALIDATED', from: 41, to: 41 },
    { status: 'PROCESSED', from: 42, to: 50 },
    // 51 and 52 have no row.
    { status: 'RECEIVED', from: 53, to: 58 },
  ] as const;
  const segments = ribbonSegments(line, runs, 21);
  const kinds = Array.from({ length: line.highWater }, (_, i) =>
    segments.filter((segment) => segment.from <= i + 1 && i + 1 <= segment.to).map((segment) => segment.kind),
  );
  expect(kinds.every((each) => each.length === 1)).toBe(true);
  expect([1, 10, 11, 20, 21, 40, 41, 42, 51, 53, 60].map((number) => kinds[number - 1]?.[0])).toEqual([
    'REMOVED',
    'REMOVED',
    'SETTLED',
    'SETTLED',
    'DELIVERED',
    'DELIVERED',
    'ENRICHING',
    'READY',
    'MISSING',
    'VALIDATING',
    'MISSING',
  ]);
});

test('the window has one cell a number and none above the high-water mark', () => {
  const cells = ribbonCells(line, 9, 99, [facts(11), facts(12, { status: 'FAILED' })]);
  expect(cells.map((cell) => cell.sequenceNo)).toEqual(Array.from({ length: 52 }, (_, i) => i + 9));
  expect(cells.slice(0, 5).map((cell) => cell.kind)).toEqual(['REMOVED', 'REMOVED', 'DELIVERED', 'FAILED', 'MISSING']);
});

test('the head whose answer is awaited is SENT', () => {
  const waitingFor = {
    kind: 'ACK',
    sequenceNo: 41,
    destination: 'LIS-1',
    attempt: 1,
    sinceAt: NOW,
  } as Line['waitingFor'];
  expect(ribbonCells({ ...line, waitingFor }, 41, 41, [facts(41, { status: 'PROCESSED' })])[0]?.kind).toBe('SENT');
});

test('everything that is not delivered has a reason', () => {
  for (const status of MESSAGE_STATUSES.filter((each) => each !== 'DELIVERED')) {
    const [cell] = ribbonCells(line, 45, 45, [facts(45, { status, errorCode: 'ENRICH_CODE_UNKNOWN' })]);
    expect(cell && numberReason(cell, line, NOW), status).not.toBe('');
  }
  const [missing] = ribbonCells(line, 45, 45, []);
  expect(missing && numberReason(missing, line, NOW)).toContain('verify');
});

test('a dead letter names where, what and what follows; a code of another version stands as it is', () => {
  const reason = (code: string, sequenceNo: number) => {
    const [cell] = ribbonCells(line, sequenceNo, sequenceNo, [
      facts(sequenceNo, { status: 'FAILED', errorCode: code, diedIn: 'ENRICH', replayState: 'DELIVERED' }),
    ]);
    return cell && numberReason(cell, line, NOW);
  };
  expect(reason('ENRICH_CODE_UNKNOWN', 45)).toBe(
    'in enrich: The code table does not know this code (ENRICH_CODE_UNKNOWN); the lane will pass it; replay delivered',
  );
  expect(reason('ENRICH_OF_TOMORROW', 30)).toBe('in enrich: ENRICH_OF_TOMORROW (ENRICH_OF_TOMORROW); replay delivered');
});

test('a filtered number names the rule', () => {
  const [cell] = ribbonCells(line, 30, 30, [facts(30, { status: 'FILTERED', filterRule: 'no test orders' })]);
  expect(cell && numberReason(cell, line, NOW)).toBe('by the rule “no test orders”');
});

test('squeezed, one number among thousands is still marked, and the slots are filled without overlap', () => {
  const wide: Line = { checkpoint: 20_000, highWater: 20_000, retainedFrom: 1, waitingFor: null };
  const segments = ribbonSegments(
    wide,
    [
      { status: 'DELIVERED', from: 1, to: 9999 },
      { status: 'FAILED', from: 10_000, to: 10_000 },
      { status: 'DELIVERED', from: 10_001, to: 20_000 },
    ],
    1,
  );
  const { most, marks } = squeeze(segments, 1, 20_000, 100);
  expect(most).toEqual([{ kind: 'DELIVERED', from: 0, to: 99 }]);
  expect(marks).toEqual([{ kind: 'FAILED', from: 49, to: 49 }]);
  expect(squeeze(segments, 1, 20_000, 100).most.every((run) => RIBBON_KINDS.includes(run.kind))).toBe(true);
});

test('neighbours with one cause are one hole', () => {
  const cells = ribbonCells(line, 41, 45, [
    facts(41, { status: 'FAILED', errorCode: 'A' }),
    facts(42, { status: 'FAILED', errorCode: 'A' }),
    facts(43, { status: 'FAILED', errorCode: 'B' }),
    facts(44, { status: 'RECEIVED' }),
    facts(45, { status: 'RECEIVED' }),
  ]);
  expect(joinHoles(cells).map((hole) => [hole.first.sequenceNo, hole.to])).toEqual([
    [41, 42],
    [43, 43],
    [44, 45],
  ]);
});
