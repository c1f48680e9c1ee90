import { deadLetterRanges } from '@inorder/db/console';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';
import { deadLetterFilter } from './filter.ts';

/** All that match as ranges of numbers: what an action on "all of these" is about. */
export const findDeadLetterRanges = protectedProcedure('lane.read')
  .input(deadLetterFilter)
  .query(({ input }) => deadLetterRanges(database().pool, input));
