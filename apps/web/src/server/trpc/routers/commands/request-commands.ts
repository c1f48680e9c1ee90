import { type CommandView, readCommands, requestCommands } from '@inorder/db';
import { TRPCError } from '@trpc/server';
import { z } from 'zod';
import { commandWake } from '../../../command-wake.ts';
import { database } from '../../../database.ts';
import { assertMay, notFound } from '../../errors.ts';
import { protectedProcedure } from '../../trpc.ts';
import { reasonInput } from '../messages/message-input.ts';
import { COMMANDS_MAX, commandInput } from './command-input.ts';
import { type PlannedCommand, planCommands } from './planned-command.ts';

const requestInput = z.strictObject({
  reason: reasonInput,
  commands: z
    .array(commandInput.safeExtend({ commandId: z.uuidv7(), planHash: z.string().regex(/^[0-9a-f]{16}$/) }))
    .min(1)
    .max(COMMANDS_MAX),
});

export type Requested =
  | { readonly ok: true; readonly commands: readonly CommandView[] }
  /** Nothing was written: these plans are not what was agreed to any more. */
  | { readonly ok: false; readonly changed: readonly PlannedCommand[] };

/**
 * Hands the commands to the owners of their lanes, all or none. Refuses here already when a plan has changed; the owner
 * checks again before it acts.
 */
export const requestCommandsProcedure = protectedProcedure('lane.read')
  .input(requestInput)
  .mutation(async ({ ctx, input }): Promise<Requested> => {
    const only = input.commands.length === 1 ? input.commands[0] : undefined;
    // Who may replay one message may not stop a lane for it.
    const replaysOne = only?.kind === 'REPLAY' && only.fromSequenceNo === only.toSequenceNo && only.holdLane !== true;
    assertMay(ctx.user, replaysOne ? 'lane.replayOne' : 'lane.act');
    const { pool } = database();
    const known = await readCommands(
      pool,
      input.commands.map((command) => command.commandId),
    );
    // Asked a second time after a lost answer: what was carried out meanwhile has changed the plan, and that is no news.
    if (known.length < input.commands.length) {
      const planned = await planCommands(input.commands.map(({ commandId: _, planHash: __, ...command }) => command));
      const changed = planned.filter((now, i) => now.hash !== input.commands[i]?.planHash || now.refusal !== null);
      if (changed.length > 0) return { ok: false, changed };
    }
    const publish = commandWake();
    const result = await requestCommands(pool, input.commands, {
      actor: ctx.user.email,
      reason: input.reason,
      ...(publish === undefined ? {} : { publish }),
    });
    if (result.ok) return result;
    if (result.why === 'NO_INTERFACE') throw notFound('such interface');
    throw new TRPCError({ code: 'CONFLICT', message: `command ${result.commandId} is another command already` });
  });
