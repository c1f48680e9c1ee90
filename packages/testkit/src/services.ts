/**
 * Real services for tests: a migrated database of its own per call, and a Redis. Inside vitest they come from the run's
 * one host (`global-setup.ts`); elsewhere (bench, e2e) this process becomes the host.
 *
 * Settings: `INORDER_TEST_DATABASE_URL` (a superuser's URL) uses that server instead of an embedded one, `REDIS_URL` that
 * Redis. With `CI=true` a missing service is a failure, not a skip.
 */
import { randomBytes } from 'node:crypto';
import { withDatabase } from '@inorder/db';
import pg from 'pg';
import {
  createServiceHost,
  HOST_VARIABLE,
  type PostgresService,
  type RedisService,
  type ServiceHost,
  withClient,
} from './service-host.ts';

export { freePort } from './service-host.ts';

export interface TestDatabase extends AsyncDisposable {
  /** A superuser's, of a database with all migrations applied and no rows. */
  readonly url: string;
  readonly pool: pg.Pool;
}

export interface TestRedis {
  readonly url: string;
  /** Prefix for every key: the server is shared by the run's test files. */
  readonly prefix: string;
}

/** A fresh database. Dispose of it (`await using`) to close the pool and drop it. */
export async function testDatabase(): Promise<TestDatabase> {
  const { url: serverUrl, template } = await postgresService();
  const name = `inorder_test_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl, (client) =>
    client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)}`),
  );
  const url = withDatabase(serverUrl, name);
  const pool = new pg.Pool({ connectionString: url });
  // DROP … FORCE ends connections that a test left behind; an idle one reports that here, and nobody else listens.
  pool.on('error', () => undefined);
  return {
    url,
    pool,
    async [Symbol.asyncDispose]() {
      if (!pool.ended) await pool.end();
      await withClient(serverUrl, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`),
      );
    },
  };
}

/**
 * The run's Redis. undefined where there is none: skip by name, `test.skipIf(redis === undefined)`.
 * @throws under CI=true when there is none.
 */
export async function testRedis(): Promise<TestRedis | undefined> {
  const service = await redisService();
  if (service !== undefined) return { url: service.url, prefix: `test:${randomBytes(6).toString('hex')}:` };
  const reason = 'no REDIS_URL and no redis-server on PATH';
  if (process.env['CI'] === 'true') throw new Error(`Redis tests cannot run: ${reason}`);
  process.stderr.write(`skipped: tests that need Redis (${reason})\n`);
  return undefined;
}

let ownHost: ServiceHost | undefined;

function localHost(): ServiceHost {
  ownHost ??= createServiceHost();
  return ownHost;
}

/** Ends what this process started outside vitest; inside vitest there is nothing to do. */
export async function closeServices(): Promise<void> {
  await ownHost?.close();
  ownHost = undefined;
}

async function postgresService(): Promise<PostgresService> {
  const host = process.env[HOST_VARIABLE];
  if (host === undefined) return localHost().postgres();
  // The other side is our own global setup: its answer has the shape that service-host.ts gave it.
  return (await ask(`${host}/postgres`)) as PostgresService;
}

async function redisService(): Promise<RedisService | undefined> {
  const host = process.env[HOST_VARIABLE];
  if (host === undefined) return localHost().redis();
  return ((await ask(`${host}/redis`)) as RedisService | null) ?? undefined;
}

async function ask(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`a test service did not start: ${await response.text()}`);
  const body: unknown = await response.json();
  return typeof body === 'object' && body !== null && 'service' in body ? body.service : undefined;
}
