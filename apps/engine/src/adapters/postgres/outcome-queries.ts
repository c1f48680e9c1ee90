/** What the stages made of messages, written in one round trip for a batch, with what goes on to other instances. */
import {
  type DestinationId,
  type ErrorCode,
  type Fault,
  type InstanceId,
  type MessageId,
  messageId,
  type PayloadFormat,
  type PipelineStage,
  type StageName,
} from '@inorder/core';
import type { StagedMessage } from '../../stages/intake.ts';
import type { Queries, Statement } from './database.ts';
import { packBytes } from './packed-bytes.ts';

/** What the stages made of one message, as it is written. */
export interface OutcomeRow {
  readonly message: StagedMessage;
  /** VALIDATED and ENRICHED: the next stage runs on another instance. */
  readonly status: 'VALIDATED' | 'ENRICHED' | 'PROCESSED' | 'FAILED' | 'FILTERED';
  readonly destinationId: DestinationId | null;
  readonly controlId: string | null;
  readonly format: PayloadFormat;
  /** null = the bytes that came in. Of ENRICHED: what the next stage starts from. */
  readonly processed: Uint8Array | null;
  /** Name of the rule that wanted nothing of it; null unless FILTERED. */
  readonly filterRule: string | null;
  readonly deadLetter: DeadLetterRow | null;
  readonly keys: readonly KeyRow[];
}

export interface DeadLetterRow {
  readonly stage: StageName;
  readonly fault: Fault;
  readonly faults: readonly Fault[];
  readonly attempts: number;
}

export interface KeyRow {
  readonly kind: 'PLACER' | 'FILLER' | 'MRN' | 'CONTROL';
  readonly hash: Buffer;
  readonly orderControl: string | null;
}

/** Stage, code, path and table value: what dead letters are grouped by. Never free text. */
export function signatureOf(stage: StageName, code: ErrorCode, path: string | null, value: string | null): string {
  return [stage, code, path ?? '', value ?? ''].join('|');
}

/** A message that goes on to another instance, in which chunk and to which stage. */
export interface HandOver {
  readonly messageId: MessageId;
  readonly claimId: string;
  readonly stage: PipelineStage;
  readonly fresh: boolean;
}

/**
 * Compare-and-set: only what still is in the stages, in this run and no further than this, changes, and only for that the
 * rest is written. A second go at a message (a claim that looked dead), or one from before its repair, changes nothing. Claims whose messages are all
 * done go with it, and what goes on to another instance is offered by it.
 */
export const WRITE_OUTCOMES: Statement = {
  name: 'stage_write_outcomes',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey of one partition each, message_payload_kept_pkey, dead_letter_pkey, message_key_pkey, stage_claim_pkey */
WITH given AS MATERIALIZED (
  SELECT g.message_id, g.run, g.status, g.destination_id, g.control_id, g.format, g.filter_rule, g.status IN ('VALIDATED', 'ENRICHED') AS goes_on,
         substring($8::bytea FROM g.start FOR g.length) AS processed
    FROM unnest($1::uuid[], $2::message_status[], $3::uuid[], $4::text[], $5::payload_format[], $6::integer[], $7::integer[], $26::text[], $31::smallint[])
         AS g(message_id, status, destination_id, control_id, format, start, length, filter_rule, run)
), changed AS (
  UPDATE message_tracking t
     SET status = g.status
    FROM given g
   WHERE t.message_id = g.message_id AND t.message_id = ANY($1::uuid[]) AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED') AND t.status < g.status AND t.run = g.run
  RETURNING t.message_id, t.interface_id, t.sequence_no, t.revision, t.run, t.received_at, g.goes_on,
            g.destination_id, g.control_id, g.format, g.filter_rule, g.processed
), ended AS (
  SELECT * FROM changed WHERE NOT goes_on
), enriched AS (
  SELECT * FROM changed WHERE goes_on AND processed IS NOT NULL
), payload AS (
  UPDATE message_payload p
     SET processed = c.processed, destination_id = c.destination_id, control_id = c.control_id, format = c.format, filter_rule = c.filter_rule,
         enriched = NULL, superseded = false
    FROM ended c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[]) AND p.message_id BETWEEN $24 AND $25
), kept AS (
  UPDATE message_payload_kept p
     SET processed = c.processed, destination_id = c.destination_id, control_id = c.control_id, format = c.format, filter_rule = c.filter_rule,
         enriched = NULL, superseded = false
    FROM ended c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[])
), payload_enriched AS (
  UPDATE message_payload p SET enriched = c.processed
    FROM enriched c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[]) AND p.message_id BETWEEN $24 AND $25
), kept_enriched AS (
  UPDATE message_payload_kept p SET enriched = c.processed
    FROM enriched c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[])
), handed AS (
  INSERT INTO stage_claim (claim_id, stage, fresh, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
  SELECT h.claim_id, h.stage, bool_or(h.fresh), array_agg(c.message_id ORDER BY h.ord), array_agg(c.interface_id ORDER BY h.ord),
         array_agg(c.sequence_no ORDER BY h.ord), array_agg(c.revision ORDER BY h.ord), array_agg(c.run ORDER BY h.ord), array_agg(c.received_at ORDER BY h.ord)
    FROM unnest($27::uuid[], $28::uuid[], $29::text[], $30::boolean[]) WITH ORDINALITY AS h(message_id, claim_id, stage, fresh, ord)
    JOIN changed c ON c.message_id = h.message_id
   GROUP BY h.claim_id, h.stage
), letter AS (
  INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, path, table_name, value, detail, faults, attempts)
  SELECT c.message_id, c.interface_id, c.sequence_no, d.stage, d.error_code, d.signature, d.path, d.table_name, d.value, d.detail, d.faults::jsonb, d.attempts
    FROM unnest($9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::integer[])
         AS d(message_id, stage, error_code, signature, path, table_name, value, detail, faults, attempts)
    JOIN changed c ON c.message_id = d.message_id
  ON CONFLICT (message_id) DO UPDATE
     SET stage = EXCLUDED.stage, error_code = EXCLUDED.error_code, signature = EXCLUDED.signature, path = EXCLUDED.path,
         table_name = EXCLUDED.table_name, value = EXCLUDED.value, detail = EXCLUDED.detail, faults = EXCLUDED.faults,
         attempts = EXCLUDED.attempts, destination_id = NULL, maybe_delivered = false, created_at = now(),
         resolved_at = NULL, resolution = NULL
), key AS (
  INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no, order_control)
  SELECT c.message_id, k.kind, substring($21::bytea FROM (k.ord::integer - 1) * 16 + 1 FOR 16), c.interface_id, c.sequence_no, k.order_control
    FROM unnest($19::uuid[], $20::key_kind[], $22::text[]) WITH ORDINALITY AS k(message_id, kind, order_control, ord)
    JOIN changed c ON c.message_id = k.message_id
  ON CONFLICT DO NOTHING
), claim AS (
  DELETE FROM stage_claim WHERE claim_id = ANY($23::uuid[]) AND instance = $32
)
SELECT message_id FROM changed`,
};

/** Bytes of a keyed hash (`messageKeyHasher`). */
const KEY_HASH_BYTES = 16;

/**
 * @param claims claims that are done with these rows.
 * @param handOvers one for each row that goes on to another instance.
 * @param rows no message twice: of two runs of one, after a repair, only one counts.
 * @returns the messages that changed. Everything is written or, when it throws, nothing.
 */
export async function writeOutcomes(
  queries: Queries,
  rows: readonly OutcomeRow[],
  claims: readonly string[],
  handOvers: readonly HandOver[],
  instance: InstanceId,
): Promise<Set<MessageId>> {
  // In id order, so that two writers of the same messages wait for each other and never both ways round.
  const ordered = rows.toSorted((a, b) => (a.message.messageId < b.message.messageId ? -1 : 1));
  const processed = packBytes(ordered.map((row) => row.processed));
  const letters = ordered.flatMap((row) =>
    row.deadLetter === null ? [] : [{ id: row.message.messageId, ...row.deadLetter }],
  );
  const keys = ordered.flatMap((row) => row.keys.map((key) => ({ id: row.message.messageId, ...key })));
  const changed = await queries.query<{ message_id: string }>(WRITE_OUTCOMES, [
    ordered.map((row) => row.message.messageId),
    ordered.map((row) => row.status),
    ordered.map((row) => row.destinationId),
    ordered.map((row) => row.controlId),
    ordered.map((row) => row.format),
    processed.starts,
    processed.lengths,
    processed.bytes,
    letters.map((each) => each.id),
    letters.map((each) => each.stage),
    letters.map((each) => each.fault.code),
    letters.map((each) => signatureOf(each.stage, each.fault.code, each.fault.path, each.fault.value)),
    letters.map((each) => each.fault.path),
    letters.map((each) => each.fault.table),
    letters.map((each) => each.fault.value),
    letters.map((each) => each.fault.detail),
    letters.map((each) => JSON.stringify(each.faults)),
    letters.map((each) => each.attempts),
    keys.map((each) => each.id),
    keys.map((each) => each.kind),
    Buffer.concat(keys.map((each) => each.hash.subarray(0, KEY_HASH_BYTES))),
    keys.map((each) => each.orderControl),
    claims,
    // From and to: what decides which partitions are looked at.
    ordered[0]?.message.messageId,
    ordered.at(-1)?.message.messageId,
    ordered.map((row) => row.filterRule),
    handOvers.map((each) => each.messageId),
    handOvers.map((each) => each.claimId),
    handOvers.map((each) => each.stage),
    handOvers.map((each) => each.fresh),
    ordered.map((row) => row.message.run),
    instance,
  ]);
  return new Set(changed.map((row) => messageId(row.message_id)));
}

/** After a repeat: what stands written for messages that did not change any more. */
export const READ_OUTCOMES: Statement = {
  name: 'stage_read_outcomes',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey, message_payload_kept_pkey */
SELECT t.message_id, t.run, t.status, coalesce(p.destination_id, k.destination_id) AS destination_id, coalesce(p.control_id, k.control_id) AS control_id
  FROM message_tracking t
  LEFT JOIN message_payload p ON p.message_id = t.message_id AND p.message_id = ANY($1::uuid[])
  LEFT JOIN message_payload_kept k ON k.message_id = t.message_id AND k.message_id = ANY($1::uuid[])
 WHERE t.message_id = ANY($1::uuid[])`,
};

/** Messages of `rows` whose outcome stands as we wrote it, with the same destination and control id. */
export async function readOwnOutcomes(queries: Queries, rows: readonly OutcomeRow[]): Promise<Set<MessageId>> {
  const found = await queries.query<{
    message_id: string;
    run: number;
    status: string;
    destination_id: string | null;
    control_id: string | null;
  }>(READ_OUTCOMES, [rows.map((row) => row.message.messageId)]);
  const byId = new Map(found.map((row) => [row.message_id, row]));
  return new Set(
    rows.flatMap(({ message, status, destinationId, controlId }) => {
      const stands = byId.get(message.messageId);
      const same =
        stands?.run === message.run &&
        stands.status === status &&
        stands.destination_id === destinationId &&
        stands.control_id === controlId;
      return same ? [message.messageId] : [];
    }),
  );
}
