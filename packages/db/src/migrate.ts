/**
 * Applies `prisma/migrations` without Prisma's CLI, with its bookkeeping: the same lock, the same table, the same
 * checksums, so that `prisma migrate status` agrees afterwards and either side can go on where the other stopped.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';

/** The advisory lock that `prisma migrate` takes. */
const MIGRATION_LOCK = 72_707_369;

const CREATE_BOOKKEEPING = `
CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id                  varchar(36) PRIMARY KEY NOT NULL,
  checksum            varchar(64) NOT NULL,
  finished_at         timestamptz,
  migration_name      varchar(255) NOT NULL,
  logs                text,
  rolled_back_at      timestamptz,
  started_at          timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

export interface MigrateOptions {
  /** Folder with one folder per migration; default: `prisma/migrations` of this checkout. */
  readonly directory?: string;
  readonly log?: (line: string) => void;
}

// The console's bundle has no dirname (and never migrates): only a caller without `directory` would miss it.
const here: string | undefined = import.meta.dirname;

/** The migrations of this checkout. */
export const migrationsDirectory = path.resolve(here ?? '', '../../../prisma/migrations');

/**
 * Brings the database of `url` up to date. Several processes may call it at once; one works, the others wait.
 * @returns names of the migrations applied by this call, in order; empty when there was nothing to do.
 * @throws when a migration failed now or in an earlier run and nobody resolved it.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const directory = options.directory ?? migrationsDirectory;
  const log = options.log ?? (() => undefined);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(CREATE_BOOKKEEPING);
    const { rows } = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
      'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
    );
    const failed = rows.find((row) => row.finished_at === null);
    if (failed !== undefined) {
      throw new Error(
        `migration ${failed.migration_name} failed in an earlier run: repair it, then run npx prisma migrate resolve`,
      );
    }
    const known = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    const applied: string[] = [];
    for (const migration of readMigrations(directory)) {
      const checksum = known.get(migration.name);
      if (checksum === undefined) {
        await apply(client, migration);
        applied.push(migration.name);
        log(`applied ${migration.name}`);
      } else if (checksum !== migration.checksum) {
        log(`warning: ${migration.name} was edited after it was applied`);
      }
    }
    return applied;
  } finally {
    await client.end();
  }
}

/** How a database stands towards the migrations of this checkout; names, in order. */
export interface MigrationState {
  /** Begun and finished by anybody, the last of them last. */
  readonly applied: readonly string[];
  readonly missing: readonly string[];
  /** Begun and not finished: `migrate` refuses until somebody resolves it. */
  readonly failed: readonly string[];
  /** Changed after they were applied. */
  readonly edited: readonly string[];
  /** Applied by a version that this one does not know. */
  readonly unknown: readonly string[];
}

/** Only reads; a database without bookkeeping has everything missing. */
export async function migrationState(
  client: pg.Client | pg.Pool,
  directory: string = migrationsDirectory,
): Promise<MigrationState> {
  const here = new Map(readMigrations(directory).map((each) => [each.name, each.checksum]));
  const table = await client.query<{ there: boolean }>("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there");
  const { rows } =
    table.rows[0]?.there === true
      ? await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
          'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
        )
      : { rows: [] };
  const begun = new Set(rows.map((row) => row.migration_name));
  const named = (which: typeof rows): string[] => which.map((row) => row.migration_name);
  return {
    applied: named(rows.filter((row) => row.finished_at !== null)),
    missing: [...here.keys()].filter((name) => !begun.has(name)),
    failed: named(rows.filter((row) => row.finished_at === null)),
    edited: named(rows.filter((row) => here.has(row.migration_name) && here.get(row.migration_name) !== row.checksum)),
    unknown: named(rows.filter((row) => !here.has(row.migration_name))),
  };
}

/** Creates the database that `url` names, unless it is there. @returns true when it was created. */
export async function createDatabase(url: string): Promise<boolean> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const client = new pg.Client({ connectionString: withDatabase(url, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount !== 0) return false;
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
    return true;
  } catch (error) {
    // Somebody else created it between the two statements.
    if (error instanceof pg.DatabaseError && (error.code === '42P04' || error.code === '23505')) return false;
    throw error;
  } finally {
    await client.end();
  }
}

/** The same server and user, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.toString();
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

function readMigrations(directory: string): Migration[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(directory, entry.name, 'migration.sql')))
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const sql = readFileSync(path.join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const id = randomUUID();
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    migration.checksum,
    migration.name,
  ]);
  try {
    await client.query(migration.sql);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // A migration with its own BEGIN leaves the connection in a failed transaction.
    await client.query('ROLLBACK');
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, reason]);
    throw new Error(`migration ${migration.name} failed: ${reason}`, { cause });
  }
  await client.query('UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [id]);
}
