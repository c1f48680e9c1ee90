/** Runs other programs to their end: with their output kept, or shown. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { ROOT } from './checkout.ts';

/** How much of a program's output is kept: its end, which holds the reason. */
const OUTPUT_CHARS_MAX = 200_000;

export interface Run {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  /** The exit code; 127 when the program could not be started, 128 and more after a signal. */
  readonly code: number;
  readonly output: string;
}

/** Runs a program and keeps its output (both streams, in order). Never rejects. */
export function runQuietly(run: Run): Promise<Ended> {
  return runWith(run, 'pipe');
}

/** Runs a program that writes where we do, or, to leave standard output to us, to standard error alone. Never rejects. */
export function runShown(run: Run, on: 'ours' | 'stderr' = 'ours'): Promise<Ended> {
  return runWith(run, on === 'ours' ? 'inherit' : process.stderr);
}

function runWith(run: Run, output: 'pipe' | 'inherit' | NodeJS.WriteStream): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(run.command, run.args, {
      cwd: run.cwd ?? ROOT,
      env: { ...process.env, ...run.env },
      stdio: ['ignore', output, output],
    });
    let kept = '';
    const keep = (chunk: Buffer): void => {
      kept = (kept + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code, signal) =>
      resolve({ code: code ?? 128, output: signal === null ? kept : `${kept}\nended by ${signal}` }),
    );
  });
}

/** A run of a program that an installed npm package brings, without npx (which costs half a second). */
export function packageProgram(name: string, args: readonly string[], from = ROOT): Run {
  return { command: path.join(ROOT, 'node_modules', '.bin', name), args, cwd: from };
}

/** The full path of a program on PATH. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    if (folder === '') continue;
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return path.join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
