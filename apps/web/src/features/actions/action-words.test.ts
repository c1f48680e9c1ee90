import { expect, test } from 'vitest';
import { type ActionCommand, scopeWords, withHold, withoutMessages } from './action-words.ts';

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

test('the scope is said in numbers of messages and lanes', () => {
  expect(scopeWords([command()])).toBe('LAB-0042:15');
  expect(scopeWords([command({ toSequenceNo: 1314 })])).toBe('1,300 messages on lane LAB-0042');
  expect(scopeWords([command(), command({ interfaceCode: 'LAB-0043', toSequenceNo: 16 })])).toBe(
    '3 messages on 2 lanes',
  );
  expect(scopeWords([command({ kind: 'PAUSE', fromSequenceNo: null, toSequenceNo: null })])).toBe('lane LAB-0042');
});

test('G14: only what is sent late holds its lane, and the choice can be taken back', () => {
  const replay = command({ kind: 'REPLAY' });
  const late = { PASS: 0, REPAIR_IN_PLACE: 0, REPLAY_LATE: 1, EXCLUDED: 0 };
  const inPlace = { ...late, REPAIR_IN_PLACE: 1, REPLAY_LATE: 0 };
  const held = withHold({ command: replay, effects: late }, true);
  expect(held).toEqual({ ...replay, holdLane: true });
  expect(withHold({ command: replay, effects: inPlace }, true)).toEqual(replay);
  expect(withHold({ command: held, effects: late }, false)).toEqual(replay);
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
