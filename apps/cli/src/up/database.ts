/** The database of a run: the embedded server or the one of DATABASE_URL, migrated, and with a site in it if wanted. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { applySite, createDatabase, exportSite, migrate, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import pg from 'pg';
import type { StateFolder } from '../checkout.ts';
import { reasonOf } from '../doctor/finding.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { missingFrom } from './demonstration.ts';
import type { PortPicker } from './ports.ts';
import { WANTED_PORTS } from './site.ts';
import { ensureUsers, type FirstUsers } from './users.ts';

export interface Database {
  readonly url: string;
  /** null: DATABASE_URL's server, which is not ours to stop. */
  readonly embedded: { readonly adopted: boolean; readonly port: number; stop(): Promise<void> } | null;
}

const DATABASE_NAME = 'inorder';
/** SQLSTATEs. */
const MISSING_DATABASE = '3D000';
const STARTING = '57P03';

/**
 * Opens the database server. `fresh` empties the embedded one; that of DATABASE_URL is never emptied.
 * @throws CommandFailure where the given one does not answer, or does not let us in.
 */
export async function openDatabase(
  given: string | undefined,
  state: StateFolder,
  ports: PortPicker,
  fresh: boolean,
  say: (line: string) => void,
): Promise<Database> {
  if (given !== undefined) {
    await requireAnswer(given);
    return { url: given, embedded: null };
  }
  const server = await startOnFreePort(state, ports, say);
  const url = withDatabase(server.url, DATABASE_NAME);
  if (fresh) await dropDatabase(server.url);
  return { url, embedded: server };
}

/** Creates the database if it is missing and brings it up to date. @returns how many migrations were applied. */
export async function prepareDatabase(url: string, say: (line: string) => void): Promise<number> {
  const log = (line: string): void => {
    if (line.startsWith('warning'))
      say(`${line}; if the engine complains, inorder up --fresh starts over without data`);
  };
  await createDatabase(url);
  return (await migrate(url, { log })).length;
}

/** @throws CommandFailure in words where a server does not answer or refuses; a database that is missing is made later. */
async function requireAnswer(url: string): Promise<void> {
  try {
    await query(url, 'SELECT 1');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === MISSING_DATABASE) return;
    const { host } = new URL(url);
    // A SQLSTATE is an answer; what has none came from the way there.
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && code !== STARTING)
      throw new CommandFailure(EXIT.failed, `Postgres at ${host} refuses: ${reasonOf(cause)}`, { cause });
    throw new CommandFailure(
      EXIT.notReachable,
      `no Postgres answers at ${host} (${reasonOf(cause)}): start it, or correct DATABASE_URL`,
      { cause },
    );
  }
}

export type SeedOutcome = 'new' | 'kept';

/** Whether a database of DATABASE_URL holds interfaces that did not come from here: then it is left alone. */
export async function isForeign(state: StateFolder, database: Database): Promise<boolean> {
  if (database.embedded !== null || existsSync(seedMark(state, database))) return false;
  const rows = await query(database.url, 'SELECT 1 FROM interface LIMIT 1');
  return rows.length > 0;
}

/** Puts the demonstration site into the database, or brings the one that is there to today's ports. */
export async function seedDemonstration(
  state: StateFolder,
  database: Database,
  site: SiteDocument,
  secretKey: Uint8Array,
): Promise<SeedOutcome> {
  return withPool(database.url, async (pool) => {
    const stored = siteDocumentSchema.parse(await exportSite(pool));
    const empty = Object.keys(stored.interfaces).length === 0;
    if (database.embedded === null) {
      mkdirSync(state.stamps, { recursive: true });
      writeFileSync(seedMark(state, database), '');
    }
    const applied = await applySite(pool, missingFrom(stored, site), {
      actor: 'system',
      reason: 'demonstration site',
      secretKey,
    });
    if (applied.ok) return empty ? 'new' : 'kept';
    const problems = applied.problems.map((problem) => `  ${problem.path} ${problem.message}`);
    throw new CommandFailure(EXIT.failed, `the demonstration site does not apply:\n${problems.join('\n')}`);
  });
}

function seedMark(state: StateFolder, database: Database): string {
  return path.join(state.stamps, `seeded-${createHash('sha256').update(database.url).digest('hex').slice(0, 16)}`);
}

/** First users and this machine's token; see users.ts. */
export function prepareUsers(url: string, state: StateFolder, demo: boolean): Promise<FirstUsers> {
  return withPool(url, (pool) => ensureUsers(pool, state, demo));
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

/** A pool for one piece of work. */
export async function withPool<T>(url: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 3_000 });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
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
