import { readRemovedRange, removedSentence } from '@inorder/db/console';
import type { TRPCError } from '@trpc/server';
import { database } from '../../../database.ts';
import { notFound } from '../../errors.ts';

/** NOT_FOUND for a number without a row: it was never given, or retention has removed it and says with what. */
export async function missingMessage(input: {
  readonly code: string;
  readonly sequenceNo: number;
}): Promise<TRPCError> {
  const target = `message ${input.code}:${input.sequenceNo}`;
  const range = await readRemovedRange(database().pool, input.code, input.sequenceNo);
  return notFound(range === null ? target : `${target} any more: ${removedSentence(range)}`);
}
