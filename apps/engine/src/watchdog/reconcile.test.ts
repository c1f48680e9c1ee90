import { expect, test } from 'vitest';
import { inReads } from './reconcile.ts';

function lanes(count: number, lag: number): { state: { checkpoint: number; highWater: number } }[] {
  return Array.from({ length: count }, () => ({ state: { checkpoint: 7, highWater: 7 + lag } }));
}

test('G11, G19: no read of the watchdog is so large that its time-out ends it, and no lane is left out', () => {
  const sizes = (of: ReturnType<typeof lanes>): number[] => inReads(of).map((read) => read.length);
  expect(sizes([])).toEqual([]);
  expect(sizes(lanes(600, 1))).toEqual([500, 100]);
  expect(sizes(lanes(250, 1_000_000))).toEqual([100, 100, 50]);
  // A lane whose high-water mark is not known yet counts as one.
  expect(sizes(lanes(500, 0))).toEqual([500]);
  const mixed = [...lanes(99, 200), ...lanes(300, 2)];
  expect(inReads(mixed).flat()).toEqual(mixed);
  expect(sizes(mixed)).toEqual([199, 200]);
});
