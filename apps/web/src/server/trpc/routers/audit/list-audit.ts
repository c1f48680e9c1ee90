import { auditPage } from '@inorder/db/console';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

const text = z.string().trim().min(1).max(200).optional();

/** Newest first; hand `next` in as `cursor` for the page after. */
export const listAudit = protectedProcedure('audit.read')
  .input(
    z.strictObject({
      actor: text,
      action: text,
      target: text,
      cursor: z.int().min(1).nullable().default(null),
      /** tRPC's infinite queries send it; pages go one way. */
      direction: z.enum(['forward', 'backward']).optional(),
      limit: z.int().min(1).max(200).default(100),
    }),
  )
  .query(({ input }) => auditPage(database().pool, input, { before: input.cursor, limit: input.limit }));
