import { type ConsoleDatabase, consoleDatabase } from '@inorder/db/console';
import { env } from '../env.ts';

// `next dev` evaluates modules again after an edit; the pool outlives that.
const holder = globalThis as typeof globalThis & { inorderDatabase?: ConsoleDatabase };

/** The process's one pool and Prisma client, made at the first use. */
export function database(): ConsoleDatabase {
  holder.inorderDatabase ??= consoleDatabase(env().DATABASE_URL);
  return holder.inorderDatabase;
}
