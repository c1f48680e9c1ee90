/**
 * Bounded logs. A process writes straight to its file, so it does not depend on us being alive; we only look at the size
 * from time to time, keep one older part beside it, and cut the file (the process appends, so it goes on at the start).
 * All logs of the folder are looked at, whoever opened them: that of the supervisor itself is opened before it runs.
 */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
} from 'node:fs';
import path from 'node:path';

const LOG_BYTES_MAX = 10 * 1024 * 1024;
const LOOK_EVERY_MS = 5_000;
const ENDING = '.log';

export interface LogFolder {
  /** Empties a log and opens it for a process; close the descriptor once the process has it. */
  open(name: string): number;
  fileOf(name: string): string;
  /** The last lines, for an error text. */
  tail(name: string, lines: number): string;
  close(): void;
}

export function openLogFolder(folder: string, bytesMax = LOG_BYTES_MAX, lookEveryMs = LOOK_EVERY_MS): LogFolder {
  mkdirSync(folder, { recursive: true });
  const open = new Set<string>();
  const fileOf = (name: string): string => path.join(folder, `${name}${ENDING}`);
  const timer = setInterval(() => {
    try {
      for (const file of readdirSync(folder)) {
        if (file.endsWith(ENDING)) cutWhenTooLong(path.join(folder, file), bytesMax);
      }
    } catch {
      // A full disk, or somebody takes files away: the next look tries again. What we watch over must not end of it.
    }
  }, lookEveryMs);
  timer.unref();
  return {
    open(name) {
      // Emptied at the first start of a run; a process started again goes on in the same file.
      if (!open.has(name)) closeSync(openSync(fileOf(name), 'w', 0o600));
      open.add(name);
      return openSync(fileOf(name), 'a', 0o600);
    },
    fileOf,
    tail(name, lines) {
      try {
        return readFileSync(fileOf(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
      } catch {
        return '';
      }
    },
    close: () => clearInterval(timer),
  };
}

function cutWhenTooLong(file: string, bytesMax: number): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytesMax) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}
