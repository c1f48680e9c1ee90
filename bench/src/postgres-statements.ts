/** Reads what Postgres counts: who ran what, how often, over how many connections. */
import type pg from 'pg';
import type { Calls } from './statements.ts';

/**
 * Top-level statements of one database and one role, so that the bench's own, which come under another role, are not
 * among them. The extension lives in the database that `pool` is connected to; the server must have it preloaded.
 */
export async function readCalls(pool: pg.Pool, database: string, role: string): Promise<Calls> {
  const { rows } = await pool.query<{ query: string; calls: string; total_ms: number }>(
    `SELECT s.query, sum(s.calls)::text AS calls, sum(s.total_exec_time)::float8 AS total_ms
       FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid
      WHERE d.datname = $1 AND r.rolname = $2 AND s.toplevel
      GROUP BY s.query`,
    [database, role],
  );
  return new Map(rows.map((row) => [row.query, { calls: Number(row.calls), totalMs: row.total_ms }]));
}

/** Connections made to a database since the server started. */
export async function readSessions(pool: pg.Pool, database: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'SELECT sessions::float8 AS n FROM pg_stat_database WHERE datname = $1',
    [database],
  );
  return rows[0]?.n ?? 0;
}
