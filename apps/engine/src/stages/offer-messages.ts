/** Messages in the stages that nobody has: found again by the watchdog, or repaired in place. They are offered to all. */
import type { MessageId } from '@inorder/core';
import { offerMessages } from '../adapters/postgres/claim-queries.ts';
import type { Queries } from '../adapters/postgres/database.ts';
import { chunkSizeOf, type StageQueue } from './stage-queue.ts';

/** Ids in one statement. */
const OFFER_MAX = 500;
/** Messages in a chunk: how large they are is not known here. */
const CHUNK_MAX = 8;

/** @returns how many were offered; the rest are held or have left the stages. @throws what `classify` understands. */
export async function offerToStages(
  options: { readonly queries: Queries; readonly queue: Pick<StageQueue, 'offer'>; readonly stageStuckMs: number },
  ids: readonly MessageId[],
): Promise<number> {
  let offered = 0;
  for (let from = 0; from < ids.length; from += OFFER_MAX) {
    const part = ids.slice(from, from + OFFER_MAX);
    const chunks = await offerMessages(
      options.queries,
      part,
      Math.min(CHUNK_MAX, chunkSizeOf(part.length)),
      options.stageStuckMs,
    );
    for (const [stage, own] of chunks) {
      offered += own.reduce((sum, chunk) => sum + chunk.messages, 0);
      options.queue.offer(stage, own);
    }
  }
  return offered;
}
