/** What the reader of a source saw of its queue at the broker (G3): for people, on the console. */
import { type Epoch, type InstanceId, type ProtectionVerdict, type SourceId, sourceId } from '@inorder/core';
import type { Queries, Statement } from './database.ts';

export interface SeenQueue {
  readonly sourceId: SourceId;
  /** Of the source lease it was read under. */
  readonly epoch: Epoch;
  /** The queue that was looked at. */
  readonly address: string;
  readonly verdict: ProtectionVerdict;
  /** A sentence, or nothing. */
  readonly detail: string;
}

// source_lease_pkey, source_pkey, source_protection_pkey
const STORE: Statement = {
  name: 'store_source_protection',
  text: `
INSERT INTO source_protection (source_id, verdict, detail, checked_at)
SELECT o.source_id, o.verdict, o.detail, now()
  FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[]) AS o(source_id, epoch, address, verdict, detail)
  JOIN source_lease l ON l.source_id = o.source_id AND l.owner = $1 AND l.epoch = o.epoch
  JOIN source s ON s.source_id = o.source_id AND s.document->>'address' = o.address
ON CONFLICT (source_id) DO UPDATE
   SET verdict = EXCLUDED.verdict, detail = EXCLUDED.detail, checked_at = EXCLUDED.checked_at
RETURNING source_id`,
};

/** Those that still are our sources and still read that queue; the others are left as they stand. */
export async function storeSourceProtection(
  queries: Queries,
  owner: InstanceId,
  seen: readonly SeenQueue[],
): Promise<Set<SourceId>> {
  const rows = await queries.query<{ source_id: string }>(STORE, [
    owner,
    seen.map((each) => each.sourceId),
    seen.map((each) => each.epoch),
    seen.map((each) => each.address),
    seen.map((each) => each.verdict),
    seen.map((each) => each.detail),
  ]);
  return new Set(rows.map((row) => sourceId(row.source_id)));
}
