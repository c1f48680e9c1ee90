import { expect, test } from 'vitest';
import { formatControlId } from '../messages/control-id.ts';
import { Judge } from './judge.ts';
import { Ledger } from './ledger.ts';

const id = (counter: number, run = '', code = 'LAB-0042') => formatControlId({ code, run, counter });

function judged(counters: readonly number[], judge = new Judge()): Judge {
  for (const counter of counters) {
    judge.arrived({ controlId: id(counter) });
    judge.taken(id(counter));
  }
  return judge;
}

test('G4: a clean run in order has nothing to report', () => {
  expect(judged([1, 2, 3, 4]).report()).toMatchObject({
    received: 4,
    distinct: 4,
    repeats: 0,
    outOfOrder: 0,
    missing: 0,
    notTaken: 0,
    orderViolations: 0,
    complete: true,
  });
});

test('G4: the judge finds two swapped', () => {
  const report = judged([1, 3, 2, 4]).report();
  expect(report).toMatchObject({ outOfOrder: 1, orderViolations: 1, missing: 0, repeats: 0 });
  expect(report.violationExamples).toEqual([{ verdict: 'outOfOrder', controlId: id(2), after: '3' }]);
});

test('G9: the judge finds one repeated, and allows only a repeat of the head', () => {
  expect(judged([1, 2, 2, 3]).report()).toMatchObject({ repeats: 1, headRepeats: 1, distinct: 3, orderViolations: 0 });
  expect(judged([1, 2, 3, 2, 4]).report()).toMatchObject({
    repeats: 1,
    headRepeats: 0,
    regressions: 1,
    orderViolations: 1,
  });
});

test('G1: the judge finds one missing, by gaps alone and by what was acknowledged', () => {
  expect(judged([1, 2, 4]).report()).toMatchObject({ missing: 1, missingBy: 'gaps', orderViolations: 0 });

  const ledger = new Ledger();
  for (const counter of [1, 2, 3, 4, 5]) ledger.acknowledge(id(counter));
  const report = judged([1, 2, 4], new Judge({ ledger })).report();
  expect(report).toMatchObject({ missing: 2, missingBy: 'acknowledged' });
  expect(report.missingExamples).toEqual([id(3), id(5)]);
});

test('G6: known poison is not missed, and refused poison is not counted as not taken', () => {
  const ledger = new Ledger();
  for (const counter of [1, 2, 3, 4]) ledger.acknowledge(id(counter));
  ledger.poison(id(2), 'unknownCode');
  ledger.poison(id(3), 'nackCode');
  const judge = new Judge({ ledger });
  for (const counter of [1, 3, 4]) judge.arrived({ controlId: id(counter) });
  judge.taken(id(1));
  expect(judge.report()).toMatchObject({ missing: 0, notTaken: 1 });
});

test('G9: an older copy is a regression unless it came on an older connection and the judge was told to look', () => {
  const arrivals = [
    { controlId: id(1), connection: 1 },
    { controlId: id(2), connection: 2 },
    { controlId: id(1), connection: 1 },
  ];
  const strict = new Judge();
  for (const arrival of arrivals) strict.arrived(arrival);
  expect(strict.report()).toMatchObject({ stragglers: 0, regressions: 1, orderViolations: 1 });

  const told = new Judge({ stragglersByConnection: true });
  for (const arrival of arrivals) told.arrived(arrival);
  told.arrived({ controlId: id(1), connection: 2 });
  expect(told.report()).toMatchObject({ stragglers: 1, regressions: 1, orderViolations: 1 });
});

test('G14: one announced replay is excused once', () => {
  const judge = judged([1, 2, 3]);
  judge.announceReplay(id(1));
  expect(judge.arrived({ controlId: id(1) })).toBe('lateReplay');
  expect(judge.arrived({ controlId: id(1) })).toBe('regression');
});

test('G14: poison may come back late only where the judge was told so', () => {
  const ledger = new Ledger();
  ledger.poison(id(1), 'unknownCode');
  const strict = new Judge({ ledger });
  const demonstration = new Judge({ ledger, poisonMayReturn: true });
  for (const judge of [strict, demonstration]) judge.arrived({ controlId: id(2) });
  expect(strict.arrived({ controlId: id(1) })).toBe('outOfOrder');
  expect(demonstration.arrived({ controlId: id(1) })).toBe('lateReplay');
});

test('G4: runs count in the order first seen, and an old run coming back is a violation', () => {
  const judge = new Judge();
  expect(judge.arrived({ controlId: id(7, 'a') })).toBe('inOrder');
  expect(judge.arrived({ controlId: id(1, 'b') })).toBe('inOrder');
  expect(judge.arrived({ controlId: id(8, 'a') })).toBe('outOfOrder');
  expect(judge.arrived({ controlId: id(7, 'a') })).toBe('regression');
  expect(judge.arrived({ controlId: id(2, 'b') })).toBe('inOrder');
});

test('interfaces are judged apart, and foreign ids by nobody', () => {
  const judge = new Judge();
  judge.arrived({ controlId: id(2, '', 'LAB-0001') });
  expect(judge.arrived({ controlId: id(1, '', 'LAB-0002') })).toBe('inOrder');
  expect(judge.arrived({ controlId: 'SOMEBODY-ELSE' })).toBe('foreign');
  const report = judge.report({ perInterface: true });
  expect(report).toMatchObject({ orderViolations: 0, foreign: 1, interfaces: 2 });
  expect(Object.keys(report.perInterface ?? {})).toEqual(['LAB-0001', 'LAB-0002']);
});

test('the last control ids of an interface are kept in order, repeats included', () => {
  const judge = judged([1, 2, 2, 3, 4], new Judge({ recentMax: 3 }));
  expect(judge.received('LAB-0042')).toEqual([id(2), id(3), id(4)]);
  expect(judge.received('LAB-0042', 2)).toEqual([id(3), id(4)]);
});

test('G19: the judge says when its memory bound was met', () => {
  const judge = new Judge({ piecesMax: 2 });
  for (const counter of [1, 2000, 3000, 4000]) judge.arrived({ controlId: id(counter) });
  expect(judge.report().complete).toBe(false);
});

test('G19: 25,000 interfaces are judged in one go', () => {
  const judge = new Judge({ recentMax: 5 });
  for (let i = 0; i < 25_000; i += 1) {
    const code = `LAB-${i}`;
    for (const counter of [1, 1500, 2000]) judge.arrived({ controlId: id(counter, '', code) });
  }
  expect(judge.report()).toMatchObject({ interfaces: 25_000, received: 75_000, orderViolations: 0 });
});

test('after a reset what was acknowledged before is not missed, and what is acknowledged later is', () => {
  const ledger = new Ledger();
  const judge = judged([1, 2], new Judge({ ledger }));
  for (const counter of [1, 2, 3]) ledger.acknowledge(id(counter));
  judge.reset();
  expect(judge.report()).toMatchObject({ received: 0, missing: 0, gaps: 0 });
  for (const counter of [4, 5]) ledger.acknowledge(id(counter));
  judge.arrived({ controlId: id(3) });
  judge.arrived({ controlId: id(5) });
  expect(judge.report()).toMatchObject({ missing: 1, missingExamples: [id(4)], orderViolations: 0 });
});

test('G14: a replay that is explained after it came is a violation no more, and excuses nothing later', () => {
  const judge = judged([1, 2, 3, 1]);
  expect(judge.report()).toMatchObject({ orderViolations: 1 });
  judge.explainReplay(id(1));
  expect(judge.report()).toMatchObject({ orderViolations: 0, regressions: 0, lateReplays: 1, violationExamples: [] });
  judge.explainReplay(id(2));
  expect(judge.arrived({ controlId: id(2) })).toBe('regression');
});

test('G14: with a run of its own, a replay from before a restart does not make the new orders old', () => {
  const judge = new Judge({ ownRun: 'b' });
  expect(judge.arrived({ controlId: id(1, 'b') })).toBe('inOrder');
  judge.announceReplay(id(9, 'a'));
  expect(judge.arrived({ controlId: id(9, 'a') })).toBe('lateReplay');
  expect(judge.arrived({ controlId: id(2, 'b') })).toBe('inOrder');
  expect(judge.arrived({ controlId: id(10, 'a') })).toBe('outOfOrder');
});

test('G4: what an older run left behind comes first, in order', () => {
  const judge = new Judge({ ownRun: 'b' });
  for (const controlId of [id(8, 'a'), id(9, 'a'), id(1, 'b'), id(2, 'b')])
    expect(judge.arrived({ controlId })).toBe('inOrder');
});
