import { expect, test } from 'vitest';
import { percentile, summarise } from './percentile.ts';

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test('a percentile is the smallest value that the share does not exceed', () => {
  expect(percentile(oneTo(100), 0.5)).toBe(50);
  expect(percentile(oneTo(100), 0.99)).toBe(99);
  expect(percentile(oneTo(101), 0.99)).toBe(100);
  expect(percentile([7], 0.01)).toBe(7);
  expect(percentile([1, 1000], 0.99)).toBe(1000);
});

test('one slow message in a hundred is not the p99, two are', () => {
  expect(summarise([...oneTo(99).map(() => 5), 900]).p99).toBe(5);
  expect(summarise([...oneTo(98).map(() => 5), 800, 900]).p99).toBe(800);
});

test('values are summed up in any order, by size and not as text', () => {
  expect(summarise([100, 9, 20])).toEqual({ count: 3, p50: 20, p90: 100, p99: 100, max: 100 });
});

test('nothing measured is said, and a share out of range is refused', () => {
  expect(summarise([])).toEqual({ count: 0, p50: 0, p90: 0, p99: 0, max: 0 });
  expect(() => percentile([], 0.5)).toThrow(RangeError);
  expect(() => percentile([1], 0)).toThrow(RangeError);
  expect(() => percentile([1], 1.01)).toThrow(RangeError);
});
