import type pg from 'pg';

/** SQLSTATEs after which the same transaction may simply be tried again: serialization failure, deadlock. */
const TRY_AGAIN = new Set(['40001', '40P01']);
const TRIES_MAX = 3;

/** Runs `work` in one READ COMMITTED transaction; rolls back when it throws; a deadlock's victim is tried again. */
export async function inTransaction<T>(pool: pg.Pool, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const value = await work(client);
      await client.query('COMMIT');
      return value;
    } catch (error) {
      await client.query('ROLLBACK').catch((cause: unknown) => {
        broken = cause instanceof Error ? cause : new Error(String(cause));
      });
      if (tries === TRIES_MAX || !TRY_AGAIN.has(sqlState(error))) throw error;
    } finally {
      client.release(broken);
    }
  }
}

function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
