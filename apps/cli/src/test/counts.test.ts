import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROOT } from '../checkout.ts';
import { failedOutsideTests, judged, playwrightCounts, sumRuns, vitestCounts } from './counts.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-counts-'));
afterAll(() => rmSync(folder, { recursive: true }));

function report(content: object): string {
  const file = path.join(folder, 'report.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

const vitest = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 };
const file = (name: string, status: string, ...statuses: string[]) => ({
  name: path.join(ROOT, name),
  status,
  assertionResults: statuses.map((each) => ({ status: each })),
});

test('a test file that does not load counts as a failure, of its tier', () => {
  const testResults = [
    file('apps/cli/src/a.test.ts', 'passed', 'passed', 'passed', 'skipped', 'todo'),
    file('apps/cli/src/b.test.ts', 'failed', 'passed', 'failed', 'pending'),
    file('apps/cli/src/c.integration.test.ts', 'failed'),
    file('packages/db/test/integration/d.test.ts', 'passed', 'passed', 'passed'),
  ];
  const counts = vitestCounts(report({ ...vitest, testResults }));
  expect(counts.total).toEqual({ passed: 5, failed: 2, skipped: 3 });
  expect(Object.fromEntries(counts.tiers)).toEqual({
    unit: { passed: 3, failed: 1, skipped: 3 },
    integration: { passed: 2, failed: 1, skipped: 0 },
  });
  expect(failedOutsideTests(counts)).toBe(0);
});

test('a flaky browser test has passed, an error outside of any test has not', () => {
  const stats = { expected: 3, unexpected: 1, flaky: 1, skipped: 2 };
  const total = { passed: 4, failed: 2, skipped: 2 };
  expect(playwrightCounts(report({ stats, errors: [{}] }))).toEqual({ total, tiers: new Map([['e2e', total]]) });
});

test('a runner without a report, or that fails without a failed test, is a failure of no tier', () => {
  const missing = vitestCounts(path.join(folder, 'missing.json'));
  expect(missing).toEqual({ total: { passed: 0, failed: 1, skipped: 0 }, tiers: new Map() });
  expect(playwrightCounts(path.join(folder, 'missing.json'))).toEqual(missing);
  const unit = { passed: 3, failed: 0, skipped: 0 };
  const crashed = judged({ total: unit, tiers: new Map([['unit', unit]]) }, 1);
  expect(crashed.total).toEqual({ passed: 3, failed: 1, skipped: 0 });
  expect([missing, crashed].map(failedOutsideTests)).toEqual([1, 1]);
  const failed = { passed: 3, failed: 2, skipped: 0 };
  expect(judged({ total: failed, tiers: new Map() }, 1).total).toEqual(failed);
});

test('the counts of the runners add up, of all and of each tier', () => {
  const [one, ten] = [
    { passed: 1, failed: 2, skipped: 3 },
    { passed: 10, failed: 20, skipped: 30 },
  ];
  const both = { passed: 11, failed: 22, skipped: 33 };
  const summed = sumRuns([
    { total: one, tiers: new Map([['e2e', one]]) },
    {
      total: both,
      tiers: new Map([
        ['e2e', ten],
        ['chaos', one],
      ]),
    },
  ]);
  expect(summed.total).toEqual({ passed: 12, failed: 24, skipped: 36 });
  expect(Object.fromEntries(summed.tiers)).toEqual({ e2e: both, chaos: one });
});
