import pg from 'pg';
import { type PrismaClient, prismaClient } from '../prisma.ts';

export interface ConsoleDatabase {
  readonly pool: pg.Pool;
  readonly prisma: PrismaClient;
}

/** One pool for the console's Prisma and its named SQL. Connects with the first query, never before. */
export function consoleDatabase(url: string): ConsoleDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 10, application_name: 'inorder-console' });
  // An idle connection that the server ends reports it here; the next query opens another.
  pool.on('error', () => undefined);
  return { pool, prisma: prismaClient(pool) };
}
