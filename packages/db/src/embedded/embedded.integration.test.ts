import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres, stopEmbeddedPostgres } from './index.ts';
import { rememberedDataDir } from './places.ts';

let folder: string;
const running: EmbeddedPostgres[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-embedded-'));
  chmodSync(folder, 0o711);
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(dataDir = path.join(folder, 'postgres')): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, port: 0, durable: false });
  running.push(server);
  return server;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

test('a server left by a killed run is adopted, with what it holds', async () => {
  const dataDir = path.join(folder, 'postgres');
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(path.join(import.meta.dirname, 'index.ts'))};
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, port: 0, durable: false });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  child.kill('SIGKILL');
  await once(child, 'exit');
  const server = await start();
  expect(server).toMatchObject({ adopted: true, pid: Number(pid) });
  expect(await ask(server.url, 'SELECT 1 AS answer')).toBe(1);
});

test('a second start on the same data makes no cluster again and finds the rows; the text is UTF-8', async () => {
  const first = await start();
  await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await running.pop()?.stop();
  const made = statSync(path.join(folder, 'postgres', 'PG_VERSION')).mtimeMs;
  const second = await start();
  expect(statSync(path.join(folder, 'postgres', 'PG_VERSION')).mtimeMs).toBe(made);
  expect(second.adopted).toBe(false);
  expect(await ask(second.url, 'SELECT answer FROM kept')).toBe(42);
  expect(await ask(second.url, "SELECT current_setting('server_encoding') AS answer")).toBe('UTF8');
});

test('a server that was killed is started again over its stale lock file', async () => {
  const first = await start();
  running.pop();
  process.kill(first.pid, 'SIGKILL');
  const second = await start();
  expect(second.adopted).toBe(false);
  expect(second.pid).not.toBe(first.pid);
  expect(await ask(second.url, 'SELECT 1 AS answer')).toBe(1);
});

test('a wrong password is refused, on loopback too, and ours is readable by nobody else', async () => {
  const server = await start();
  const wrong = new URL(server.url);
  wrong.password = 'wrong';
  await expect(ask(wrong.toString(), 'SELECT 1 AS answer')).rejects.toMatchObject({ code: '28P01' });
  expect(statSync(path.join(folder, 'postgres.password')).mode & 0o777).toBe(0o600);
});

test('a server whose run is gone can be stopped by its data folder alone', async () => {
  await start();
  running.pop();
  const dataDir = path.join(folder, 'postgres');
  expect(await stopEmbeddedPostgres(dataDir)).toBe(true);
  expect(await stopEmbeddedPostgres(dataDir)).toBe(false);
  expect(await stopEmbeddedPostgres(path.join(folder, 'nothing here'))).toBe(false);
});

test('several starts of one folder at once end with one server', async () => {
  const servers = await Promise.all([start(), start(), start()]);
  expect(new Set(servers.map((server) => server.pid)).size).toBe(1);
  running.splice(1);
});

test.runIf(process.getuid?.() === 0)(
  'as root under a closed folder the data lies where the server can reach it',
  async () => {
    const closed = path.join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const wanted = path.join(closed, 'clone', '.inorder', 'postgres');
    const lines: string[] = [];
    const server = await startEmbeddedPostgres({
      dataDir: wanted,
      port: 0,
      durable: false,
      log: (line) => lines.push(line),
    });
    running.push(server);
    expect(await ask(server.url, 'SELECT 1 AS answer')).toBe(1);
    const used = rememberedDataDir(wanted);
    expect(used).not.toBe(wanted);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(readFileSync(`${wanted}.json`, 'utf8'))).toMatchObject({ dataDir: used });
    const again = await startEmbeddedPostgres({
      dataDir: wanted,
      port: 0,
      durable: false,
      log: (line) => lines.push(line),
    });
    expect(again).toMatchObject({ adopted: true, pid: server.pid });
    expect(lines).toHaveLength(1);
    await running.pop()?.stop();
    rmSync(path.dirname(used), { recursive: true, force: true });
    expect(existsSync(used)).toBe(false);
  },
);
