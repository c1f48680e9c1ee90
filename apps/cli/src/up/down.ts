/** `inorder down`: asks the supervisor to stop; where it was killed, ends what it left. Tells what ended of it. */
import { rmSync } from 'node:fs';
import { stopEmbeddedPostgres } from '@inorder/db/embedded';
import type { StateFolder } from '../checkout.ts';
import { endProcess, isRunning } from './identity.ts';
import { endLeftovers, type RunFile, readRunFile } from './run-file.ts';

/** Longer than all stop timeouts of a run together (site.ts, @inorder/brokers, the embedded Postgres). */
const SUPERVISOR_STOP_TIMEOUT_MS = 150_000;

export interface DownReport {
  /** What ran until then, as `status` names it, in the order of its end. */
  readonly ended: readonly string[];
  /** Nobody was there to end it in that order, or in time: the supervisor was killed. */
  readonly supervisorKilled: boolean;
}

/** @returns undefined when nothing was running. */
export async function down(state: StateFolder, say: (line: string) => void): Promise<DownReport | undefined> {
  const run = readRunFile(state.runFile);
  if (run === undefined) return undefined;
  const ended: string[] = [];
  if (isRunning(run.supervisor)) {
    ended.push(...endedBySupervisor(run));
    await endProcess(run.supervisor, SUPERVISOR_STOP_TIMEOUT_MS);
  }
  // Gone when the supervisor ended by itself; else it was killed, before or just now.
  const left = readRunFile(state.runFile);
  if (left === undefined) return { ended, supervisorKilled: false };
  const cleared = await clear(left, state, say);
  return { ended: [...new Set([...ended, ...cleared])], supervisorKilled: true };
}

/** What a supervisor that is asked to stop ends before itself. Of Postgres it is known when it has answered. */
function endedBySupervisor(run: RunFile): string[] {
  const names = run.processes.filter(isRunning).map(({ name }) => name);
  const postgres = run.embeddedPostgres !== null && run.endpoints.databaseUrl !== null ? ['postgres'] : [];
  return [...names.toReversed(), ...postgres, 'supervisor'];
}

/** @returns the names of what still ran. */
async function clear(run: RunFile, state: StateFolder, say: (line: string) => void): Promise<string[]> {
  const ended = await endLeftovers(run);
  for (const name of ended) say(`ended ${name}, left by a killed run`);
  if (run.embeddedPostgres !== null && (await stopEmbeddedPostgres(run.embeddedPostgres))) {
    say('stopped postgres, left by a killed run');
    ended.push('postgres');
  }
  rmSync(state.runFile, { force: true });
  return ended;
}
