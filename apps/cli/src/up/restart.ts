/**
 * `inorder restart`: one engine instance after the other. An instance is asked to end, as by `down`; it drains and gives its
 * shards and sources back, so that the others have them at once. The supervisor starts it again; the next one's turn comes
 * when it is ready.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailure, EXIT } from '../exit.ts';
import { endProcess, isRunning } from './identity.ts';
import { type RunFile, readRunFile, SUPERVISOR_GONE } from './run-file.ts';
import { isReady } from './supervisor.ts';

type RunningProcess = RunFile['processes'][number];

/** From SIGTERM to SIGKILL: an engine gives itself up after 30 s. */
const STOP_TIMEOUT_MS = 35_000;
const READY_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 100;

export interface Restarted {
  readonly name: string;
  /** From asking it to end until it was ready again. */
  readonly ms: number;
}

/** The engine instances of a run. @throws CommandFailure when nothing runs, or nobody is there to start them again. */
export function engineInstancesOf(run: RunFile | undefined): RunningProcess[] {
  if (run === undefined || ![run.supervisor, ...run.processes].some(isRunning))
    throw new CommandFailure(EXIT.notReachable, 'nothing is running; inorder up starts it');
  if (!isRunning(run.supervisor)) throw new CommandFailure(EXIT.failed, SUPERVISOR_GONE);
  return run.processes.filter(({ kind }) => kind === 'engine');
}

/** @throws CommandFailure when there is no such instance. */
export function instanceNamed(instances: readonly RunningProcess[], name: string): RunningProcess {
  const found = instances.find((instance) => instance.name === name);
  if (found !== undefined) return found;
  const names = instances.map((instance) => instance.name).join(', ');
  throw new CommandFailure(EXIT.wrongUse, `there is no engine instance ${name}; there are: ${names || 'none'}`);
}

/** @throws CommandFailure naming the instances that are not ready: a rolling restart would take another one from them. */
export async function requireAllReady(instances: readonly RunningProcess[]): Promise<void> {
  const ready = await Promise.all(instances.map(answersReady));
  const missing = instances.filter((_, index) => ready[index] !== true).map(({ name }) => name);
  if (missing.length > 0)
    throw new CommandFailure(
      EXIT.failed,
      `not ready: ${missing.join(', ')}. A rolling restart begins when all are; inorder restart NAME restarts one alone`,
    );
}

/** @throws CommandFailure when it is not ready again in time. */
export async function restartInstance(runFile: string, before: RunningProcess): Promise<Restarted> {
  const startedAt = performance.now();
  await endProcess(before, STOP_TIMEOUT_MS);
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const now = readRunFile(runFile)?.processes.find(({ name }) => name === before.name);
    const isNew = now !== undefined && (now.pid !== before.pid || now.startTime !== before.startTime);
    if (isNew && isRunning(now) && (await answersReady(now)))
      return { name: before.name, ms: Math.round(performance.now() - startedAt) };
    await delay(LOOK_EVERY_MS);
  }
  throw new CommandFailure(EXIT.failed, `${before.name} is not ready ${READY_TIMEOUT_MS / 1_000} s after its end`);
}

async function answersReady({ address }: RunningProcess): Promise<boolean> {
  return address !== null && (await isReady({ kind: 'http', url: new URL('/readyz', address).href }));
}
