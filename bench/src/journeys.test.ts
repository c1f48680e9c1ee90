import { Ledger } from '@inorder/simulator';
import { expect, test } from 'vitest';
import { Journeys } from './journeys.ts';

const ledger = new Ledger();
const id = (counter: number): string => `LAB-0001.r.${String(counter).padStart(6, '0')}`;

function journeys(): Journeys {
  const made = new Journeys(() => ledger);
  made.begin(1000);
  return made;
}

function sent(to: Journeys, counter: number, atMs: number, tries = 1): void {
  to.onSent({ interfaceCode: 'LAB-0001', controlId: id(counter), messageId: `m${counter}`, tries, atMs });
}

function answered(to: Journeys, counter: number, atMs: number, code: 'AA' | 'AE' = 'AA', endpoint = 'LIS-1'): void {
  to.onReceived({ controlId: id(counter), endpoint, atMs: atMs - 1 });
  to.onAnswered({ controlId: id(counter), endpoint, atMs, code });
}

test('a message counts from its first hand-over to its first positive answer', () => {
  const made = journeys();
  sent(made, 1, 1000);
  sent(made, 1, 1500, 2);
  answered(made, 1, 1600, 'AE');
  answered(made, 1, 1700);
  answered(made, 1, 9000);
  expect(made.report().answered).toMatchObject({ count: 1, max: 700 });
  expect(made.report().received).toMatchObject({ count: 1, max: 599 });
  expect(made.delivered).toBe(1);
});

test('poison, warming up and what was sent after the end are not measured', () => {
  const made = journeys();
  ledger.poison(id(2), 'unknownCode');
  ledger.poison(id(3), 'nackCode');
  for (const [counter, atMs] of [
    [1, 999],
    [2, 1000],
    [3, 1000],
    [4, 1000],
  ] as const) {
    sent(made, counter, atMs);
    answered(made, counter, atMs + 5);
  }
  made.end();
  sent(made, 5, 1001);
  answered(made, 5, 1006);
  expect(made.report().slowest.map((m) => m.controlId)).toEqual([id(4)]);
});

test('the backlog of a laboratory is what it answered after its return and was sent before', () => {
  const made = journeys();
  for (const [counter, sentAt, answeredAt] of [
    [11, 1000, 1010],
    [12, 1100, 2040],
    [13, 1200, 2300],
    [14, 2100, 2400],
  ] as const) {
    sent(made, counter, sentAt);
    answered(made, counter, answeredAt);
  }
  sent(made, 15, 1100);
  answered(made, 15, 3000, 'AA', 'LIS-2');
  expect(made.backlog('LIS-1', 2000)).toEqual({ messages: 2, firstMs: 40, lastMs: 300 });
  expect(made.backlog('LIS-3', 2000)).toEqual({ messages: 0, firstMs: 0, lastMs: 0 });
  expect(made.report((endpoint) => endpoint !== 'LIS-1').answered).toMatchObject({ count: 1, max: 1900 });
});
