/** `up --detach`: the same `up` in the background. It tells us its lines until it is ready; then we leave it alone. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { ROOT, stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { createProgress, type Progress } from '../steps.ts';
import type { StartOutcome } from './up.ts';

interface FromBackground {
  readonly text?: string;
  readonly ready?: StartOutcome;
}

/** The hidden option that a background run is started with. */
export const BACKGROUND_OPTION = '--in-background';

/** Starts `up` in the background and returns when it is ready. */
export async function detach(args: readonly string[]): Promise<void> {
  const state = stateFolder();
  mkdirSync(state.logs, { recursive: true });
  const log = openSync(path.join(state.logs, 'supervisor.log'), 'w', 0o600);
  const child = spawn(process.execPath, [path.join(ROOT, 'apps/cli/src/main.ts'), 'up', BACKGROUND_OPTION, ...args], {
    cwd: ROOT,
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: FromBackground) => {
      if (message.text !== undefined) process.stdout.write(message.text);
      if (message.ready === 'works') resolve();
      if (message.ready === 'noOrder')
        reject(
          new CommandFailure(EXIT.failed, 'everything is up, but no demonstration order was acknowledged in time'),
        );
    });
    child.on('error', reject);
    child.on('exit', () =>
      reject(new CommandFailure(EXIT.failed, `not started; see ${path.join(state.logs, 'supervisor.log')}`)),
    );
  });
  try {
    await ready;
  } finally {
    // It goes on by itself.
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** What a background run reports through: to the program that started it while that listens, and to its log. */
export function backgroundProgress(): { progress: Progress; onReady: (outcome: StartOutcome) => void } {
  const tell = (message: FromBackground): void => {
    // The starter may be gone: then only the log is left.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  const write = (text: string): void => {
    process.stdout.write(text);
    tell({ text });
  };
  return { progress: createProgress(write, false), onReady: (outcome) => tell({ ready: outcome }) };
}
