import { listCommands } from '@inorder/db';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

/** The newest commands, of one interface or of all. */
export const listCommandsProcedure = protectedProcedure('lane.read')
  .input(z.strictObject({ interfaceCode: z.string().max(32).optional(), limit: z.int().min(1).max(200).default(50) }))
  .query(({ input: { interfaceCode, limit } }) =>
    listCommands(database().pool, interfaceCode === undefined ? { limit } : { interfaceCode, limit }),
  );
