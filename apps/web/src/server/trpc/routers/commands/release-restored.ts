import { requestRelease } from '@inorder/db';
import { TRPCError } from '@trpc/server';
import { z } from 'zod';
import { commandWake } from '../../../command-wake.ts';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';
import { reasonInput } from '../messages/message-input.ts';

/** After a restore or a fail-over: all lanes that hold for it go on, as one audited act (G21). */
export const releaseRestored = protectedProcedure('lane.act')
  .input(z.strictObject({ generation: z.int().min(1), reason: reasonInput }))
  .mutation(async ({ ctx, input }): Promise<{ readonly lanes: number }> => {
    const publish = commandWake();
    const result = await requestRelease(database().pool, input.generation, {
      actor: ctx.user.email,
      reason: input.reason,
      ...(publish === undefined ? {} : { publish }),
    });
    if (result.ok) return { lanes: result.lanes };
    throw new TRPCError({
      code: 'CONFLICT',
      message: 'Postgres was restored or failed over once more meanwhile; nothing was done: look again',
    });
  });
