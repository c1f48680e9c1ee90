import { appendAudit, inTransaction, messageKeyHasher, parseSecretKey } from '@inorder/db';
import { type FoundMessage, findByKeys } from '@inorder/db/console';
import { z } from 'zod';
import { env } from '../../../../env.ts';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

export const SEARCH_KINDS = ['CONTROL', 'PLACER', 'FILLER', 'MRN'] as const;
const FOUND_MAX = 200;

/**
 * Messages by control id, order number or medical record number. A mutation, so that the number travels in a body and
 * stands in no URL or log; what is kept of it is that someone searched (G17, G18).
 */
export const searchMessages = protectedProcedure('payload.read')
  .input(z.strictObject({ text: z.string().trim().min(1).max(200), kind: z.enum(SEARCH_KINDS).optional() }))
  .mutation(async ({ ctx, input }): Promise<{ found: readonly FoundMessage[]; more: boolean }> => {
    const hash = messageKeyHasher(parseSecretKey(env().INORDER_SECRET_KEY));
    const kinds = input.kind === undefined ? SEARCH_KINDS : [input.kind];
    const hashes = kinds.map((kind) => hash(kind, input.text));
    return inTransaction(database().pool, async (tx) => {
      const found = await findByKeys(tx, hashes, FOUND_MAX + 1);
      const detail = { kinds, found: Math.min(found.length, FOUND_MAX) };
      await appendAudit(tx, { actor: ctx.user.email, action: 'message.search', target: 'messages', detail });
      return { found: found.slice(0, FOUND_MAX), more: found.length > FOUND_MAX };
    });
  });
