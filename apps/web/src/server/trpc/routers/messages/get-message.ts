import { readMessage } from '@inorder/db/console';
import { may } from '@inorder/shared';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';
import { messageInput } from './message-input.ts';
import { missingMessage } from './missing-message.ts';

/** Everything about a message but its bytes. Details of its faults belong to the payload (G18). */
export const getMessage = protectedProcedure('lane.read')
  .input(messageInput)
  .query(async ({ ctx, input }) => {
    const message = await readMessage(database().pool, input.code, input.sequenceNo);
    if (message === null) throw await missingMessage(input);
    const { messageId: _messageId, interfaceId: _interfaceId, ...shown } = message;
    if (may(ctx.user, 'payload.read') || shown.deadLetter === null) return shown;
    return { ...shown, deadLetter: { ...shown.deadLetter, detail: '', faults: [] } };
  });
