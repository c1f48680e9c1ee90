import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { withDatabase } from '@inorder/db';
import { expect, test, vi } from 'vitest';
import { withClient } from './service-host.ts';
import { testDatabase, testRedis } from './services.ts';

test('each database is its own, migrated, and gone after its disposal', async () => {
  const first = await testDatabase();
  await using second = await testDatabase();
  await first.pool.query('CREATE TABLE only_here (id int)');
  const { rows } = await second.pool.query(
    "SELECT to_regclass('only_here') AS found, to_regclass('_prisma_migrations') AS migrated",
  );
  expect(rows).toEqual([{ found: null, migrated: '_prisma_migrations' }]);
  await first[Symbol.asyncDispose]();
  const left = await withClient(withDatabase(second.url, 'postgres'), (client) =>
    client.query('SELECT 1 FROM pg_database WHERE datname = $1', [new URL(first.url).pathname.slice(1)]),
  );
  expect(left.rowCount).toBe(0);
});

test('the server of tests has pg_stat_statements, and room for many connections', async () => {
  await using database = await testDatabase();
  await database.pool.query('CREATE EXTENSION pg_stat_statements');
  const { rows } = await database.pool.query(
    "SELECT count(*) > 0 AS counted, current_setting('max_connections') AS connections FROM pg_stat_statements",
  );
  expect(rows).toEqual([{ counted: true, connections: '400' }]);
});

test('the Redis of tests answers', async ({ skip }) => {
  const redis = await testRedis();
  if (redis === undefined) return skip('no Redis here');
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  await client.set(`${redis.prefix}a`, '1');
  expect(await client.get(`${redis.prefix}a`)).toBe('1');
  await client.quit();
});

test('a run that was killed leaves no server and no folder behind', async () => {
  const program = `
    import { createServiceHost } from ${JSON.stringify(path.join(import.meta.dirname, 'service-host.ts'))};
    import { withClient } from ${JSON.stringify(path.join(import.meta.dirname, 'service-host.ts'))};
    const host = createServiceHost();
    const { url } = await host.postgres();
    const folder = await withClient(url, (c) => c.query("SELECT current_setting('data_directory') AS d"));
    console.log(folder.rows[0].d);
    setInterval(() => {}, 1000);`;
  const { INORDER_TEST_DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [dataDir] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const pid = Number(readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
  child.kill('SIGKILL');
  await vi.waitFor(
    () => {
      expect(existsSync(path.dirname(dataDir))).toBe(false);
      expect(() => process.kill(pid, 0)).toThrow();
    },
    { timeout: 8_000 },
  );
});
