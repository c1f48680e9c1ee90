/** The snapshot a command is planned from, by the very query the console shows it from (G13). */
import type { PlanCommand, PlanSnapshot } from '@inorder/core';
import { readPlanSnapshot } from '@inorder/db';
import pg from 'pg';

export interface PlanSnapshots {
  /** null: there is no such interface. @throws where Postgres is away. */
  read(interfaceCode: string, command: PlanCommand): Promise<PlanSnapshot | null>;
  close(): Promise<void>;
}

/** Connections of its own: a snapshot is a transaction of its own, repeatable read. */
export function openPlanSnapshots(
  url: string,
  applicationName: string,
  onIdleError: (error: Error) => void,
): PlanSnapshots {
  const pool = new pg.Pool({
    connectionString: url,
    max: 2,
    application_name: applicationName,
    connectionTimeoutMillis: 5000,
  });
  pool.on('error', onIdleError);
  return {
    async read(interfaceCode, command) {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        return await readPlanSnapshot(client, interfaceCode, command);
      } catch (error) {
        broken = error instanceof Error ? error : new Error(String(error));
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}
