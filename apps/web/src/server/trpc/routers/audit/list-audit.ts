import { auditPage } from '@inorder/db/console';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

const text = z.string().trim().min(1).max(200).optional();

/** Newest first; hand `next` in as `before` for the page after. */
export const listAudit = protectedProcedure('audit.read')
  .input(
    z.strictObject({
      actor: text,
      action: text,
      target: text,
      before: z.int().min(1).nullable().default(null),
      limit: z.int().min(1).max(200).default(100),
    }),
  )
  .query(({ input }) => auditPage(database().pool, input, input));
