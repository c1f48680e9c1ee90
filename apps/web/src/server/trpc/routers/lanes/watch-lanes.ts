import { interfaceCode } from '@inorder/core';
import { TRPCError, tracked } from '@trpc/server';
import { z } from 'zod';
import type { BoardChange } from '../../../../features/lag/board-data.ts';
import { laneFeed } from '../../../live/live.ts';
import { closing } from '../../../operations/stop.ts';
import { protectedProcedure } from '../../trpc.ts';

/** Without news an empty change goes out this often: the reader sees that the line stands. */
const SILENCE_MS = 5000;

/**
 * News of all lanes, or of one: at most two changes a second, each with the rows changed since the last one. The id
 * names the last number seen, so a reader that comes back is told exactly what it missed; another `boot` means that
 * the server started anew and the reader needs a snapshot.
 *
 * The change is JSON text: superjson would walk every row for nothing.
 */
export const watchLanes = protectedProcedure('lane.read')
  .input(
    z.object({
      /** Only this interface. */
      code: z.string().transform(interfaceCode).optional(),
      /** The snapshot's `boot:seq`, or what the last change was tracked as (EventSource sends that by itself). */
      lastEventId: z.string().max(100).optional(),
    }),
  )
  .subscription(async function* ({ input, signal }) {
    const feed = await laneFeed();
    const stop = AbortSignal.any([closing(), ...(signal === undefined ? [] : [signal])]);
    let seen = seenBefore(input.lastEventId, feed.boot) ?? feed.seq;
    let first = true;
    while (!stop.aborted) {
      if (!first) await feed.after(seen, SILENCE_MS, stop);
      first = false;
      if (stop.aborted) break;
      const change: BoardChange = feed.changesSince(seen, Date.now(), input.code);
      seen = change.seq;
      yield tracked(`${feed.boot}:${seen}`, JSON.stringify(change));
    }
    // An end would tell the reader that there is no more; this one it comes back after.
    if (closing().aborted) throw new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: 'the console stops' });
  });

/** @returns null for an id of another server process. */
function seenBefore(id: string | undefined, boot: string): number | null {
  const [idBoot, seq] = id?.split(':') ?? [];
  if (idBoot !== boot || seq === undefined) return null;
  const number = Number(seq);
  return Number.isSafeInteger(number) ? number : null;
}
