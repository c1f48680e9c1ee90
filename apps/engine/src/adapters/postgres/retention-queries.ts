/**
 * What is removed by age, in small batches, each a transaction of its own. Only maintenance runs these.
 *
 * No lane waits for any of it: a lane writes tracking rows above its checkpoint, retention deletes rows below the floor,
 * and the floor stays at or below the checkpoint. What they share is `interface_sequence`: the floor's UPDATE is the last
 * but one thing its statement does, so ingest waits for a commit at most.
 *
 * Every step may be run twice, by two instances, or be cut off: what counts is committed together or not at all, and
 * what was left is found again by looking.
 */
import { type InterfaceId, interfaceId, type MessageId, messageId, type SequenceNo, sequenceNo } from '@inorder/core';
import type { Database, Queries, Statement } from './database.ts';

/** Of a tracking row `t`: numbers that nobody has finished with, whatever their age. Scalar, so that they stay look-ups. */
const OPEN = `t.settled_at IS NULL
       OR (SELECT true FROM dead_letter d WHERE d.message_id = t.message_id AND d.resolved_at IS NULL) IS NOT NULL
       OR t.message_id = ANY(ARRAY(SELECT r.message_id FROM replay r WHERE r.state IN ('PENDING', 'RUNNING')))`;

// ---------------------------------------------------------------------------------------------------------------------
// The floor

/** Index: interface_sequence_pkey, message_delivery_checkpoint_pkey, message_tracking_interface_id_sequence_no_key. */
const FLOORS: Statement = {
  name: 'retention_floors',
  text: `
WITH page AS MATERIALIZED (
  SELECT s.interface_id, s.retained_from FROM interface_sequence s WHERE s.interface_id > $1 ORDER BY s.interface_id LIMIT $2
)
SELECT p.interface_id, i.code, p.retained_from,
       f.settled_at < now() - $3 * interval '1 day' AS due,
       (SELECT true FROM message_tracking t WHERE t.interface_id = p.interface_id AND t.sequence_no < p.retained_from LIMIT 1) IS NOT NULL AS below,
       f.found IS NULL AND p.retained_from <= c.last_delivered_sequence AS missing
  FROM page p
  JOIN interface i USING (interface_id)
  JOIN message_delivery_checkpoint c USING (interface_id)
  LEFT JOIN LATERAL (
    SELECT t.settled_at, true AS found FROM message_tracking t WHERE t.interface_id = p.interface_id AND t.sequence_no = p.retained_from
  ) f ON true
 ORDER BY p.interface_id`,
};

export interface FloorRow {
  readonly interfaceId: InterfaceId;
  readonly code: string;
  readonly floor: SequenceNo;
  /** The number at the floor was settled more than `settledDays` ago. */
  readonly due: boolean;
  /** There are rows below the floor: left by a run that was cut off, or needed. */
  readonly below: boolean;
  /** The number at the floor has no row although the checkpoint has passed it (G5). */
  readonly missing: boolean;
}

const NIL = '00000000-0000-0000-0000-000000000000';

/** A page of interfaces in id order. `after` null = from the first. Fewer than `limit`: the last page. */
export async function readFloors(
  queries: Queries,
  after: InterfaceId | null,
  limit: number,
  settledDays: number,
): Promise<FloorRow[]> {
  const rows = await queries.query<{
    interface_id: string;
    code: string;
    retained_from: string;
    due: boolean | null;
    below: boolean;
    missing: boolean;
  }>(FLOORS, [after ?? NIL, limit, settledDays]);
  return rows.map((r) => ({
    interfaceId: interfaceId(r.interface_id),
    code: r.code,
    floor: sequenceNo(r.retained_from),
    due: r.due === true,
    below: r.below,
    missing: r.missing,
  }));
}

/**
 * One statement: the floor, the counts by end and the chain move together, by compare-and-set on the floor. The floor
 * passes numbers in order while each is there, settled, and old enough; it passes open dead letters too, because passing
 * removes nothing. The link of a number is `id|number|end|settled at in ms`; a range's chain starts with 32 zero bytes.
 * Index: interface_sequence_pkey, message_delivery_checkpoint_pkey, sequence_range_pkey,
 * message_tracking_interface_id_sequence_no_key.
 */
const PASS: Statement = {
  name: 'retention_pass',
  text: `
WITH lane AS MATERIALIZED (
  SELECT s.retained_from AS floor, c.last_delivered_sequence AS checkpoint, r.from_sequence_no, r.hash
    FROM interface_sequence s JOIN message_delivery_checkpoint c USING (interface_id)
    LEFT JOIN sequence_range r ON r.interface_id = s.interface_id AND r.to_sequence_no = s.retained_from - 1
   WHERE s.interface_id = $1
), page AS MATERIALIZED (
  SELECT t.sequence_no, t.message_id, t.status, t.settled_at
    FROM message_tracking t
   WHERE t.interface_id = $1 AND t.sequence_no >= (SELECT floor FROM lane) AND t.sequence_no <= (SELECT checkpoint FROM lane)
   ORDER BY t.sequence_no LIMIT $2
), passed AS MATERIALIZED (
  SELECT * FROM (
    SELECT p.*, bool_and(coalesce(p.settled_at < now() - $3 * interval '1 day', false) AND p.status IN ('DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'))
                  OVER (ORDER BY p.sequence_no)
             AND p.sequence_no = (SELECT floor FROM lane) + row_number() OVER (ORDER BY p.sequence_no) - 1 AS may_pass
      FROM page p) q
   WHERE may_pass
), link AS (
  SELECT 0 AS n, coalesce(hash, decode(repeat('00', 32), 'hex')) AS link FROM lane
  UNION ALL
  SELECT sequence_no, convert_to(concat_ws('|', message_id, sequence_no, status, (extract(epoch FROM settled_at) * 1000)::bigint), 'UTF8') FROM passed
), sums AS MATERIALIZED (
  SELECT count(*) AS n, max(sequence_no) AS last, count(*) FILTER (WHERE status = 'DELIVERED') AS delivered, count(*) FILTER (WHERE status = 'FAILED') AS failed,
         count(*) FILTER (WHERE status = 'SKIPPED') AS skipped, count(*) FILTER (WHERE status = 'FILTERED') AS filtered,
         (SELECT parts.sha256_chain(link ORDER BY n) FROM link) AS hash
    FROM passed
), moved AS (
  UPDATE interface_sequence s SET retained_from = u.last + 1
    FROM sums u, lane l
   WHERE s.interface_id = $1 AND s.retained_from = l.floor AND u.n > 0
  RETURNING s.interface_id
)
INSERT INTO sequence_range (interface_id, from_sequence_no, to_sequence_no, delivered, failed, skipped, filtered, hash, removed_at)
SELECT m.interface_id, coalesce(l.from_sequence_no, l.floor), u.last,
       u.delivered + coalesce(o.delivered, 0), u.failed + coalesce(o.failed, 0), u.skipped + coalesce(o.skipped, 0), u.filtered + coalesce(o.filtered, 0),
       u.hash, now()
  FROM moved m CROSS JOIN sums u CROSS JOIN lane l
  LEFT JOIN sequence_range o ON o.interface_id = $1 AND o.from_sequence_no = l.from_sequence_no
ON CONFLICT (interface_id, from_sequence_no) DO UPDATE
   SET to_sequence_no = excluded.to_sequence_no, delivered = excluded.delivered, failed = excluded.failed,
       skipped = excluded.skipped, filtered = excluded.filtered, hash = excluded.hash, removed_at = excluded.removed_at
RETURNING (SELECT n FROM sums) AS passed`,
};

/** Moves the floor of one interface over at most `limit` numbers. @returns how many; 0 also when another run was faster. */
export async function passNumbers(
  queries: Queries,
  id: InterfaceId,
  limit: number,
  settledDays: number,
): Promise<number> {
  const [row] = await queries.query<{ passed: string }>(PASS, [id, limit, settledDays]);
  return Number(row?.passed ?? 0);
}

/**
 * Rows below the floor that nobody needs. Locked one by one, never waited for: a late replay holds the row of its number
 * for the time of its own transaction (`command_replay_late`). What was done about a number lately keeps it.
 * Index: message_tracking_interface_id_sequence_no_key, dead_letter_pkey, replay_interface_id_sequence_no_idx.
 */
const LOCK_REMOVABLE: Statement = {
  name: 'retention_lock_removable',
  text: `
SELECT t.message_id, t.sequence_no
  FROM message_tracking t
 WHERE t.interface_id = $1 AND t.sequence_no > $2 AND t.sequence_no < (SELECT s.retained_from FROM interface_sequence s WHERE s.interface_id = $1)
   AND (SELECT true FROM dead_letter d WHERE d.message_id = t.message_id AND coalesce(d.resolved_at >= now() - $4 * interval '1 day', true)) IS NULL
   AND (SELECT true FROM replay r WHERE r.interface_id = $1 AND r.sequence_no = t.sequence_no AND coalesce(r.done_at >= now() - $4 * interval '1 day', true) LIMIT 1) IS NULL
 ORDER BY t.sequence_no LIMIT $3
   FOR UPDATE OF t SKIP LOCKED`,
};

/**
 * Sees what has committed since the rows were locked: a replay that was ordered in between keeps its number.
 * Index: message_tracking_pkey, message_key_pkey, delivery_attempt_interface_id_sequence_no_idx, dead_letter_pkey,
 * replay_interface_id_sequence_no_idx, message_payload_kept_pkey.
 */
const REMOVE: Statement = {
  name: 'retention_remove',
  text: `
WITH gone AS (
  DELETE FROM message_tracking t
   WHERE t.message_id = ANY($2::uuid[])
     AND (SELECT true FROM replay r WHERE r.interface_id = $1 AND r.sequence_no = t.sequence_no AND r.done_at IS NULL LIMIT 1) IS NULL
  RETURNING t.message_id, t.sequence_no
), keys AS (
  DELETE FROM message_key k USING gone g WHERE k.message_id = g.message_id AND k.message_id = ANY($2::uuid[])
), attempts AS (
  DELETE FROM delivery_attempt a USING gone g WHERE a.sequence_no = g.sequence_no AND a.interface_id = $1 AND a.sequence_no = ANY($3::bigint[])
), letters AS (
  DELETE FROM dead_letter d USING gone g WHERE d.message_id = g.message_id AND d.message_id = ANY($2::uuid[])
), replays AS (
  DELETE FROM replay r USING gone g WHERE r.sequence_no = g.sequence_no AND r.interface_id = $1 AND r.sequence_no = ANY($3::bigint[])
), payloads AS (
  DELETE FROM message_payload_kept p USING gone g WHERE p.message_id = g.message_id AND p.message_id = ANY($2::uuid[])
)
SELECT count(*)::int AS gone FROM gone`,
};

export interface Removed {
  readonly removed: number;
  /** Hand it in again for the next batch; null: there is no more. */
  readonly next: SequenceNo | null;
}

/** Deletes at most `limit` numbers below the floor with all that is theirs, after `after`; one transaction. */
export function removeNumbers(
  database: Database,
  id: InterfaceId,
  after: SequenceNo,
  limit: number,
  settledDays: number,
): Promise<Removed> {
  return database.transaction(async (tx) => {
    const locked = await tx.query<{ message_id: string; sequence_no: string }>(LOCK_REMOVABLE, [
      id,
      after,
      limit,
      settledDays,
    ]);
    const last = locked.at(-1);
    if (last === undefined) return { removed: 0, next: null };
    const [row] = await tx.query<{ gone: number }>(REMOVE, [
      id,
      locked.map((r) => r.message_id),
      locked.map((r) => r.sequence_no),
    ]);
    return { removed: row?.gone ?? 0, next: locked.length < limit ? null : sequenceNo(last.sequence_no) };
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Payloads

/** pg_class and pg_inherits are small. A partition's day is in its name. */
const OLD_PARTITIONS: Statement = {
  name: 'retention_old_partitions',
  text: `
SELECT d.day::text, parts.uuid_from(d.day::timestamp AT TIME ZONE 'UTC') AS from_id, parts.uuid_from((d.day + 1)::timestamp AT TIME ZONE 'UTC') AS to_id
  FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
 CROSS JOIN LATERAL (SELECT to_date(substring(c.relname FROM '^message_payload_([0-9]{8})$'), 'YYYYMMDD') AS day) d
 WHERE h.inhparent = 'message_payload'::regclass AND d.day + 1 <= (now() AT TIME ZONE 'UTC')::date - $1::integer
 ORDER BY d.day`,
};

export interface PayloadPartition {
  /** YYYY-MM-DD, UTC. */
  readonly day: string;
  /** Ids of its messages: above `from`, below `to`. */
  readonly from: string;
  readonly to: string;
}

/** Whole days older than `payloadDays`, oldest first. */
export async function readOldPartitions(queries: Queries, payloadDays: number): Promise<PayloadPartition[]> {
  const rows = await queries.query<{ day: string; from_id: string; to_id: string }>(OLD_PARTITIONS, [payloadDays]);
  return rows.map((r) => ({ day: r.day, from: r.from_id, to: r.to_id }));
}

/** Index: message_tracking_pkey, dead_letter_pkey, replay_state_idx. */
const NEEDED: Statement = {
  name: 'retention_needed_payloads',
  text: `
WITH page AS MATERIALIZED (
  SELECT t.message_id, t.status, ${OPEN} AS needed FROM message_tracking t WHERE t.message_id > $1 AND t.message_id < $2 ORDER BY t.message_id LIMIT $3
)
SELECT (SELECT message_id FROM page ORDER BY message_id DESC LIMIT 1) AS last, count(*)::int AS looked_at,
       coalesce(array_agg(message_id) FILTER (WHERE needed AND NOT staged), '{}') AS settled_or_held,
       coalesce(array_agg(message_id) FILTER (WHERE needed AND staged), '{}') AS in_stages
  FROM (SELECT p.*, p.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED') AS staged FROM page p) q`,
};

export interface NeededPage {
  readonly lookedAt: number;
  /** Hand it in again for the next page; null: there is none. */
  readonly next: string | null;
  /** Needed, and no stage writes its payload. */
  readonly movable: readonly MessageId[];
  /** Needed, and a stage may be writing its payload just now. */
  readonly inStages: readonly MessageId[];
}

/** One page of messages above `after`, below `to`: those whose payload somebody needs. */
export async function readNeeded(queries: Queries, after: string, to: string, limit: number): Promise<NeededPage> {
  const [row] = await queries.query<{
    last: string | null;
    looked_at: number;
    settled_or_held: string[];
    in_stages: string[];
  }>(NEEDED, [after, to, limit]);
  return {
    lookedAt: row?.looked_at ?? 0,
    next: (row?.looked_at ?? 0) < limit ? null : (row?.last ?? null),
    movable: (row?.settled_or_held ?? []).map(messageId),
    inStages: (row?.in_stages ?? []).map(messageId),
  };
}

/**
 * A message that is in no stage, held so: a repair would bring it back there and has to wait. Not waited for.
 * Index: message_tracking_pkey.
 */
const HOLD_OUTCOMES: Statement = {
  name: 'retention_hold_outcomes',
  text: `
SELECT message_id FROM message_tracking
 WHERE message_id = ANY($1::uuid[]) AND status NOT IN ('RECEIVED', 'VALIDATED', 'ENRICHED')
   FOR SHARE SKIP LOCKED`,
};

/** As many as fit $2 bytes, one at least. Index: message_payload_pkey of each partition, message_payload_kept_pkey. */
const KEEP: Statement = {
  name: 'retention_keep_payloads',
  text: `
WITH fit AS MATERIALIZED (
  SELECT message_id FROM (
    SELECT message_id, sum(bytes) OVER (ORDER BY message_id) - bytes AS before
      FROM (SELECT message_id, octet_length(raw) + coalesce(octet_length(processed), 0) AS bytes FROM message_payload WHERE message_id = ANY($1::uuid[])) sized
    ) placed
   WHERE before < $2
), gone AS (
  DELETE FROM message_payload p WHERE p.message_id = ANY($1::uuid[]) AND p.message_id IN (SELECT message_id FROM fit) RETURNING *
), kept AS (
  INSERT INTO message_payload_kept SELECT * FROM gone ON CONFLICT (message_id) DO NOTHING
)
SELECT message_id FROM gone`,
};

export interface KeptPayloads {
  readonly moved: number;
  /** More of them are in the partitions than fitted: ask again. */
  readonly more: boolean;
  /** In a stage, or in another's hands. */
  readonly busy: readonly MessageId[];
}

/**
 * Moves payloads to `message_payload_kept`, at most `bytesMax` of them (one at least); one transaction. A reader finds
 * each in exactly one of the two tables, before and after.
 */
export function keepPayloads(database: Database, ids: readonly MessageId[], bytesMax: number): Promise<KeptPayloads> {
  return database.transaction(async (tx) => {
    const held = new Set(
      (await tx.query<{ message_id: string }>(HOLD_OUTCOMES, [ids])).map((r) => messageId(r.message_id)),
    );
    const moved = await tx.query(KEEP, [[...held], bytesMax]);
    return { moved: moved.length, more: moved.length > 0, busy: ids.filter((id) => !held.has(id)) };
  });
}

const DROP_PARTITION: Statement = {
  name: 'retention_drop_partition',
  text: 'SELECT parts.drop_payload_partition($1::date, $2::uuid[]) AS moved',
};

/**
 * Drops the payloads of a day whole, but for `keep` and unfinished replays, which move to `message_payload_kept`.
 * @returns how many moved; null: it was gone already.
 * @throws 55P03 where readers of payloads did not give way within 250 ms: nothing has changed, try again later.
 */
export async function dropPartition(queries: Queries, day: string, keep: readonly MessageId[]): Promise<number | null> {
  const [row] = await queries.query<{ moved: number | null }>(DROP_PARTITION, [day, keep]);
  return row?.moved ?? null;
}

/** Payloads outside of a day's partition, older than `payloadDays`, whose number is finished with or gone. */
const clean = (name: string, table: string, index: string): Statement => ({
  name,
  text: `
/* ${index}, message_tracking_pkey, dead_letter_pkey, replay_state_idx */
WITH page AS MATERIALIZED (
  SELECT message_id FROM ${table} WHERE message_id > $1 AND message_id < parts.uuid_from(now() - $2 * interval '1 day') ORDER BY message_id LIMIT $3
), needed AS MATERIALIZED (
  SELECT t.message_id FROM message_tracking t
   WHERE t.message_id = ANY(ARRAY(SELECT message_id FROM page)) AND (${OPEN})
), gone AS (
  DELETE FROM ${table} k
   WHERE k.message_id = ANY(ARRAY(SELECT message_id FROM page EXCEPT SELECT message_id FROM needed))
  RETURNING 1
)
SELECT (SELECT message_id FROM page ORDER BY message_id DESC LIMIT 1) AS last, (SELECT count(*)::int FROM page) AS looked_at,
       (SELECT count(*)::int FROM gone) AS gone`,
});

const CLEAN = {
  kept: clean('retention_clean_kept', 'message_payload_kept', 'message_payload_kept_pkey'),
  default: clean('retention_clean_default', 'parts.message_payload_default', 'message_payload_default_pkey'),
};

export interface Cleaned {
  readonly removed: number;
  /** Hand it in again for the next page; null: there is none. */
  readonly next: string | null;
}

/** One page of `message_payload_kept` or of the default partition. `after` null = from the first. */
export async function cleanPayloads(
  queries: Queries,
  table: keyof typeof CLEAN,
  after: string | null,
  limit: number,
  payloadDays: number,
): Promise<Cleaned> {
  const [row] = await queries.query<{ last: string | null; looked_at: number; gone: number }>(CLEAN[table], [
    after ?? NIL,
    payloadDays,
    limit,
  ]);
  return { removed: row?.gone ?? 0, next: (row?.looked_at ?? 0) < limit ? null : (row?.last ?? null) };
}
