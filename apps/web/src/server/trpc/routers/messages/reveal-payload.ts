import { z } from 'zod';
import { payloadBundle } from '../../../payload/bundle.ts';
import { answerView } from '../../../payload/view.ts';
import { protectedProcedure } from '../../trpc.ts';
import { auditedRead } from './audited-read.ts';
import type { SeenBytes } from './get-payload.ts';
import { messageInput, reasonInput } from './message-input.ts';

/** As `payload`, with patient data. A mutation: the right is read from the database, and the reason is audited first. */
export const revealPayload = protectedProcedure('phi.reveal')
  .input(messageInput.extend({ attemptId: z.uuid().optional(), reason: reasonInput }))
  .mutation(async ({ ctx, input }): Promise<SeenBytes> => {
    const bytes = await auditedRead(input, { actor: ctx.user.email, action: 'payload.reveal', reason: input.reason });
    return 'payload' in bytes
      ? { part: 'payload', payload: payloadBundle(bytes.payload, true) }
      : { part: 'answer', answer: answerView(bytes.answer, true) };
  });
