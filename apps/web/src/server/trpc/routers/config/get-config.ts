import { exportSite } from '@inorder/db';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

/** The site as a document that `apply` takes; of all, or of some interfaces only. Secrets are placeholders (G22). */
export const getConfig = protectedProcedure('config.read')
  .input(z.strictObject({ interfaceCodes: z.array(z.string().max(32)).min(1).max(1000).optional() }))
  .query(({ input }) => exportSite(database().pool, input.interfaceCodes));
