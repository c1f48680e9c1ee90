import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { COMMANDS } from './commands/index.ts';
import { identify, type ProcessIdentity } from './up/identity.ts';
import { newRun, writeRunFile } from './up/run-file.ts';

const state = mkdtempSync(path.join(os.tmpdir(), 'inorder-cli-'));
const runFile = path.join(state, 'run.json');
/** A command of each of these tests is a program of its own; on a busy machine that takes its time. */
vi.setConfig({ testTimeout: 60_000 });
afterAll(() => rmSync(state, { recursive: true }));

function inorder(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return inorderWith({}, ...args);
}

function inorderWith(env: Readonly<Record<string, string>>, ...args: string[]) {
  const program = path.join(import.meta.dirname, 'main.ts');
  return spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    // CI=true asks for colours, which are no words.
    env: { ...process.env, NO_COLOR: '1', INORDER_STATE_DIR: state, ...env },
  });
}

/** A run as its supervisor writes it; this test is its one process. */
function writeRun(supervisor: ProcessIdentity): void {
  const me = identify(process.pid);
  if (me === undefined) throw new Error('cannot identify ourselves');
  const processes = [{ name: 'engine-1', address: null, kind: 'engine' as const, ...me }];
  const run = newRun(supervisor, 0);
  const endpoints = { ...run.endpoints, databaseUrl: 'postgresql://inorder@127.0.0.1:1/inorder' };
  writeRunFile(runFile, { ...run, ready: true, processes, endpoints });
}

test.each([
  [['nonsense'], /unknown command 'nonsense'/],
  [['up', '--nonsense'], /unknown option '--nonsense'/],
  [['up', '--rate', 'fast'], /a number from 0 to 10000/],
  [['up', '--interfaces', '1.5'], /a whole number/],
  [['up', '--interfaces', '0'], /a number from 1/],
  [['up', '--layout', 'split'], /needs --distributed/],
  [['up', '--layout', 'sideways'], /together, split/],
  [['restart'], /--rolling for all/],
  [['test', 'nonsense'], /Tiers are unit/],
  [['trace', 'LAB-0042'], /LAB-0042:123/],
  [['trace', 'LAB-0042:1-2'], /one number/],
  [['skip', 'LAB-0042:9-1', '--reason', 'a good reason'], /larger than the last/],
  [['skip', 'LAB-0042:9'], /--reason/],
  [['pause'], /missing required argument 'code'/],
  [['resume', '--reason', 'a good reason'], /name interfaces, or give --all-restored/],
  [['resume', 'LAB-0042', '--all-restored', '--reason', 'a good reason'], /and not both/],
  [['resume', '--all-restored'], /--reason/],
  [['resolve', 'LAB-0042', '--reason', 'a good reason'], /one of --arrived/],
  [['resolve', 'LAB-0042', '--arrived', '--dead-letter', '--reason', 'a good reason'], /one of --arrived/],
  [['dlq', '--code', 'NONSENSE'], /no such error code/],
  [['send', 'nothing.hl7'], /--interface/],
  [['send', 'nothing.hl7', '--interface', 'LAB-0042'], /nothing\.hl7 cannot be read/],
  [['send', 'x', '--interface', 'LAB-0042', '--url', 'http://x'], /amqp:\/\/host:port/],
  [['send', 'x', '--interface', 'LAB-0042', '--repeat', '0'], /a number from 1/],
  [['interface', 'apply', 'nothing.yaml'], /nothing\.yaml is not there/],
  [['lis', 'switch', 'LIS-1', 'tea'], /takes one of on, off/],
])('wrong use ends with 2 and says what is wrong: %j', (args, reason) => {
  const { status, stderr } = inorder(...args);
  expect(stderr).toMatch(reason);
  expect(status).toBe(2);
});

test.each([
  [['--help']],
  [['help', 'up']],
  ...COMMANDS.map(({ name }) => [[name, '--help']]),
  [['dlq', 'list', '--help']],
  [['lis', 'switch', '--help']],
  [['interface', 'apply', '--help']],
])('help ends with 0: %j', (args) => {
  const { status, stdout } = inorder(...args);
  expect(stdout).toMatch(/^Usage: inorder/);
  expect(status).toBe(0);
});

test.each([
  [['lag']],
  [['trace', 'LAB-0042:1']],
  [['dlq']],
  [['replay', 'LAB-0042:1', '--reason', 'a good reason']],
  [['interface', 'list']],
  [['lis', 'status']],
  [['send', import.meta.filename, '--interface', 'LAB-0042']],
])('without a running site it ends with 4 and says what starts one: %j', (args) => {
  const { status, stderr } = inorder(...args);
  expect(stderr).toMatch(/inorder up/);
  expect(status).toBe(4);
});

test('an address where nothing listens ends with 4', () => {
  const where = ['--address', 'orders', '--url', 'amqp://127.0.0.1:1'];
  const { status, stderr } = inorder('send', import.meta.filename, '--interface', 'LAB-0042', ...where);
  expect(stderr).toMatch('127.0.0.1:1, address orders: nothing listens there');
  expect(status).toBe(4);
});

test('status of nothing ends with 4 and is JSON all the same', () => {
  const { status, stdout } = inorder('status', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ processes: [], instances: [], counters: { received: null } });
  expect(status).toBe(4);
});

test('down with nothing running is done', () => {
  expect(inorder('down')).toMatchObject({ status: 0, stdout: 'nothing is running\n' });
});

test.each([
  [{ DATABASE_URL: 'hunter2' }, ['up'], /^inorder: DATABASE_URL: it takes postgresql:/],
  [{ DATABASE_URL: 'hunter2' }, ['up', '--detach'], /^inorder: DATABASE_URL: it takes postgresql:/],
  [{ DATABASE_URL: 'hunter2' }, ['doctor'], /^inorder: DATABASE_URL: it takes postgresql:/],
  [{ DATABASE_URL: 'hunter2' }, ['migrate'], /^inorder: DATABASE_URL: it takes postgresql:/],
  [{ REDIS_URL: 'http://hunter2' }, ['up', '--detach'], /^inorder: REDIS_URL: it takes redis:/],
  [{ AMQP_URL: 'hunter2' }, ['up', '--distributed', '--detach'], /^inorder: AMQP_URL: it takes amqp:/],
  [{ DATABASE_URL: 'postgresql://db/x' }, ['up', '--fresh', '--detach'], /^inorder: --fresh does not empty/],
])('a server that the environment names wrongly ends with 2 before anything is started: %j %j', (env, args, reason) => {
  const { status, stdout, stderr } = inorderWith(env, ...args);
  expect(stderr).toMatch(reason);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stdout).toBe('');
  expect(stderr).not.toContain('hunter2');
  expect(status).toBe(2);
});

test('up in the background ends with the code and the sentence of the one it started, which leaves nothing', () => {
  const { status, stdout, stderr } = inorderWith(
    { DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1/x' },
    'up',
    '--detach',
  );
  expect(stderr).toBe(
    'inorder: no Postgres answers at 127.0.0.1:1 (nobody listens there (ECONNREFUSED)): start it, or correct DATABASE_URL\n',
  );
  expect(stdout).toMatch(/^✗ Postgres/);
  expect(status).toBe(4);
  expect(inorder('status').status).toBe(4);
});

test('up --json: what ends it is the document, its lines are on standard error, and nobody is told the password', () => {
  const silent = inorderWith({ DATABASE_URL: 'postgresql://u:hunter2@127.0.0.1:1/x' }, 'up', '--detach', '--json');
  const message =
    'no Postgres answers at 127.0.0.1:1 (nobody listens there (ECONNREFUSED)): start it, or correct DATABASE_URL';
  expect(JSON.parse(silent.stdout)).toEqual({ error: { exitCode: 4, message } });
  expect(silent.stderr).toMatch(/^✗ Postgres .*\ninorder: no Postgres answers/);
  expect(silent.stderr).not.toContain('hunter2');
  expect(silent.status).toBe(4);
  for (const options of [['--detach'], []]) {
    const unusable = inorderWith({ DATABASE_URL: 'hunter2' }, 'up', '--json', ...options);
    expect(JSON.parse(unusable.stdout)).toMatchObject({
      error: { exitCode: 2, message: expect.stringMatching(/^DATABASE_URL: it takes postgresql:/) },
    });
    expect(unusable.stdout).not.toContain('hunter2');
    expect(unusable.status).toBe(2);
  }
});

test('up --json where one is up already tells of that one, in the background and not', () => {
  const me = identify(process.pid);
  if (me === undefined) throw new Error('cannot identify ourselves');
  writeRun(me);
  try {
    for (const options of [['--detach'], []]) {
      const { status, stdout, stderr } = inorder('up', '--json', '--distributed', '--layout', 'split', ...options);
      expect(JSON.parse(stdout)).toEqual({
        outcome: 'works',
        alreadyUp: true,
        console: null,
        layout: 'together',
        instances: [{ name: 'engine-1', roles: expect.arrayContaining(['ingest', 'deliver']), admin: null }],
        services: [],
        firstPasswords: null,
      });
      expect(stderr).toMatch(/^Inorder is up already, with the options of its own start/);
      expect(status).toBe(0);
    }
  } finally {
    rmSync(runFile);
  }
});

test('where one is up already, up says so and does not touch its log', () => {
  const me = identify(process.pid);
  if (me === undefined) throw new Error('cannot identify ourselves');
  const log = path.join(state, 'logs', 'supervisor.log');
  mkdirSync(path.dirname(log), { recursive: true });
  writeFileSync(log, 'what it wrote\n');
  writeRun(me);
  try {
    const { status, stdout } = inorder('up', '--detach');
    expect(stdout).toMatch(/^Inorder is up already, with the options of its own start/);
    expect(status).toBe(0);
    expect(readFileSync(log, 'utf8')).toMatch(/^what it wrote\n/);
  } finally {
    rmSync(runFile);
  }
});

test('a run whose supervisor was killed is not called nothing: status, doctor and restart say what is the matter', () => {
  writeRun({ pid: process.pid, startTime: 'another' });
  try {
    const seen = inorder('status');
    expect(seen.stdout).toMatch(/^down {2}supervisor\n[\s\S]*\nthe supervisor was killed: /);
    expect(seen.status).toBe(0);
    const examined = inorderWith({ DATABASE_URL: '', REDIS_URL: '' }, 'doctor');
    expect(examined.stdout).toContain('PROBLEM  the supervisor of this site was killed\n');
    expect(examined.status).toBe(4); // For its Postgres, which does not answer.
    const restarted = inorder('restart', '--rolling');
    expect(restarted.stderr).toMatch(/the supervisor was killed/);
    expect(restarted.status).toBe(1);
  } finally {
    rmSync(runFile);
  }
});
