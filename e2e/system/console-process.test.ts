/** The console starts with settings it can use or not at all; told to end it says so first, and no live board holds it up. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bootstrapUsers } from '@inorder/db';
import { readinessSchema } from '@inorder/shared';
import { eventually } from '@inorder/testkit/eventually';
import { closeServices, testDatabase } from '@inorder/testkit/services';
import { afterAll, expect, test } from 'vitest';
import { builtConsole, type ConsoleProcess, startConsole } from '../running/console-process.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-console-stop-'));
const stack = new AsyncDisposableStack();
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
stack.defer(closeServices);
afterAll(() => stack.disposeAsync());

const server = await builtConsole();
const database = stack.use(await testDatabase());
const token = (await bootstrapUsers(database.pool, { demo: false }))?.apiToken ?? '';

function start(drainMs: number | string): Promise<ConsoleProcess> {
  const env = {
    DATABASE_URL: database.url,
    INORDER_ADMIN_SECRET: 'an-admin-secret-of-tests',
    INORDER_AUTH_SECRET: 'x'.repeat(32),
    INORDER_SECRET_KEY: '0'.repeat(64),
    INORDER_DRAIN_MS: `${drainMs}`,
  };
  return startConsole(server, env, path.join(folder, 'console.log'));
}

async function readyz(console: ConsoleProcess) {
  const answer = await fetch(`${console.url}/readyz`);
  return { status: answer.status, ...readinessSchema.parse(await answer.json()) };
}

/** A live board that stands open, read to its end. */
async function board(console: ConsoleProcess): Promise<{ readonly end: Promise<string> }> {
  const input = encodeURIComponent(JSON.stringify({ json: {} }));
  const answer = await fetch(`${console.url}/api/trpc/lanes.watch?input=${input}`, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` },
  });
  expect(answer.status).toBe(200);
  return { end: answer.text() };
}

test('a console that stops is unready first and answers all the while; then a live board is sent elsewhere and it ends', async () => {
  await using console = await start(60_000);
  expect(await readyz(console)).toMatchObject({ status: 200, ready: true });
  const open = await board(console);
  console.signal('SIGTERM');
  const stopping = await eventually('the stop shows', async () => {
    const report = await readyz(console);
    return report.status === 503 && report;
  });
  expect(stopping).toMatchObject({ ready: false, serving: false, dependencies: [{ name: 'postgres', ok: true }] });
  expect((await fetch(`${console.url}/livez`)).status).toBe(200);
  expect((await fetch(`${console.url}/sign-in`)).status).toBe(200);
  // A second signal ends the drain.
  console.signal('SIGTERM');
  // An end without it would leave the board still; this one it comes back after.
  expect(await open.end).toMatch(/event: serialized-error\ndata: .*SERVICE_UNAVAILABLE/);
  // By itself: 128 and the signal, as Next ends it.
  expect(await console.ended).toBe(143);
});

test('one signal is enough: it ends by itself when the drain is over', async () => {
  await using console = await start(200);
  const open = await board(console);
  console.signal('SIGTERM');
  expect(await console.ended).toBe(143);
  expect(await open.end).toContain('SERVICE_UNAVAILABLE');
});

test('settings that cannot be used end it at once, named', async () => {
  await expect(start('soon')).rejects.toThrow('the console ended with 2 before');
  expect(readFileSync(path.join(folder, 'console.log'), 'utf8')).toMatch(
    /console cannot start: the console's settings are not usable:\n {2}INORDER_DRAIN_MS: /,
  );
});
