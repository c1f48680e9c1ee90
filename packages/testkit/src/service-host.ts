/**
 * Starts the services of one test run, each when first asked for: a throw-away Postgres with a migrated template
 * database, and a private Redis. Lives in one process per run (vitest's own, or the program that needs it).
 *
 * **Invariant:** whatever ends that process, kill -9 included, ends the services: `service-reaper.ts` holds the other end
 * of a pipe and cleans up when it closes. There is no second way to clean up.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, migrate, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import pg from 'pg';

/** Environment variable that tells test files where the run's host answers: an address with a secret in its path. */
export const HOST_VARIABLE = 'INORDER_TEST_SERVICES';

export interface PostgresService {
  /** Superuser. */
  readonly url: string;
  /** Name of the migrated database to clone. */
  readonly template: string;
}

export interface RedisService {
  readonly url: string;
}

export interface ServiceHost {
  postgres(): Promise<PostgresService>;
  /** undefined: there is no Redis to be had here. */
  redis(): Promise<RedisService | undefined>;
  close(): Promise<void>;
}

export function createServiceHost(): ServiceHost {
  let folder: RunFolder | undefined;
  let postgres: Promise<PostgresService> | undefined;
  let redis: Promise<RedisService | undefined> | undefined;
  const runFolder = (): RunFolder => (folder ??= openRunFolder());
  return {
    postgres: () => (postgres ??= startPostgres(runFolder)),
    redis: () => (redis ??= startRedis(runFolder)),
    async close() {
      const service = await postgres?.catch(() => undefined);
      if (service !== undefined && process.env['INORDER_TEST_DATABASE_URL'] !== undefined) {
        await withClient(service.url, (client) =>
          client.query(`DROP DATABASE ${pg.escapeIdentifier(service.template)}`),
        );
      }
      await redis?.catch(() => undefined);
      await folder?.close();
    },
  };
}

export interface RunFolder {
  readonly path: string;
  /** Ends what runs in it and removes it. */
  close(): Promise<void>;
}

/** A folder whose services end with this process, however it ends. */
export function openRunFolder(): RunFolder {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-test-'));
  // As root the server runs as another account, which must be able to walk through.
  chmodSync(folder, 0o711);
  const reaper = spawn(process.execPath, [path.join(import.meta.dirname, 'service-reaper.ts'), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A session of its own: Ctrl-C in the terminal must not end it before its work.
    detached: true,
  });
  reaper.unref();
  return {
    path: folder,
    close: () =>
      new Promise((resolve) => {
        reaper.ref();
        reaper.on('exit', () => resolve());
        reaper.stdin.end();
      }),
  };
}

async function startPostgres(folder: () => RunFolder): Promise<PostgresService> {
  const url = process.env['INORDER_TEST_DATABASE_URL'] ?? (await startEmbedded(folder()));
  const template = `inorder_template_${randomBytes(6).toString('hex')}`;
  await createDatabase(withDatabase(url, template));
  await migrate(withDatabase(url, template));
  return { url, template };
}

async function startEmbedded(folder: RunFolder): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDir: path.join(folder.path, 'postgres'), port: 0, durable: false });
  return server.url;
}

async function startRedis(folder: () => RunFolder): Promise<RedisService | undefined> {
  const given = process.env['REDIS_URL'];
  if (given !== undefined) return { url: given };
  const directory = folder().path;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = await freePort();
    const child = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--dir',
        directory,
        '--save',
        '',
        '--appendonly',
        'no',
        '--maxmemory-policy',
        'noeviction',
      ],
      { stdio: 'ignore', detached: true },
    );
    let gone = false;
    const absent = await new Promise<boolean>((resolve) => {
      child.on('spawn', () => resolve(false));
      child.on('error', () => resolve(true));
      child.on('exit', () => {
        gone = true;
      });
    });
    if (absent) return undefined;
    child.unref();
    writeFileSync(path.join(directory, 'redis.pid'), `${child.pid ?? ''}\n`);
    while (!gone) {
      if (await answers(port)) return { url: `redis://127.0.0.1:${port}` };
      await delay(20);
    }
  }
  throw new Error('redis-server ended at once, five times');
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}

/** One connection for one piece of work. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
