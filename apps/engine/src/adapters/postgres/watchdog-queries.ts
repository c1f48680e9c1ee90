/** What the watchdog asks; counted apart from the hot path. */
import type { Queries, Statement } from './database.ts';

const DROP_STUCK_CLAIMS: Statement = {
  name: 'drop_stuck_claims',
  text: "DELETE FROM stage_claim WHERE (instance IS NOT NULL OR runs IS NULL) AND claimed_at < now() - $1 * interval '1 millisecond'",
};

/** Chunks that outlived every limit: their messages are offered anew when their lanes miss them. */
export async function dropStuckClaims(queries: Queries, olderThanMs: number): Promise<void> {
  await queries.query(DROP_STUCK_CLAIMS, [olderThanMs]);
}

const ENSURE_PARTITIONS: Statement = {
  name: 'ensure_partitions',
  text: `SELECT parts.ensure_payload_partitions((now() AT TIME ZONE 'UTC')::date, $1) AS made, (SELECT count(*)::int FROM (SELECT 1 FROM parts.message_payload_default LIMIT 1) d) AS strays`,
};

/** `strays` > 0: the default partition is used, which should never happen. */
export async function ensurePartitions(
  queries: Queries,
  daysAhead: number,
): Promise<{ readonly made: number; readonly strays: number }> {
  const [row] = await queries.query<{ made: number; strays: number }>(ENSURE_PARTITIONS, [daysAhead]);
  return row ?? { made: 0, strays: 0 };
}

/** Index: message_tracking_interface_id_sequence_no_key. The last numbers below each checkpoint must be settled (G5). */
const BROKEN_LANES: Statement = {
  name: 'broken_lanes',
  text: `
SELECT i.code, c.last_delivered_sequence AS checkpoint, s.last_sequence_no AS high_water,
       (SELECT min(t.sequence_no) FROM message_tracking t
         WHERE t.interface_id = c.interface_id AND t.sequence_no > c.last_delivered_sequence - $2 AND t.sequence_no <= c.last_delivered_sequence
           AND (t.settled_at IS NULL OR t.status NOT IN ('DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'))) AS unsettled
  FROM message_delivery_checkpoint c JOIN interface_sequence s USING (interface_id) JOIN interface i USING (interface_id)
 WHERE c.interface_id = ANY($1::uuid[])`,
};

export interface BrokenLane {
  readonly code: string;
  readonly detail: string;
}

export async function readBrokenLanes(
  queries: Queries,
  ids: readonly string[],
  numbers: number,
): Promise<BrokenLane[]> {
  const rows = await queries.query<{ code: string; checkpoint: string; high_water: string; unsettled: string | null }>(
    BROKEN_LANES,
    [ids, numbers],
  );
  return rows.flatMap((r) => {
    if (r.unsettled !== null)
      return [{ code: r.code, detail: `#${r.unsettled} is below the checkpoint ${r.checkpoint} and not settled` }];
    if (BigInt(r.checkpoint) > BigInt(r.high_water))
      return [{ code: r.code, detail: `the checkpoint ${r.checkpoint} is above the high-water mark ${r.high_water}` }];
    return [];
  });
}

/** Index: ingest_key_received_at_idx (BRIN: rows come in the order of time). */
const DROP_OLD_KEYS: Statement = {
  name: 'drop_old_ingest_keys',
  text: `
DELETE FROM ingest_key
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM ingest_key WHERE received_at < now() - $1 * interval '1 day' LIMIT $2))
RETURNING 1 AS gone`,
};

/** Forgets what is older than `dedupeDays` (G2), a small batch at a time. @returns how many went. */
export async function dropOldIngestKeys(queries: Queries, dedupeDays: number, batch: number): Promise<number> {
  return (await queries.query(DROP_OLD_KEYS, [dedupeDays, batch])).length;
}
