import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type LogFolder, openLogFolder } from './logs.ts';

const BYTES_MAX = 2_000;
const LOOK_EVERY_MS = 20;

let folder: string;
let logs: LogFolder;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-logs-'));
  logs = openLogFolder(folder, BYTES_MAX, LOOK_EVERY_MS);
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  logs.close();
  rmSync(folder, { recursive: true });
});

/** A real process that writes a line each millisecond, to a file that it was given open. */
function talker(file: string): ChildProcess {
  const log = openSync(file, 'a', 0o600);
  const program = "setInterval(() => console.log('x'.repeat(100)), 1)";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', log, log] });
  closeSync(log);
  children.push(child);
  return child;
}

const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

test('the log of the supervisor, which was opened before it ran, is bounded as those of its processes', async () => {
  const file = logs.fileOf('supervisor');
  const child = talker(file);
  await vi.waitFor(() => expect(size(`${file}.1`)).toBeGreaterThan(BYTES_MAX), { timeout: 10_000 });
  await vi.waitFor(() => expect(size(file)).toBeLessThan(BYTES_MAX), { timeout: 10_000, interval: 1 });
  expect(child.exitCode ?? child.signalCode).toBeNull();
  // For its owner only, the older part too.
  expect([file, `${file}.1`].map((each) => statSync(each).mode & 0o777)).toEqual([0o600, 0o600]);
});

/** A folder whose looks come when the test says so. */
function lookedAtByHand(): { look(): void } {
  logs.close();
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  logs = openLogFolder(folder, BYTES_MAX, LOOK_EVERY_MS);
  return { look: () => void vi.advanceTimersByTime(LOOK_EVERY_MS) };
}

test('what is no log, or short, is left as it is', () => {
  const { look } = lookedAtByHand();
  const [other, short, long] = [path.join(folder, 'notes.txt'), logs.fileOf('short'), logs.fileOf('long')];
  writeFileSync(other, 'n'.repeat(2 * BYTES_MAX));
  writeFileSync(short, 's'.repeat(BYTES_MAX));
  writeFileSync(long, 'l'.repeat(BYTES_MAX + 1));
  look();
  expect([other, short, `${short}.1`, long, `${long}.1`].map(size)).toEqual([
    2 * BYTES_MAX,
    BYTES_MAX,
    0,
    0,
    BYTES_MAX + 1,
  ]);
});

test('a folder that is taken away and made again ends nobody, and its logs are bounded again', () => {
  const { look } = lookedAtByHand();
  rmSync(folder, { recursive: true });
  expect(look).not.toThrow();
  mkdirSync(folder);
  writeFileSync(logs.fileOf('engine-1'), 'x'.repeat(BYTES_MAX + 1));
  look();
  expect(size(logs.fileOf('engine-1'))).toBe(0);
});
