/** `up --detach`: the same `up` in the background. It tells us its lines until it is ready; then we leave it alone. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT, stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT, type ExitCode, exitCodeOf } from '../exit.ts';
import { createProgress, type Progress } from '../steps.ts';
import { isRunning } from './identity.ts';
import { readRunFile } from './run-file.ts';
import type { StartOutcome } from './start-site.ts';

interface FromBackground {
  readonly text?: string;
  readonly ready?: StartOutcome;
  readonly failed?: { readonly exitCode: ExitCode; readonly message: string };
}

/** The hidden option that a background run is started with. */
export const BACKGROUND_OPTION = '--in-background';

export interface Detached {
  readonly pid: number;
  readonly outcome: StartOutcome;
}

/** Starts `up` in the background, shows its lines, and returns when it is ready. @throws CommandFailure where it fails. */
export async function detach(args: readonly string[], show: (text: string) => void): Promise<Detached> {
  const state = stateFolder();
  mkdirSync(state.logs, { recursive: true });
  const file = path.join(state.logs, 'supervisor.log');
  // Emptied for a new run. Where one is up already the log is its own, and it goes on in it.
  const run = readRunFile(state.runFile);
  if (run === undefined || !isRunning(run.supervisor)) rmSync(file, { force: true });
  const log = openSync(file, 'a', 0o600);
  const child = spawn(process.execPath, [path.join(ROOT, 'apps/cli/src/main.ts'), 'up', BACKGROUND_OPTION, ...args], {
    cwd: ROOT,
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const ready = new Promise<StartOutcome>((resolve, reject) => {
    child.on('message', (message: FromBackground) => {
      if (message.text !== undefined) show(message.text);
      if (message.failed !== undefined) reject(new CommandFailure(message.failed.exitCode, message.failed.message));
      if (message.ready !== undefined) resolve(message.ready);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new CommandFailure(EXIT.failed, `not started; see ${file}`)));
  });
  try {
    return { outcome: await ready, pid: child.pid ?? 0 };
  } finally {
    // It goes on by itself.
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

export interface BackgroundReport {
  readonly progress: Progress;
  readonly onReady: (outcome: StartOutcome) => void;
  readonly onFailed: (error: unknown) => void;
}

/** What a background run reports through: to the program that started it while that listens, and to its log. */
export function backgroundProgress(): BackgroundReport {
  const tell = (message: FromBackground): void => {
    // The starter may be gone: then only the log is left.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  const write = (text: string): void => {
    process.stdout.write(`${new Date().toISOString()} ${text}`);
    tell({ text });
  };
  return {
    progress: createProgress(write, false),
    onReady: (outcome) => tell({ ready: outcome }),
    onFailed: (error) =>
      tell({
        failed: { exitCode: exitCodeOf(error), message: error instanceof Error ? error.message : String(error) },
      }),
  };
}
