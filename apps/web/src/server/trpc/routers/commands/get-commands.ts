import { readCommands } from '@inorder/db';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';
import { COMMANDS_MAX } from './command-input.ts';

/** How far commands are. A body, because the list may be longer than a URL. */
export const getCommands = protectedProcedure('lane.read')
  .input(z.strictObject({ commandIds: z.array(z.uuid()).min(1).max(COMMANDS_MAX) }))
  .mutation(({ input }) => readCommands(database().pool, input.commandIds));
