import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identify, isRunning, type ProcessIdentity } from './identity.ts';
import { claimRun, newRun, type RunFile, readRunFile, writeRunFile } from './run-file.ts';

let folder: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-run-'));
  file = path.join(folder, 'run.json');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function me(): ProcessIdentity {
  const identity = identify(process.pid);
  if (identity === undefined) throw new Error('cannot identify ourselves');
  return identity;
}

async function sleeper(): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('the child is gone');
  return identity;
}

async function ended(): Promise<ProcessIdentity> {
  const identity = await sleeper();
  const child = children.pop();
  if (child === undefined) throw new Error('no child');
  child.kill('SIGKILL');
  await once(child, 'exit');
  return identity;
}

function runBy(supervisor: ProcessIdentity, processes: RunFile['processes'] = []): RunFile {
  return { ...newRun(supervisor, 0), processes };
}

test('a second up finds the first one and changes nothing', async () => {
  const first = runBy(await sleeper());
  writeRunFile(file, first);
  expect(await claimRun(file, runBy(me()))).toEqual({ kind: 'running', run: first });
  expect(readRunFile(file)).toEqual(first);
});

test('what a killed run left is ended, and its Postgres remembered', async () => {
  const left = await sleeper();
  const processes = [{ name: 'engine-1', address: null, kind: null, ...left }];
  writeRunFile(file, { ...runBy(await ended(), processes), embeddedPostgres: '/data/postgres' });
  const claim = await claimRun(file, runBy(me()));
  expect(claim).toMatchObject({ kind: 'claimed', cleared: ['engine-1'] });
  expect(isRunning(left)).toBe(false);
  expect(readRunFile(file)).toMatchObject({ supervisor: me(), processes: [], embeddedPostgres: '/data/postgres' });
});

test('a process that only has the number of an old one is left alone', async () => {
  const innocent = await sleeper();
  const processes = [{ name: 'engine-1', address: null, kind: null, pid: innocent.pid, startTime: 'another' }];
  writeRunFile(file, runBy(await ended(), processes));
  expect(await claimRun(file, runBy(me()))).toMatchObject({ kind: 'claimed', cleared: [] });
  expect(isRunning(innocent)).toBe(true);
});

test('of several claims at once one wins', async () => {
  const claims = await Promise.all([1, 2, 3].map(() => claimRun(file, runBy(me()))));
  expect(claims.filter((claim) => claim.kind === 'claimed')).toHaveLength(1);
});

test('a run file cut off by a full disk does not stand in the way', async () => {
  writeFileSync(file, '{"supervisor":');
  expect(await claimRun(file, runBy(me()))).toMatchObject({ kind: 'claimed' });
});

test('the run file, which holds the database password, is for its owner only', async () => {
  await claimRun(file, runBy(me()));
  expect(existsSync(file)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
