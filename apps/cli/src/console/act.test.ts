import type { LaneAct } from '@inorder/shared';
import { expect, test } from 'vitest';
import { replayActs } from '../commands/replay.ts';
import { effectLines } from './act.ts';
import { parseNumbers } from './target.ts';

const LATE = { PASS: 0, REPAIR_IN_PLACE: 1, REPLAY_LATE: 2, EXCLUDED: 3 };
const EXCLUDED = { ALREADY_SETTLED: 1, STILL_IN_STAGES: 2 };

function planned(command: LaneAct | undefined, effects: Record<string, number> = LATE) {
  if (command === undefined) throw new Error('an act was made');
  return { command, effects, excluded: EXCLUDED };
}

test('G14: --hold-lane goes with every range, and its plan says what waits', () => {
  const acts = replayActs([parseNumbers('LAB-0042:15'), parseNumbers('LAB-0043:1-3')], true);
  expect(acts.map((act) => act.holdLane)).toEqual([true, true]);
  expect(effectLines(planned(acts[0]))).toEqual([
    '1 will be repaired in place, keeps its turn',
    '2 will be sent late, after newer numbers',
    '3 will be left alone (1 already settled, 2 still in the stages)',
    expect.stringMatching(/^Newer orders wait/),
  ]);
});

test('without --hold-lane, or with nothing sent late, nothing is said to wait', () => {
  const [plain] = replayActs([parseNumbers('LAB-0042:15')], false);
  expect(plain).toEqual({
    kind: 'REPLAY',
    interfaceCode: 'LAB-0042',
    fromSequenceNo: 15,
    toSequenceNo: 15,
    resolution: null,
  });
  expect(effectLines(planned(plain)).join()).not.toContain('Newer orders wait');
  const [held] = replayActs([parseNumbers('LAB-0042:15')], true);
  expect(effectLines(planned(held, { REPAIR_IN_PLACE: 1 }))).toEqual(['1 will be repaired in place, keeps its turn']);
});
