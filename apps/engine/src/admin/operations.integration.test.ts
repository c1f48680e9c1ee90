import { instanceId } from '@inorder/core';
import { ADMIN_SECRET_HEADER, readinessSchema } from '@inorder/shared';
import { redisServer } from '@inorder/testkit/redis-server';
import { type TestDatabase, testDatabase, testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { createDatabase, type Database } from '../adapters/postgres/database.ts';
import { beat } from '../adapters/postgres/lease-queries.ts';
import { type Operations, openOperations, type RunningParts } from './operations.ts';
import { type Admin, startAdmin } from './server.ts';

const hasRedis = (await testRedis()) !== undefined;
const SECRET = 'an-admin-secret-of-tests';
/** The longest time-out of a dependency is 2 s; beyond it, a busy machine. */
const BOUND_MS = 4000;

let store: TestDatabase;
let database: Database;
let serving: boolean;
const toClose: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  store = await testDatabase();
  serving = true;
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 2,
    applicationName: 'inorder health test',
    clock: systemClock,
    onIdleError: () => undefined,
  });
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
  await database.close();
  await store[Symbol.asyncDispose]();
});

async function open(parts: Partial<RunningParts> = {}): Promise<{ admin: Admin; operations: Operations }> {
  const operations = openOperations({
    version: 'test',
    instance: 'engine-1',
    leaseMs: 10_000,
    database,
    clock: systemClock,
    isServing: () => serving,
    hasRedis: parts.redis !== undefined,
    takesIn: true,
    interfaces: [],
  });
  operations.attach({
    delivery: { counters: () => ({ delivered: 3 }), lanes: { all: () => [] }, destinations: { states: () => [] } },
    stages: null,
    ingest: { counters: () => ({ stored: 5, duplicates: 0, idsReused: 0, rejected: 0, released: 0, batches: 1 }) },
    sources: {
      waysIn: () => ({ listeners: { wanted: 1, open: 1 }, queues: [], held: 0, replies: { sent: 0, lost: 0 } }),
    },
    redis: null,
    stageQueue: null,
    ...parts,
  });
  const admin = await startAdmin({
    port: 0,
    secret: SECRET,
    dependencies: operations.dependencies,
    isServing: () => serving,
    lanes: { snapshot: () => [], onChanged: () => () => undefined },
    counters: () => ({}),
    metrics: operations.metrics,
  });
  toClose.push(() => admin.close());
  return { admin, operations };
}

async function readyz(admin: Admin) {
  const beganMs = performance.now();
  const answer = await fetch(`${admin.url}/readyz`);
  const report = readinessSchema.parse(await answer.json());
  const of = (name: string) => report.dependencies.find((d) => d.name === name);
  return { status: answer.status, report, of, ms: performance.now() - beganMs };
}

async function heartbeat(): Promise<void> {
  await beat(database, { instance: instanceId('engine-1'), roles: ['ingest'], adminUrl: null, version: 'test' }, true);
}

test('an instance is ready when Postgres answers, its heart beats and its listener listens', async () => {
  const { admin } = await open();
  expect(await readyz(admin)).toMatchObject({ status: 503 });
  await heartbeat();
  const { status, of } = await readyz(admin);
  expect(status).toBe(200);
  expect(of('instance')?.detail).toMatch(/^heartbeat \d+ ms ago, 0 shards, 0 sources$/);
  await store.pool.query("UPDATE engine_instance SET heartbeat_at = now() - interval '11 seconds'");
  expect((await readyz(admin)).of('instance')).toMatchObject({ ok: false, required: true });
});

test('a listener that is not open makes it unready, a broker that is away does not', async () => {
  await heartbeat();
  const waysIn = {
    replies: { sent: 0, lost: 0 },
    listeners: { wanted: 1, open: 1 },
    queues: [{ name: 'orders', state: 'RETRYING' as const, protection: 'NOT_CHECKED' as const }],
    held: 1,
  };
  const broker = await open({ sources: { waysIn: () => waysIn } });
  const away = await readyz(broker.admin);
  expect(away.status).toBe(200);
  expect(away.of('queues')).toMatchObject({ ok: false, required: false, detail: '0 of 1 open: orders RETRYING' });
  const shut = await open({ sources: { waysIn: () => ({ ...waysIn, listeners: { wanted: 1, open: 0 } }) } });
  expect((await readyz(shut.admin)).status).toBe(503);
});

test('a stop turns it unready first, while everything still answers', async () => {
  await heartbeat();
  const { admin } = await open();
  serving = false;
  const { status, report, of } = await readyz(admin);
  expect(status).toBe(503);
  expect(report.serving).toBe(false);
  expect(of('postgres')?.ok).toBe(true);
  expect((await fetch(`${admin.url}/livez`)).status).toBe(200);
});

test('G12: a Postgres that hangs makes it unready within the bound, and it comes back by itself', async () => {
  await heartbeat();
  const { admin } = await open();
  expect((await readyz(admin)).status).toBe(200);
  // Both connections that the pool may have.
  await Promise.all([1, 2].map(() => database.query({ name: 'two', text: 'SELECT pg_sleep(0.05)' }, [])));
  const all = await store.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'inorder health test'",
  );
  expect(all.rows).toHaveLength(2);
  for (const { pid } of all.rows) process.kill(pid, 'SIGSTOP');
  try {
    const hung = await readyz(admin);
    expect(hung.status).toBe(503);
    expect(hung.of('postgres')).toMatchObject({ ok: false, detail: 'no answer within 2000 ms' });
    expect(hung.ms).toBeLessThan(BOUND_MS);
    expect((await fetch(`${admin.url}/livez`)).status).toBe(200);
  } finally {
    for (const { pid } of all.rows) process.kill(pid, 'SIGCONT');
  }
  expect((await readyz(admin)).status).toBe(200);
});

test.skipIf(!hasRedis)(
  'G11: a Redis that hangs shows as degraded within the bound, and the instance stays ready',
  async () => {
    await heartbeat();
    await using server = await redisServer();
    await server.start();
    const redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    toClose.push(async () => redis.disconnect());
    const { admin } = await open({ redis: { ping: () => redis.ping(), lost: 4 } });
    expect((await readyz(admin)).of('redis')).toMatchObject({ ok: true, required: false });
    server.freeze();
    const hung = await readyz(admin);
    expect(hung.status).toBe(200);
    expect(hung.of('redis')).toMatchObject({ ok: false, required: false, detail: 'no answer within 1000 ms' });
    expect(hung.ms).toBeLessThan(BOUND_MS);
    server.thaw();
  },
);

test('G18: /metrics needs the secret, as a header or as Prometheus sends it', async () => {
  const { admin } = await open();
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${admin.url}/metrics`, { headers })).status;
  expect(await status({})).toBe(401);
  expect(await status({ authorization: 'Bearer another-secret-than-it' })).toBe(401);
  expect(await status({ authorization: `Basic ${SECRET}` })).toBe(401);
  expect(await status({ [ADMIN_SECRET_HEADER]: SECRET })).toBe(200);
  const answer = await fetch(`${admin.url}/metrics`, { headers: { authorization: `Bearer ${SECRET}` } });
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const text = await answer.text();
  expect(text).toContain('inorder_ingest_messages_total{result="stored"} 5');
  expect(text).toContain('inorder_settled_messages_total{end="delivered"} 3');
  expect(text).not.toContain(SECRET);
});
