/** Counts of a test run, read from the reports of the two runners. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { ROOT } from '../checkout.ts';
import { type Tier, tierOfFile } from './tiers.ts';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What one run of a runner has come to. */
export interface RunCounts {
  readonly total: Counts;
  /** Tiers of which there were tests. */
  readonly tiers: ReadonlyMap<Tier, Counts>;
}

export const NO_COUNTS: Counts = { passed: 0, failed: 0, skipped: 0 };
/** A runner that ended without a report: something is wrong, and nobody counted it. */
export const NO_REPORT: Counts = { passed: 0, failed: 1, skipped: 0 };

const vitestReport = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  /** Files: one that does not load fails without a test in it. */
  testResults: z.array(
    z.object({
      /** The full path of the file. */
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

const playwrightReport = z.object({
  stats: z.object({ expected: z.int(), unexpected: z.int(), flaky: z.int(), skipped: z.int() }),
  errors: z.array(z.unknown()).default([]),
});

export function vitestCounts(file: string): RunCounts {
  const report = vitestReport.safeParse(readJson(file));
  if (!report.success) return { total: NO_REPORT, tiers: new Map() };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = report.data;
  const unloaded = testResults.filter(isUnloaded).length;
  return {
    total: { passed: numPassedTests, failed: numFailedTests + unloaded, skipped: numPendingTests + numTodoTests },
    tiers: sumTiers(testResults.map((result) => [tierOfFile(path.relative(ROOT, result.name)), countsOf(result)])),
  };
}

type FileResult = z.infer<typeof vitestReport>['testResults'][number];

function isUnloaded({ status, assertionResults }: FileResult): boolean {
  return status === 'failed' && assertionResults.length === 0;
}

function countsOf(result: FileResult): Counts {
  if (isUnloaded(result)) return NO_REPORT;
  const of = (status: string): number => result.assertionResults.filter((each) => each.status === status).length;
  const [passed, failed] = [of('passed'), of('failed')];
  return { passed, failed, skipped: result.assertionResults.length - passed - failed };
}

export function playwrightCounts(file: string): RunCounts {
  const report = playwrightReport.safeParse(readJson(file));
  if (!report.success) return { total: NO_REPORT, tiers: new Map() };
  const { expected, unexpected, flaky, skipped } = report.data.stats;
  // A test that passed at the second try is a passed one; Playwright's own list names it.
  const total = { passed: expected + flaky, failed: unexpected + report.data.errors.length, skipped };
  return { total, tiers: new Map([['e2e', total]]) };
}

/** A runner that failed without a failed test (a crash, a broken teardown) has failed all the same. */
export function judged(run: RunCounts, exitCode: number): RunCounts {
  const { total } = run;
  return exitCode !== 0 && total.failed === 0 ? { ...run, total: { ...total, failed: 1 } } : run;
}

/** Several runs as one. */
export function sumRuns(runs: readonly RunCounts[]): RunCounts {
  return { total: sum(runs.map(({ total }) => total)), tiers: sumTiers(runs.flatMap(({ tiers }) => [...tiers])) };
}

/** Failures that belong to no test: a runner that crashed, or left no report. */
export function failedOutsideTests({ total, tiers }: RunCounts): number {
  return total.failed - sum([...tiers.values()]).failed;
}

function sumTiers(all: readonly (readonly [Tier, Counts])[]): Map<Tier, Counts> {
  const byTier = Map.groupBy(all, ([tier]) => tier);
  return new Map([...byTier].map(([tier, found]) => [tier, sum(found.map(([, counts]) => counts))]));
}

export function sum(all: readonly Counts[]): Counts {
  return all.reduce(
    (total, counts) => ({
      passed: total.passed + counts.passed,
      failed: total.failed + counts.failed,
      skipped: total.skipped + counts.skipped,
    }),
    NO_COUNTS,
  );
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
