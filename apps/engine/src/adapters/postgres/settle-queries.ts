/** The one statement that moves checkpoints, and what its answer means (G4, G5, G10). */
import type { AttemptNote, Epoch, SettleItem, Shard } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { Queries, Statement } from './database.ts';
import { packBytes } from './packed-bytes.ts';

/**
 * Keyed: leases by shard, tracking by message id, checkpoints by interface.
 * Locks the lease rows first: a plain join would read the lease as of the statement's start and a settle would commit
 * after a takeover. Then tracking by compare-and-set (message_tracking_pkey), then the
 * checkpoint of those lanes whose rows all changed (message_delivery_checkpoint_pkey). A lane's failed part changes
 * nothing of the others.
 */
const SETTLE: Statement = {
  name: 'settle',
  keyed: true,
  text: `
WITH own AS MATERIALIZED (
  SELECT l.shard, l.epoch
    FROM shard_lease l JOIN unnest($1::smallint[], $2::bigint[]) AS o(shard, epoch) ON o.shard = l.shard AND o.epoch = l.epoch
   WHERE l.owner = $3 AND l.shard = ANY($1::smallint[])
   ORDER BY l.shard
     FOR SHARE OF l
), lane AS MATERIALIZED (
  SELECT v.* FROM unnest($4::uuid[], $5::smallint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::int[], $10::text[], $11::text[], $12::int[])
      AS v(interface_id, shard, expected, checkpoint, granted, failed_run, failed_run_code, held_for, changes)
    JOIN own USING (shard)
), changed AS (
  UPDATE message_tracking t
     SET status = v.to_status::message_status, settled_at = CASE WHEN v.settles THEN now() ELSE t.settled_at END
    FROM unnest($13::uuid[], $14::uuid[], $15::text[], $16::text[], $17::boolean[], $43::bigint[]) AS v(interface_id, message_id, from_status, to_status, settles, sequence_no)
    JOIN lane USING (interface_id)
   WHERE t.message_id = v.message_id AND t.message_id = ANY($14::uuid[]) AND t.status = v.from_status::message_status
     AND t.sequence_no = v.sequence_no AND t.interface_id = v.interface_id
  RETURNING t.interface_id
), counted AS (
  SELECT interface_id, count(*)::int AS n FROM changed GROUP BY interface_id
), moved AS (
  UPDATE message_delivery_checkpoint c
     SET last_delivered_sequence = l.checkpoint, granted_sequence = GREATEST(c.granted_sequence, l.granted),
         failed_run = l.failed_run, failed_run_code = l.failed_run_code, held_for = l.held_for, updated_at = now()
    FROM lane l LEFT JOIN counted n USING (interface_id)
   WHERE c.interface_id = l.interface_id AND c.interface_id = ANY($4::uuid[]) AND c.last_delivered_sequence = l.expected AND coalesce(n.n, 0) = l.changes
  RETURNING c.interface_id
), attempted AS (
  INSERT INTO delivery_attempt (attempt_id, interface_id, sequence_no, message_id, attempt_no, kind, outcome, epoch, instance,
                                destination_id, error_code, ack_code, detail, control_id, response, duration_ms)
  SELECT v.attempt_id, v.interface_id, v.sequence_no, v.message_id, v.attempt_no, v.kind::attempt_kind, v.outcome::attempt_outcome,
         own.epoch, $3, v.destination_id, v.error_code, v.ack_code, v.detail, v.control_id,
         substring($32::bytea FROM v.response_start FOR v.response_length), v.duration_ms
    FROM unnest($18::uuid[], $19::smallint[], $20::uuid[], $21::bigint[], $22::uuid[], $23::int[], $24::text[], $25::text[],
                $26::uuid[], $27::text[], $28::text[], $29::text[], $30::text[], $31::int[], $33::int[], $34::int[])
      AS v(attempt_id, shard, interface_id, sequence_no, message_id, attempt_no, kind, outcome,
           destination_id, error_code, ack_code, detail, control_id, duration_ms, response_start, response_length)
    JOIN own USING (shard)
  ON CONFLICT (attempt_id) DO NOTHING
), dead AS (
  INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts, destination_id, maybe_delivered)
  SELECT v.message_id, v.interface_id, v.sequence_no, 'DELIVER', v.error_code, 'DELIVER|' || v.error_code || '||', v.detail, v.attempts, v.destination_id, v.maybe_delivered
    FROM unnest($35::uuid[], $36::uuid[], $37::bigint[], $38::text[], $39::text[], $40::int[], $41::uuid[], $42::boolean[])
      AS v(message_id, interface_id, sequence_no, error_code, detail, attempts, destination_id, maybe_delivered)
    JOIN lane USING (interface_id)
  ON CONFLICT (message_id) DO UPDATE
     SET stage = excluded.stage, error_code = excluded.error_code, signature = excluded.signature, path = NULL, table_name = NULL, value = NULL,
         detail = excluded.detail, faults = NULL, attempts = dead_letter.attempts + excluded.attempts, destination_id = excluded.destination_id,
         maybe_delivered = dead_letter.maybe_delivered OR excluded.maybe_delivered, created_at = now(), resolved_at = NULL, resolution = NULL
)
SELECT (SELECT coalesce(array_agg(shard), '{}') FROM own) AS shards, (SELECT coalesce(array_agg(interface_id), '{}') FROM moved) AS lanes`,
};

export interface SettleEntry {
  readonly shard: Shard;
  readonly epoch: Epoch;
  /** null: only attempts are written. */
  readonly item: SettleItem | null;
  readonly interfaceId: SettleItem['interfaceId'];
  readonly attempts: readonly { readonly attemptId: string; readonly note: AttemptNote }[];
}

/** Ids are made before the first try, so that a batch whose COMMIT answer was lost may be repeated. */
export function identified(notes: readonly AttemptNote[]): SettleEntry['attempts'] {
  return notes.map((note) => ({ attemptId: uuidv7(), note }));
}

export interface SettleAnswer {
  /** Shards that are still ours. */
  readonly shards: ReadonlySet<number>;
  /** Lanes whose checkpoint row was written. One that is missing although its shard is ours must be read again. */
  readonly lanes: ReadonlySet<string>;
}

/** One round trip for all entries. @throws what `classify` understands. */
export async function settle(queries: Queries, owner: string, entries: readonly SettleEntry[]): Promise<SettleAnswer> {
  const shards = [...new Map(entries.map((e) => [e.shard, e.epoch]))].sort(([a], [b]) => a - b);
  const lanes = entries
    .flatMap((e) => (e.item === null ? [] : [{ shard: e.shard, item: e.item }]))
    .sort((a, b) => (a.item.interfaceId < b.item.interfaceId ? -1 : 1));
  const changes = lanes.flatMap(({ item }) => item.changes.map((c) => ({ ...c, interfaceId: item.interfaceId })));
  const letters = lanes.flatMap(({ item }) => item.deadLetters.map((d) => ({ ...d, interfaceId: item.interfaceId })));
  const attempts = entries.flatMap((e) =>
    e.attempts.map((a) => ({ ...a, shard: e.shard, interfaceId: e.interfaceId })),
  );
  const responses = packBytes(attempts.map((a) => a.note.response));
  const [row] = await queries.query<{ shards: number[]; lanes: string[] }>(SETTLE, [
    shards.map(([s]) => s),
    shards.map(([, e]) => e),
    owner,
    lanes.map((l) => l.item.interfaceId),
    lanes.map((l) => l.shard),
    lanes.map((l) => l.item.expectedCheckpoint),
    lanes.map((l) => l.item.checkpoint),
    lanes.map((l) => l.item.grantedThrough),
    lanes.map((l) => l.item.failedRun),
    lanes.map((l) => l.item.failedRunCode),
    lanes.map((l) => l.item.heldFor),
    lanes.map((l) => l.item.changes.length),
    changes.map((c) => c.interfaceId),
    changes.map((c) => c.messageId),
    changes.map((c) => c.from),
    changes.map((c) => c.to),
    changes.map((c) => c.settles),
    attempts.map((a) => a.attemptId),
    attempts.map((a) => a.shard),
    attempts.map((a) => a.interfaceId),
    attempts.map((a) => a.note.sequenceNo),
    attempts.map((a) => a.note.messageId),
    attempts.map((a) => a.note.attemptNo),
    attempts.map((a) => a.note.kind),
    attempts.map((a) => a.note.outcome),
    attempts.map((a) => a.note.destinationId),
    attempts.map((a) => a.note.code),
    attempts.map((a) => plain(a.note.ackCode)),
    attempts.map((a) => plain(a.note.detail)),
    attempts.map((a) => plain(a.note.controlId)),
    attempts.map((a) => a.note.durationMs),
    responses.bytes,
    responses.starts,
    responses.lengths,
    letters.map((d) => d.messageId),
    letters.map((d) => d.interfaceId),
    letters.map((d) => d.sequenceNo),
    letters.map((d) => d.code),
    letters.map((d) => plain(d.detail)),
    letters.map((d) => d.attempts),
    letters.map((d) => d.destinationId),
    letters.map((d) => d.maybeDelivered),
    changes.map((c) => c.sequenceNo),
  ]);
  return { shards: new Set(row?.shards), lanes: new Set(row?.lanes) };
}

/** Postgres stores no NUL in text; what a destination answered must not be able to stop a settlement (G16). */
export function plain(text: string | null): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what it is about
  return text === null ? null : text.replaceAll(/\u0000/g, '').slice(0, 2000);
}
