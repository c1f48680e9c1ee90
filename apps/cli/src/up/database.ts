/** The database of a run: the embedded server or the one of DATABASE_URL, migrated, and with a site in it if wanted. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createDatabase, migrate, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import pg from 'pg';
import { ROOT, type StateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import type { PortPicker } from './ports.ts';
import { WANTED_PORTS } from './site.ts';

export interface Database {
  readonly url: string;
  /** null: DATABASE_URL's server, which is not ours to stop. */
  readonly embedded: { readonly adopted: boolean; readonly port: number; stop(): Promise<void> } | null;
}

const DATABASE_NAME = 'inorder';

/** Opens the database server. `fresh` empties the embedded one; that of DATABASE_URL is never emptied. */
export async function openDatabase(
  state: StateFolder,
  ports: PortPicker,
  fresh: boolean,
  say: (line: string) => void,
): Promise<Database> {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined && given !== '') {
    if (fresh)
      throw new CommandFailure(
        EXIT.wrongUse,
        '--fresh does not empty the database of DATABASE_URL: do that yourself, or unset it',
      );
    return { url: given, embedded: null };
  }
  const server = await startOnFreePort(state, ports, say);
  const url = withDatabase(server.url, DATABASE_NAME);
  if (fresh) await dropDatabase(server.url);
  return { url, embedded: server };
}

/** Creates the database if it is missing and brings it up to date. @returns how many migrations were applied. */
export async function prepareDatabase(url: string): Promise<number> {
  try {
    await createDatabase(url);
    return (await migrate(url)).length;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND')) {
      throw new CommandFailure(EXIT.notReachable, `no Postgres answers at ${new URL(url).host}`, { cause: error });
    }
    throw error;
  }
}

export interface SeedOptions {
  readonly interfaces: number;
  readonly lisPorts: readonly number[];
  /** Port of the engine's own AMQP listener. */
  readonly listenPort: number;
}

export type SeedOutcome = 'seeded' | 'foreign' | 'absent';

/**
 * Puts the demonstration site into the database, or brings the one that is there to today's ports.
 * A database that holds interfaces which did not come from here is left alone ('foreign').
 */
export async function seedDemonstration(
  state: StateFolder,
  database: Database,
  options: SeedOptions,
): Promise<SeedOutcome> {
  const file = path.join(ROOT, 'packages/db/src/seed/index.ts');
  if (!existsSync(file)) return 'absent';
  const { url, embedded } = database;
  if (embedded === null) {
    const mark = path.join(state.stamps, `seeded-${createHash('sha256').update(url).digest('hex').slice(0, 16)}`);
    if ((await countInterfaces(url)) > 0 && !existsSync(mark)) return 'foreign';
    mkdirSync(state.stamps, { recursive: true });
    writeFileSync(mark, '');
  }
  const seed = (await import(pathToFileURL(file).href)) as {
    seedSite(url: string, options: SeedOptions): Promise<unknown>;
  };
  await seed.seedSite(url, options);
  return 'seeded';
}

/** Sum of all lanes' checkpoints: grows with every order that a destination acknowledged. */
export async function checkpointSum(url: string): Promise<number> {
  const rows = await query<{ sum: string }>(
    url,
    'SELECT coalesce(sum(last_delivered_sequence), 0)::text AS sum FROM message_delivery_checkpoint',
  );
  return Number(rows[0]?.sum ?? 0);
}

/** One short question to the database. */
export async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 20_000 });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function countInterfaces(url: string): Promise<number> {
  const rows = await query<{ rows: number }>(url, 'SELECT count(*)::int AS rows FROM interface');
  return rows[0]?.rows ?? 0;
}

async function startOnFreePort(state: StateFolder, ports: PortPicker, say: (line: string) => void) {
  const { port, taken } = await ports.look(WANTED_PORTS.postgres);
  const server = await startEmbeddedPostgres({ dataDir: state.postgres, port, log: say });
  // A server left by a killed run holds the port itself, and keeps it.
  if (taken !== undefined && !server.adopted) say(taken);
  return server;
}

async function dropDatabase(serverUrl: string): Promise<void> {
  await query(serverUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(DATABASE_NAME)} WITH (FORCE)`);
}
