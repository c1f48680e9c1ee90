import { expect, test } from 'vitest';
import { commandInput } from './command-input.ts';

test('G14: a replay may hold its lane; nothing else may, and who says nothing says nothing', () => {
  const replay = { kind: 'REPLAY', interfaceCode: 'LAB-0042', fromSequenceNo: 15, toSequenceNo: 20 };
  expect(commandInput.parse({ ...replay, holdLane: true })).toEqual({ ...replay, resolution: null, holdLane: true });
  expect(commandInput.parse(replay)).not.toHaveProperty('holdLane');
  const refused = commandInput.safeParse({ ...replay, kind: 'SKIP', holdLane: true });
  expect(refused.error?.issues.map((issue) => issue.message)).toEqual([
    'holds the lane for REPLAY and for nothing else',
  ]);
});
