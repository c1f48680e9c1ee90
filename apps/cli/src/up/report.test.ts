import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stateFolder } from '../checkout.ts';
import { upReport } from './report.ts';
import { newRun, type RunFile, writeRunFile } from './run-file.ts';

const SUPERVISOR = { pid: 4_711, startTime: '1' };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-report-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const listed = (name: string, port: number, kind: 'engine' | null = null): RunFile['processes'][number] => ({
  ...{ name, kind, address: `http://127.0.0.1:${port}` },
  ...{ pid: port, startTime: '1' },
});

function write(change: Partial<RunFile>): void {
  const run = newRun(SUPERVISOR, 0);
  const endpoints = {
    ...run.endpoints,
    console: 'http://127.0.0.1:7400',
    databaseUrl: 'postgresql://inorder:hunter2@127.0.0.1:7432/inorder',
    redisUrl: 'redis://:hunter2@redis.example:6379',
  };
  writeRunFile(stateFolder(folder).runFile, { ...run, ready: true, endpoints, ...change });
}

test('a run of its own servers: every part with its address, and where the passwords are, not which', () => {
  write({
    embeddedPostgres: path.join(folder, 'postgres'),
    processes: [
      listed('redis', 7479),
      listed('engine-1', 7410, 'engine'),
      listed('console', 7400),
      listed('simulator', 7490),
    ],
  });
  const passwords = path.join(folder, 'first-users.txt');
  writeFileSync(passwords, 'admin@inorder.example  hunter2  (administrator)\n');
  const report = upReport(stateFolder(folder), SUPERVISOR.pid, 'works');
  expect(report).toEqual({
    outcome: 'works',
    alreadyUp: false,
    console: 'http://127.0.0.1:7400',
    layout: 'together',
    instances: [
      {
        name: 'engine-1',
        roles: ['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog'],
        admin: 'http://127.0.0.1:7410',
      },
    ],
    services: [
      { name: 'postgres', address: '127.0.0.1:7432' },
      { name: 'redis', address: 'http://127.0.0.1:7479' },
      { name: 'simulator', address: 'http://127.0.0.1:7490' },
    ],
    firstPasswords: passwords,
  });
  expect(JSON.stringify(report)).not.toContain('hunter2');
});

test('a split run on the servers of the environment: each instance with its role, and no service', () => {
  write({ processes: [listed('ingest-1', 7410, 'engine'), listed('deliver-12', 7411, 'engine')] });
  expect(upReport(stateFolder(folder), SUPERVISOR.pid, 'noOrder')).toMatchObject({
    outcome: 'noOrder',
    layout: 'split',
    instances: [
      { name: 'ingest-1', roles: ['ingest'] },
      { name: 'deliver-12', roles: ['deliver', 'watchdog'] },
    ],
    services: [],
    firstPasswords: null,
  });
});

test('a run that another up started, or is just starting, is told as that', () => {
  write({});
  expect(upReport(stateFolder(folder), 1, 'works')).toMatchObject({ outcome: 'works', alreadyUp: true });
  write({ ready: false });
  expect(upReport(stateFolder(folder), 1, 'works')).toMatchObject({ outcome: 'starting', alreadyUp: true });
});

test('a run that has ended meanwhile is a failure in words', () => {
  expect(() => upReport(stateFolder(folder), 1, 'works')).toThrow(/it has ended again; see .*supervisor\.log/);
});
