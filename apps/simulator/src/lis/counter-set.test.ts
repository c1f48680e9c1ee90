import { expect, test } from 'vitest';
import { Chance } from '../upstream/chance.ts';
import { CounterSet } from './counter-set.ts';

test('it agrees with a plain set, whatever is put in', () => {
  const chance = new Chance(3);
  const [ours, others] = [new CounterSet(), new CounterSet()];
  const [plain, plainOthers] = [new Set<number>(), new Set<number>()];
  for (let n = 0; n < 20_000; n += 1) {
    const counter = chance.below(30_000);
    if (chance.happens(0.5)) {
      expect(ours.add(counter)).toBe(!plain.has(counter));
      plain.add(counter);
    } else {
      others.add(counter);
      plainOthers.add(counter);
    }
  }
  expect(ours.size).toBe(plain.size);
  for (let counter = 0; counter < 30_000; counter += 1) expect(ours.has(counter)).toBe(plain.has(counter));
  expect(new Set(ours.without())).toEqual(plain);
  expect(new Set(ours.without(others, undefined))).toEqual(
    new Set([...plain].filter((counter) => !plainOthers.has(counter))),
  );
});

test('the ends of words and pieces are counters like others', () => {
  const set = new CounterSet();
  const ends = [1, 31, 32, 33, 1023, 1024, 1025, 2 ** 31, 2 ** 40];
  for (const counter of ends) expect(set.add(counter)).toBe(true);
  expect([...set.without()].sort((a, b) => a - b)).toEqual(ends);
  expect(set.has(2 ** 40 + 1)).toBe(false);
});
