/** `inorder down`: asks the supervisor to stop; where it was killed, ends what it left. */
import { rmSync } from 'node:fs';
import { stopEmbeddedPostgres } from '@inorder/db/embedded';
import type { StateFolder } from '../checkout.ts';
import { endProcess, isRunning } from './identity.ts';
import { endLeftovers, type RunFile, readRunFile } from './run-file.ts';

/** Longer than all stop timeouts of a run together (site.ts, @inorder/brokers, the embedded Postgres). */
const SUPERVISOR_STOP_TIMEOUT_MS = 150_000;

/** @returns false when nothing was running. */
export async function down(state: StateFolder, say: (line: string) => void): Promise<boolean> {
  const run = readRunFile(state.runFile);
  if (run === undefined) return false;
  const orderly = isRunning(run.supervisor);
  if (orderly) await endProcess(run.supervisor, SUPERVISOR_STOP_TIMEOUT_MS);
  // Gone when the supervisor ended by itself; else it was killed, before or just now.
  const left = readRunFile(state.runFile);
  if (left !== undefined) await clear(left, state, say);
  return true;
}

async function clear(run: RunFile, state: StateFolder, say: (line: string) => void): Promise<void> {
  for (const name of await endLeftovers(run)) say(`ended ${name}, left by a killed run`);
  if (run.embeddedPostgres !== null && (await stopEmbeddedPostgres(run.embeddedPostgres))) {
    say('stopped postgres, left by a killed run');
  }
  rmSync(state.runFile, { force: true });
}
