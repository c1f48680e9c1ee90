import { readinessSchema } from '@inorder/shared';
import { redisServer } from '@inorder/testkit/redis-server';
import { type TestDatabase, testDatabase, testRedis } from '@inorder/testkit/services';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { GET as livez } from '../../app/livez/route.ts';
import { GET as metrics } from '../../app/metrics/route.ts';
import { GET as readyz } from '../../app/readyz/route.ts';
import { database } from '../database.ts';
import { exposition } from './exposition.ts';

const SECRET = 'a-shared-secret-of-tests';
const hasRedis = (await testRedis()) !== undefined;
let db: TestDatabase;
let redis: Awaited<ReturnType<typeof redisServer>>;

beforeAll(async () => {
  db = await testDatabase();
  redis = await redisServer();
  if (hasRedis) await redis.start();
  vi.stubEnv('DATABASE_URL', db.url);
  vi.stubEnv('INORDER_ADMIN_SECRET', SECRET);
  vi.stubEnv('INORDER_AUTH_SECRET', 'x'.repeat(32));
  vi.stubEnv('INORDER_SECRET_KEY', '0'.repeat(64));
  vi.stubEnv('INORDER_CONSOLE_URL', 'http://127.0.0.1:3000');
  vi.stubEnv('REDIS_URL', hasRedis ? redis.url : '');
});
afterAll(async () => {
  await database().pool.end();
  await redis[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

async function ready() {
  const beganMs = performance.now();
  const answer = await readyz();
  return { status: answer.status, ...readinessSchema.parse(await answer.json()), ms: performance.now() - beganMs };
}

test.skipIf(!hasRedis)(
  'G11: the console is ready without Redis and says that it is away, within the bound',
  async () => {
    expect(await ready()).toMatchObject({
      status: 200,
      dependencies: [
        { name: 'postgres', ok: true },
        { name: 'redis', ok: true },
      ],
    });
    redis.freeze();
    const hung = await ready();
    expect(hung).toMatchObject({ status: 200, ready: true });
    expect(hung.dependencies[1]).toMatchObject({ ok: false, required: false, detail: 'no answer within 1000 ms' });
    expect(hung.ms).toBeLessThan(4000);
    redis.thaw();
  },
);

test('G12: a Postgres that hangs makes the console unready within the bound; /livez answers all the while', async () => {
  // Every connection that the pool may have.
  const { pool } = database();
  const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
  for (const client of clients) client.release();
  const { rows } = await db.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'inorder-console' AND datname = current_database()",
  );
  expect(rows).toHaveLength(10);
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
  try {
    const hung = await ready();
    expect(hung).toMatchObject({ status: 503, ready: false });
    expect(hung.ms).toBeLessThan(4000);
    expect(livez().status).toBe(200);
    const text = await (
      await metrics(new Request('http://console/metrics', { headers: { authorization: `Bearer ${SECRET}` } }))
    ).text();
    expect(text).toContain('inorder_console_postgres_up 0\n');
  } finally {
    for (const { pid } of rows) process.kill(pid, 'SIGCONT');
  }
  expect((await ready()).status).toBe(200);
});

test('G18: the console’s metrics need the secret', async () => {
  const ask = (headers: Record<string, string>) => metrics(new Request('http://console/metrics', { headers }));
  expect((await ask({})).status).toBe(401);
  expect((await ask({ authorization: 'Bearer no' })).status).toBe(401);
  const answer = await ask({ 'x-inorder-secret': SECRET });
  expect(answer.status).toBe(200);
  const text = await answer.text();
  expect(text).toContain('# TYPE process_cpu_seconds_total counter\n');
  expect(text).toContain('inorder_console_engines_alive 0\n');
  expect(text).not.toContain(SECRET);
});

test('label values and help are escaped as the text format wants it', () => {
  const text = exposition([
    { name: 'a_b', help: 'one\ntwo \\', type: 'gauge', samples: [{ labels: { name: 'LIS "A"\\\n' }, value: 1 }] },
  ]);
  expect(text).toBe('# HELP a_b one\\ntwo \\\\\n# TYPE a_b gauge\na_b{name="LIS \\"A\\"\\\\\\n"} 1\n');
});
