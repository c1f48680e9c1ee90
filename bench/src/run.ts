/** The life of a bench as a program: options, rig, measurement, report, exit code, and everything ended again. */
import type { Verdict } from './load.ts';
import { type Numbers, readOptions, usageText } from './options.ts';
import { type Rig, type RigOptions, startRig } from './rig.ts';

export interface Bench<N extends Numbers & { readonly interfaces: number }, R extends { readonly verdict: Verdict }> {
  /** As people call it. */
  readonly file: string;
  readonly defaults: N;
  readonly poison: (numbers: N) => RigOptions['poison'];
  readonly measure: (rig: Rig, numbers: N, log: (line: string) => void) => Promise<R>;
  readonly text: (report: R) => string;
}

/** Exit codes: 0 · 1 an order violation or a loss · 2 wrong use · 130 told to stop. Times decide nothing. */
export async function runBench<
  N extends Numbers & { readonly interfaces: number },
  R extends { readonly verdict: Verdict },
>(bench: Bench<N, R>): Promise<void> {
  const read = readOptions(process.argv.slice(2), bench.defaults);
  if (!read.ok) {
    if (read.problem !== undefined) process.stderr.write(`${read.problem}\n`);
    process.stderr.write(usageText(bench.file, bench.defaults));
    process.exitCode = read.problem === undefined ? 0 : 2;
    return;
  }
  const { numbers, plan, json, profile } = read.options;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const rig = await startRig({ interfaces: numbers.interfaces, plan, poison: bench.poison(numbers), profile, log });
  try {
    const report = await bench.measure(rig, numbers, log);
    process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : bench.text(report));
    process.exitCode = report.verdict.orderViolations + report.verdict.lost > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    log('stopped before the end: no report');
    process.exitCode = 130;
  } finally {
    await rig.stop();
  }
}
