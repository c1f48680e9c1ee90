/** What Postgres must be before orders are taken: reachable, migrated, and unable to forget a commit. */
import type { Logger } from 'pino';
import type { Database, Statement } from './database.ts';

const SETTINGS: Statement = {
  name: 'store_check',
  text: `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version_num')`,
};

/** @throws Error in words when orders must not be taken. */
export async function checkStore(database: Database, logger: Logger, unsafe: boolean): Promise<void> {
  const rows = await database.query<{ name: string; setting: string }>(SETTINGS, []).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Postgres does not answer as DATABASE_URL says: ${reason}`, { cause });
  });
  const setting = new Map(rows.map((r) => [r.name, r.setting]));
  const version = Number(setting.get('server_version_num') ?? 0);
  if (version < 150_000) throw new Error(`PostgreSQL 15 or later is needed; this one is ${version}`);
  const off = ['fsync', 'full_page_writes', 'synchronous_commit'].filter((name) => setting.get(name) === 'off');
  if (off.length === 0) return;
  if (!unsafe)
    throw new Error(
      `Postgres may forget a commit (${off.join(', ')} off), so orders are refused; INORDER_UNSAFE=1 takes them all the same`,
    );
  logger.warn({ off }, 'postgres may forget a commit');
}

const PING: Statement = { name: 'ping', text: 'SELECT 1 AS one' };

/** For readiness. @throws where Postgres does not answer. */
export async function ping(database: Database): Promise<void> {
  await database.query(PING, []);
}

const STANDING: Statement = {
  name: 'instance_standing',
  text: `
SELECT extract(epoch FROM clock_timestamp() - i.heartbeat_at) * 1000 AS silent_ms,
       (SELECT count(*)::int FROM shard_lease WHERE owner = $1) AS shards,
       (SELECT count(*)::int FROM source_lease WHERE owner = $1) AS sources
  FROM engine_instance i WHERE i.instance = $1`,
};

/** How an instance stands in Postgres, by Postgres's clock alone. */
export interface Standing {
  /** Since its last heartbeat. */
  readonly silentMs: number;
  readonly shards: number;
  readonly sources: number;
}

/** undefined: it has not said that it lives yet. @throws where Postgres does not answer. */
export async function readStanding(database: Database, instance: string): Promise<Standing | undefined> {
  const [row] = await database.query<{ silent_ms: string; shards: number; sources: number }>(STANDING, [instance]);
  return row === undefined ? undefined : { silentMs: Number(row.silent_ms), shards: row.shards, sources: row.sources };
}
