import { deadLetterGroups } from '@inorder/db/console';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';
import { deadLetterFilter } from './filter.ts';

/** Causes with their counts, most first. */
export const groupDeadLetters = protectedProcedure('lane.read')
  .input(deadLetterFilter)
  .query(({ input }) => deadLetterGroups(database().pool, input));
