import { z } from 'zod';
import { protectedProcedure } from '../../trpc.ts';
import { COMMANDS_MAX, commandInput } from './command-input.ts';
import { planCommands } from './planned-command.ts';

/** The dry run: what the commands would do now, and the hash that `request` must give back. Writes nothing. */
export const planCommandsProcedure = protectedProcedure('lane.read')
  .input(z.strictObject({ commands: z.array(commandInput).min(1).max(COMMANDS_MAX) }))
  // A body, because the list may be longer than a URL.
  .mutation(({ input }) => planCommands(input.commands));
