import { deadLetterPage } from '@inorder/db/console';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';
import { deadLetterFilter } from './filter.ts';

/** One page, newest first. */
export const listDeadLetters = protectedProcedure('lane.read')
  .input(
    z.strictObject({
      filter: deadLetterFilter,
      cursor: z
        .string()
        .regex(/^[0-9TZ:.-]{24} [0-9a-f-]{36}$/)
        .nullable()
        .default(null),
      /** tRPC's infinite queries send it; pages go one way. */
      direction: z.enum(['forward', 'backward']).optional(),
      limit: z.int().min(1).max(200).default(100),
    }),
  )
  .query(({ input }) => deadLetterPage(database().pool, input.filter, input));
