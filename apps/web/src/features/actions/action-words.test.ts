import { expect, test } from 'vitest';
import {
  type ActionCommand,
  cliLine,
  refusalWords,
  scopeWords,
  warningWords,
  withoutMessages,
} from './action-words.ts';

function command(partial: Partial<ActionCommand> = {}): ActionCommand {
  return {
    kind: 'SKIP',
    interfaceCode: 'LAB-0042',
    fromSequenceNo: 15,
    toSequenceNo: 15,
    resolution: null,
    ...partial,
  };
}

test('every dialog has its line for the command line, safe to paste', () => {
  expect(cliLine(command(), 'duplicate of LAB-0042:14')).toBe(
    './inorder skip LAB-0042:15 --reason "duplicate of LAB-0042:14"',
  );
  expect(cliLine(command({ kind: 'REPLAY', toSequenceNo: 20 }), '')).toBe(
    './inorder replay LAB-0042:15-20 --reason "…"',
  );
  const lane = { fromSequenceNo: null, toSequenceNo: null };
  expect(cliLine(command({ ...lane, kind: 'RESOLVE_UNKNOWN', resolution: 'SEND_AGAIN' }), 'lab says "no" for $5')).toBe(
    './inorder resolve LAB-0042 send-again --reason "lab says \\"no\\" for \\$5"',
  );
});

test('the scope is said in numbers of messages and lanes', () => {
  expect(scopeWords([command()])).toBe('LAB-0042:15');
  expect(scopeWords([command({ toSequenceNo: 1314 })])).toBe('1,300 messages on lane LAB-0042');
  expect(scopeWords([command(), command({ interfaceCode: 'LAB-0043', toSequenceNo: 16 })])).toBe(
    '3 messages on 2 lanes',
  );
  expect(scopeWords([command({ kind: 'PAUSE', fromSequenceNo: null, toSequenceNo: null })])).toBe('lane LAB-0042');
});

test('G14: an order after its cancellation is said so, and is grave', () => {
  const warning = {
    kind: 'AFTER_CANCEL',
    sequenceNo: 15,
    orderControl: 'NW',
    cancelSequenceNo: 18,
    cancelOrderControl: 'CA',
  };
  // The numbers are branded in core; their values are plain here.
  const words = warningWords('LAB-0042', warning as Parameters<typeof warningWords>[1]);
  expect(words.grave).toBe(true);
  expect(words.text).toContain('#18 (CA) has cancelled the same order');
});

test('a refusal code of a newer engine is shown as it is', () => {
  expect(refusalWords('ALREADY_SETTLED')).toContain('never rewritten');
  expect(refusalWords('SOMETHING_NEW')).toBe('Refused: SOMETHING_NEW');
});

test('what is left out splits the range around it', () => {
  const range = command({ fromSequenceNo: 10, toSequenceNo: 15 });
  const ranges = (...left: string[]) =>
    withoutMessages([range], new Set(left)).map(({ fromSequenceNo, toSequenceNo }) => [fromSequenceNo, toSequenceNo]);
  expect(ranges()).toEqual([[10, 15]]);
  expect(ranges('LAB-0042:12')).toEqual([
    [10, 11],
    [13, 15],
  ]);
  expect(ranges('LAB-0042:10', 'LAB-0042:15', 'LAB-0042:99', 'LAB-00421:12')).toEqual([[11, 14]]);
  expect(ranges(...[10, 11, 12, 13, 14, 15].map((n) => `LAB-0042:${n}`))).toEqual([]);
});
