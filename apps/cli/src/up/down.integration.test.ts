import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { identify, isRunning, type ProcessIdentity } from './identity.ts';
import { newRun, writeRunFile } from './run-file.ts';

let folder: string;
let runFile: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-down-'));
  runFile = path.join(folder, 'run.json');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A real process that has said that it listens to signals. */
async function start(atSigterm = ''): Promise<ProcessIdentity> {
  const program = `process.on('SIGTERM', () => { ${atSigterm}; process.exit(0); }); setInterval(() => {}, 1000); console.log('ready')`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('the child is gone');
  return identity;
}

/** As a supervisor does: what it started, and then the run file. */
const endAll = (pids: readonly number[]): string =>
  `for (const pid of ${JSON.stringify(pids)}) process.kill(pid); require('node:fs').rmSync(${JSON.stringify(runFile)})`;

function down(...args: string[]) {
  const program = path.join(import.meta.dirname, '../main.ts');
  return spawnSync(process.execPath, [program, 'down', ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', INORDER_STATE_DIR: folder },
  });
}

function write(supervisor: ProcessIdentity, processes: Readonly<Record<string, ProcessIdentity>>): void {
  const run = newRun(supervisor, 0);
  const listed = Object.entries(processes).map(([name, identity]) => ({
    ...{ name, address: null, kind: null },
    ...identity,
  }));
  writeRunFile(runFile, { ...run, ready: true, processes: listed });
}

test('--json: what the supervisor ended, in its order, and nothing that had ended before', async () => {
  const [redis, engine] = [await start(), await start()];
  const supervisor = await start(endAll([redis.pid, engine.pid]));
  write(supervisor, { redis, gone: { pid: redis.pid, startTime: 'another' }, 'engine-1': engine });
  const { status, stdout, stderr } = down('--json');
  expect(JSON.parse(stdout)).toEqual({ ended: ['engine-1', 'redis', 'supervisor'], supervisorKilled: false });
  expect(stderr).toBe('stopped\n');
  expect(status).toBe(0);
  // This one only asks them to end; a real supervisor waits.
  await vi.waitFor(() => expect([redis, engine, supervisor].filter(isRunning)).toEqual([]), { timeout: 10_000 });
});

test('--json: what a killed run left; the words about it are on standard error', async () => {
  const [redis, engine] = [await start(), await start()];
  write({ pid: process.pid, startTime: 'another' }, { redis, 'engine-1': engine });
  const { status, stdout, stderr } = down('--json');
  expect(JSON.parse(stdout)).toEqual({ ended: ['engine-1', 'redis'], supervisorKilled: true });
  expect(stderr).toBe('ended engine-1, left by a killed run\nended redis, left by a killed run\nstopped\n');
  expect(status).toBe(0);
  expect(existsSync(runFile)).toBe(false);
});

test('--json: nothing was running', () => {
  const { status, stdout, stderr } = down('--json');
  expect(JSON.parse(stdout)).toEqual({ ended: [], supervisorKilled: false });
  expect(stderr).toBe('nothing is running\n');
  expect(status).toBe(0);
});

test('without --json the words are on standard output, and they are all', async () => {
  write(await start(endAll([])), {});
  expect(down()).toMatchObject({ status: 0, stdout: 'stopped\n', stderr: '' });
});
