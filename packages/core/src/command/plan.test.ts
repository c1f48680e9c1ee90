import { expect, test } from 'vitest';
import { interfaceCode, sequenceNo } from '../ids.ts';
import type { HoldReason } from '../lane/explain.ts';
import { type PlanCommand, plan } from './plan.ts';

const lane = (checkpoint: number, heldFor: HoldReason | null, highWater = 100) => ({
  interfaceCode: interfaceCode('LAB-0042'),
  checkpoint: sequenceNo(checkpoint),
  highWater: sequenceNo(highWater),
  paused: false,
  heldFor,
  numbers: [],
  laterOfSameOrder: [],
});

const about = (kind: PlanCommand['kind'], resolution: PlanCommand['resolution'] = null): PlanCommand => ({
  kind,
  fromSequenceNo: null,
  toSequenceNo: null,
  resolution,
});

test('G8: "it arrived" is said of one head; of the next one it is another plan', () => {
  const arrived = about('RESOLVE_UNKNOWN', 'ARRIVED');
  const said = plan(arrived, lane(36, 'UNKNOWN_OUTCOME'));
  expect(plan(arrived, lane(36, 'UNKNOWN_OUTCOME', 101)).hash).toBe(said.hash);
  expect(plan(arrived, lane(37, 'UNKNOWN_OUTCOME')).hash).not.toBe(said.hash);
  expect(plan(about('RESOLVE_UNKNOWN', 'SEND_AGAIN'), lane(36, 'UNKNOWN_OUTCOME')).hash).not.toBe(said.hash);
});

test('G20: a release that was agreed to for one reason does not release for another', () => {
  const release = about('RESUME');
  const agreed = plan(release, lane(36, 'PASS_LIMIT'));
  expect(agreed.refusal).toBeNull();
  expect(plan(release, lane(36, 'UNKNOWN_OUTCOME')).hash).not.toBe(agreed.hash);
});

test('G13: a pause is the same plan wherever the lane has flowed to', () => {
  expect(plan(about('PAUSE'), lane(36, null)).hash).toBe(plan(about('PAUSE'), lane(99, null)).hash);
});
