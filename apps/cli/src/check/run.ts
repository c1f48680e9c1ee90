/** Runs the checks, as many at a time as there are processors, and says what failed and why. */
import os from 'node:os';
import pc from 'picocolors';
import { ensurePrismaClient } from '../prisma-client.ts';
import { type Progress, seconds } from '../steps.ts';
import { type CheckStep, checkSteps } from './steps.ts';

export interface CheckResult {
  readonly passed: number;
  /** Names of the steps that failed. */
  readonly failed: readonly string[];
}

export async function runChecks(progress: Progress): Promise<CheckResult> {
  const before = performance.now();
  // The types of everything that talks to the database depend on it.
  if (await ensurePrismaClient()) progress.say('Prisma client generated');
  const steps = checkSteps();
  const failed = await runAll(steps, progress);
  const took = seconds(performance.now() - before);
  progress.say(
    failed.length === 0
      ? pc.green(`check: all ${steps.length} passed in ${took}`)
      : pc.red(`check: failed in ${took}: ${failed.join(', ')}`),
  );
  return { passed: steps.length - failed.length, failed };
}

async function runAll(steps: readonly CheckStep[], progress: Progress): Promise<string[]> {
  const waiting = [...steps];
  const failed: string[] = [];
  const reports: string[] = [];
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const before = performance.now();
      const { code, output } = await attempt(step);
      const took = pc.dim(seconds(performance.now() - before));
      progress.say(`${code === 0 ? pc.green('✓') : pc.red('✗')} ${step.name} ${took}`);
      if (code === 0) continue;
      failed.push(step.name);
      reports.push(`\n${pc.bold(`── ${step.name}`)}\n${output.trim()}\n`);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
  for (const report of reports) progress.say(report);
  return failed;
}

async function attempt(step: CheckStep): Promise<{ code: number; output: string }> {
  try {
    return await step.run();
  } catch (error) {
    return { code: 1, output: error instanceof Error ? error.message : String(error) };
  }
}
