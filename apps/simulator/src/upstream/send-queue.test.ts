import { expect, test } from 'vitest';
import { type Parcel, SendQueue } from './send-queue.ts';

const parcel = (interfaceCode: string, ordinal: number): Parcel => ({
  interfaceCode,
  controlId: `${interfaceCode}.${ordinal}`,
  body: '',
  messageId: `ID:${ordinal}`,
  ordinal,
  tries: 0,
});

function filled(...codes: readonly string[]): { queue: SendQueue; parcels: readonly Parcel[] } {
  const queue = new SendQueue();
  const parcels = codes.map((code, index) => parcel(code, index));
  for (const one of parcels) queue.push(one);
  return { queue, parcels };
}

const takeAll = (queue: SendQueue): readonly number[] => {
  const ordinals: number[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) ordinals.push(next.ordinal);
  return ordinals;
};

const at = (parcels: readonly Parcel[], n: number): Parcel => {
  const found = parcels[n];
  if (found === undefined) throw new Error(`no parcel ${n}`);
  return found;
};

test('after a release nothing of that interface goes out until the rest has come back; then all in order', () => {
  const { queue, parcels } = filled('A', 'A', 'A', 'B');
  expect(queue.take()?.ordinal).toBe(0);
  expect(queue.take()?.ordinal).toBe(1);
  queue.released(at(parcels, 0));
  expect(takeAll(queue)).toEqual([3]);
  queue.released(at(parcels, 1));
  expect(takeAll(queue)).toEqual([0, 1, 2]);
  expect(queue.inversions).toBe(0);
});

test('a later message accepted while an earlier one came back is counted, either way round', () => {
  const first = filled('A', 'A');
  takeAll(first.queue);
  first.queue.released(at(first.parcels, 0));
  first.queue.ended(at(first.parcels, 1), true);
  expect(first.queue.inversions).toBe(1);
  expect(takeAll(first.queue)).toEqual([0]);

  const second = filled('A', 'A');
  takeAll(second.queue);
  second.queue.ended(at(second.parcels, 1), true);
  second.queue.released(at(second.parcels, 0));
  expect(second.queue.inversions).toBe(1);
});

test('a lost link sends everything in flight or held again, in order, before what is new', () => {
  const { queue, parcels } = filled('A', 'B', 'A', 'B', 'A');
  for (let n = 0; n < 4; n += 1) queue.take();
  queue.ended(at(parcels, 1), true);
  queue.released(at(parcels, 2));
  queue.rewindAll();
  expect(queue.size).toBe(4);
  expect(takeAll(queue)).toEqual([0, 2, 3, 4]);
  for (const n of [0, 2, 3, 4]) queue.ended(at(parcels, n), true);
  expect(queue.size).toBe(0);
});
