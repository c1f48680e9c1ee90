import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkSteps } from './check/steps.ts';
import { ensurePrismaClient } from './prisma-client.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-json-'));
/** Runners and checks find this one by PATH: each of them speaks and fails, at once. */
const RUNNER = '#!/bin/sh\necho the runner speaks\necho the runner complains >&2\nexit 3\n';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
beforeAll(async () => {
  writeFileSync(path.join(folder, 'node'), RUNNER, { mode: 0o700 });
  // Not with that Node.
  await ensurePrismaClient();
});
afterAll(() => rmSync(folder, { recursive: true }));

const PROGRAM = path.join(import.meta.dirname, 'main.ts');
const environment = (env: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...{ NO_COLOR: '1', PATH: folder, INORDER_STATE_DIR: path.join(folder, 'state') },
  ...env,
});

function inorder(env: Readonly<Record<string, string>>, ...args: string[]) {
  return spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', env: environment(env) });
}

test('test --json: standard output is one document, whatever the runner writes', () => {
  const { status, stdout, stderr } = inorder({}, 'test', 'unit', '--json');
  expect(JSON.parse(stdout)).toEqual({
    tiers: { unit: { passed: 0, failed: 0, skipped: 0 } },
    failedOutsideTests: 1,
    check: null,
    total: { passed: 0, failed: 1, skipped: 0 },
  });
  expect(stderr).toBe('the runner speaks\nthe runner complains\n0 passed, 1 failed\n');
  expect(status).toBe(1);
});

test('test without --json: the last line of standard output counts, which CI reads', () => {
  const { status, stdout, stderr } = inorder({}, 'test', 'unit');
  expect(stdout).toBe('the runner speaks\n0 passed, 1 failed\n');
  expect(stderr).toBe('the runner complains\n');
  expect(status).toBe(1);
});

test('test --json: a service that is missing where none may be is the error of the document', () => {
  const { status, stdout, stderr } = inorder({ CI: 'true', REDIS_URL: '' }, 'test', 'integration', '--json');
  const message = 'Redis is missing: set REDIS_URL, or install redis-server (CI=true allows no skip)';
  expect(JSON.parse(stdout)).toEqual({ error: { exitCode: 1, message } });
  expect(stderr).toBe(`inorder: ${message}\n`);
  expect(status).toBe(1);
});

test('check --json: every step with its outcome, its time and why, and the words on standard error', () => {
  // Named, so that no server is started for the schema.
  const env = { INORDER_TEST_DATABASE_URL: 'postgresql://127.0.0.1:1/none' };
  const { status, stdout, stderr } = inorder(env, 'check', '--json');
  const names = checkSteps().map(({ name }) => name);
  // Its two streams come on two pipes, in any order.
  const output = expect.stringMatching(/^the runner (speaks\nthe runner complains|complains\nthe runner speaks)$/);
  const ms = expect.any(Number);
  expect(JSON.parse(stdout)).toEqual({
    passed: 0,
    failed: names.length,
    ms,
    steps: names.map((name) => ({ name, outcome: 'failed', ms, output })),
  });
  for (const name of names) expect(stderr).toContain(`✗ ${name} `);
  expect(status).toBe(1);
});

test('up --json that is told to end before it is ready says so, and that is no failure', async () => {
  // It takes connections and says nothing: up waits for it until its own time is over.
  const mute = net.createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const env = environment({ DATABASE_URL: `postgresql://127.0.0.1:${address.port}/x` });
  const connected = once(mute, 'connection');
  const up = spawn(process.execPath, [PROGRAM, 'up', '--json'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const written = text(up.stdout);
    const ended = once(up, 'exit');
    await connected;
    up.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(JSON.parse(await written)).toEqual({ outcome: 'stopped' });
  } finally {
    up.kill('SIGKILL');
    mute.close();
  }
});
