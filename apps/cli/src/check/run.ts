/** Runs the checks, as many at a time as there are processors, and says what failed and why. */
import os from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { ensurePrismaClient } from '../prisma-client.ts';
import { type Progress, seconds } from '../steps.ts';
import { type CheckStep, checkSteps } from './steps.ts';

export interface CheckResult {
  readonly passed: number;
  /** Names of the steps that failed. */
  readonly failed: readonly string[];
  /** Of all steps together. */
  readonly ms: number;
  /** In the order of `checkSteps`. */
  readonly steps: readonly StepResult[];
}

export interface StepResult {
  readonly name: string;
  readonly outcome: 'passed' | 'failed';
  readonly ms: number;
  /** What its program said, the end of it; only where it failed. */
  readonly output?: string;
}

export async function runChecks(progress: Progress, steps: readonly CheckStep[] = checkSteps()): Promise<CheckResult> {
  const before = performance.now();
  // The types of everything that talks to the database depend on it.
  if (await ensurePrismaClient()) progress.say('Prisma client generated');
  const results = await runAll(steps, progress);
  const ms = msSince(before);
  const failed = results.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
  progress.say(
    failed.length === 0
      ? pc.green(`check: all ${steps.length} passed in ${seconds(ms)}`)
      : pc.red(`check: failed in ${seconds(ms)}: ${failed.join(', ')}`),
  );
  return { passed: steps.length - failed.length, failed, ms, steps: results };
}

/** The result for programs: counts, and outputs without colours. */
export function checkDocument({ passed, failed, ms, steps }: CheckResult): object {
  const told = steps.map(({ output, ...step }) =>
    output === undefined ? step : { ...step, output: stripVTControlCharacters(output) },
  );
  return { passed, failed: failed.length, ms, steps: told };
}

async function runAll(steps: readonly CheckStep[], progress: Progress): Promise<StepResult[]> {
  const left = steps.entries();
  const results: StepResult[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, step] of left) {
      const result = await attempt(step);
      results[index] = result;
      const mark = result.outcome === 'passed' ? pc.green('✓') : pc.red('✗');
      progress.say(`${mark} ${step.name} ${pc.dim(seconds(result.ms))}`);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
  for (const { name, output } of results) {
    if (output !== undefined) progress.say(`\n${pc.bold(`── ${name}`)}\n${output}\n`);
  }
  return results;
}

async function attempt(step: CheckStep): Promise<StepResult> {
  const before = performance.now();
  const { code, output } = await ended(step);
  const ms = msSince(before);
  const { name } = step;
  return code === 0 ? { name, outcome: 'passed', ms } : { name, outcome: 'failed', ms, output: output.trim() };
}

async function ended(step: CheckStep): Promise<{ code: number; output: string }> {
  try {
    return await step.run();
  } catch (error) {
    return { code: 1, output: error instanceof Error ? error.message : String(error) };
  }
}

function msSince(before: number): number {
  return Math.round(performance.now() - before);
}
