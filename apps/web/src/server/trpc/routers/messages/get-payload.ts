import { z } from 'zod';
import { type PayloadBundle, payloadBundle } from '../../../payload/bundle.ts';
import { answerView, type PayloadView } from '../../../payload/view.ts';
import { protectedProcedure } from '../../trpc.ts';
import { auditedRead } from './audited-read.ts';
import { messageInput } from './message-input.ts';

export type SeenBytes =
  | { readonly part: 'payload'; readonly payload: PayloadBundle }
  | { readonly part: 'answer'; readonly answer: PayloadView };

/** The payload, or with `attemptId` what came back on that send; masked. The look is audited. */
export const getPayload = protectedProcedure('payload.read')
  .input(messageInput.extend({ attemptId: z.uuid().optional() }))
  .query(async ({ ctx, input }): Promise<SeenBytes> => {
    const bytes = await auditedRead(input, { actor: ctx.user.email, action: 'payload.view' });
    return 'payload' in bytes
      ? { part: 'payload', payload: payloadBundle(bytes.payload, false) }
      : { part: 'answer', answer: answerView(bytes.answer, false) };
  });
