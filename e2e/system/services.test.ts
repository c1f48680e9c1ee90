/** Postgres and Redis go and come back under load (G11, G12). Both are this file's own: nobody else is hurt. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, migrate, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import { SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { freePort } from '@inorder/testkit/services';
import { expect, test } from 'vitest';
import { allSettled, brokenNumbers, incidentsOf, numbersOf, type Rig, startRig } from './rig.ts';

const CODES = Array.from({ length: 10 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);

async function more(rig: Rig, count: number): Promise<void> {
  const from = rig.received.length;
  await eventually(`${count} more arrive`, () => rig.received.length >= from + count, { withinMs: 30_000 });
}

async function nothingLost(rig: Rig): Promise<void> {
  await allSettled(rig, rig.ledger.acknowledged.size);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, gaps: 0, notTaken: 0 });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  const statuses = new Set(
    (await Promise.all(CODES.map((code) => numbersOf(rig, code)))).flat().map((row) => row.status),
  );
  expect([...statuses]).toEqual(['DELIVERED']);
  expect(await brokenNumbers(rig)).toEqual([]);
}

test('G12: Postgres stopped, then killed, under load: nothing is accepted meanwhile, nothing lost or failed, all resumes by itself', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-g12-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const options = { dataDir: path.join(folder, 'postgres'), port: 0 };
  let server = await startEmbeddedPostgres(options);
  stack.defer(() => server.stop());
  const databaseUrl = withDatabase(server.url, 'orders');
  await createDatabase(databaseUrl);
  await migrate(databaseUrl);
  await using rig = await startRig({ codes: CODES, databaseUrl });
  // Durable commits: this one engine takes orders without being told that it is unsafe.
  const engine = await rig.start({ env: { ...SHORT_LEASES, INORDER_UNSAFE: '0' } });
  const upstream = rig.load({ ratePerSecond: 60 });
  await more(rig, 100);

  // The second outage is longer than the lease of 3 s.
  for (const [how, forMs] of [
    ['stopped', 1_500],
    ['killed', 5_000],
  ] as const) {
    if (how === 'stopped') await server.stop();
    else {
      // SIGQUIT to the postmaster is its immediate shutdown: every backend dies at once, recovery follows.
      process.kill(server.pid, 'SIGQUIT');
    }
    await eventually('orders wait at the upstream', () => upstream.status().open > 20);
    const { accepted } = upstream.status();
    // How long it is away is the subject here.
    await delay(forMs);
    expect(upstream.status().accepted, how).toBe(accepted);
    expect(await engine.health()).toBe(200);
    server = await startEmbeddedPostgres({ ...options, port: server.port });
    await eventually('the upstream is told of new acceptances', () => upstream.status().accepted > accepted + 20);
    await more(rig, 60);
  }
  upstream.setRate(0);
  await upstream.drained();
  await nothingLost(rig);
  expect((await incidentsOf(rig)).filter((incident) => incident.open)).toEqual([]);
  expect((await engine.stop()).code).toBe(0);
});

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

test.skipIf(!hasRedis)(
  'G11: Redis flushed again and again, killed and started under load: nothing lost, nothing reordered, delivery goes on',
  async () => {
    const port = await freePort();
    let redis = await startRedis(port);
    await using stack = new AsyncDisposableStack();
    stack.defer(() => endRedis(redis));
    await using rig = await startRig({ codes: CODES, redisUrl: `redis://127.0.0.1:${port}` });
    // Stages in one process, lanes in the other: what happened must be heard of over Redis or found in Postgres.
    await rig.start({ instance: 'engine-in', roles: 'ingest,validate,enrich,route', env: SHORT_LEASES });
    await rig.start({ instance: 'engine-out', roles: 'deliver,watchdog', env: SHORT_LEASES });
    const upstream = rig.load({ ratePerSecond: 60 });
    await more(rig, 60);
    await eventually('Redis holds cached windows', async () =>
      (await ask(port, 'KEYS delivery:*')).includes('delivery:'),
    );
    for (let round = 0; round < 5; round += 1) {
      await ask(port, 'FLUSHALL');
      await more(rig, 20);
    }
    await endRedis(redis);
    await more(rig, 60);
    redis = await startRedis(port);
    await more(rig, 60);
    await eventually('its windows are there again', async () =>
      (await ask(port, 'KEYS delivery:*')).includes('delivery:'),
    );
    upstream.setRate(0);
    await upstream.drained();
    await nothingLost(rig);
    expect(rig.lis.judge.report()).toMatchObject({ repeats: 0 });
  },
);

async function startRedis(port: number): Promise<ChildProcess> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', args, { stdio: 'ignore', cwd: os.tmpdir() });
  await eventually('Redis answers', async () => (await ask(port, 'PING')).includes('PONG'));
  return child;
}

async function endRedis(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** One inline command of Redis' protocol, and the first bytes of its answer. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
