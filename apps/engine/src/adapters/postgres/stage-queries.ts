/**
 * What the stages say to Postgres: one round trip for a batch of outcomes, one for a batch taken up again.
 */
import {
  type DestinationId,
  type ErrorCode,
  type Fault,
  type InstanceId,
  interfaceId,
  type MessageId,
  messageId,
  type PayloadFormat,
  type StageName,
  sequenceNo,
} from '@inorder/core';
import type { StagedMessage } from '../../stages/intake.ts';
import type { Queries, Statement } from './database.ts';
import { packBytes } from './packed-bytes.ts';

/** What the stages made of one message, as it is written. */
export interface OutcomeRow {
  readonly message: StagedMessage;
  readonly status: 'PROCESSED' | 'FAILED' | 'FILTERED';
  readonly destinationId: DestinationId | null;
  readonly controlId: string | null;
  readonly format: PayloadFormat;
  /** null = the bytes that came in. */
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

/**
 * Compare-and-set: only what still is in the stages changes, and only for that the rest is written. A second run of a
 * message (a claim that looked dead) therefore changes nothing. Claims whose messages are all done go with it.
 */
export const WRITE_OUTCOMES: Statement = {
  name: 'stage_write_outcomes',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey of one partition each, message_payload_kept_pkey, dead_letter_pkey, message_key_pkey, stage_claim_pkey */
WITH given AS MATERIALIZED (
  SELECT g.message_id, g.status, g.destination_id, g.control_id, g.format, g.filter_rule,
         substring($8::bytea FROM g.start FOR g.length) AS processed
    FROM unnest($1::uuid[], $2::message_status[], $3::uuid[], $4::text[], $5::payload_format[], $6::integer[], $7::integer[], $26::text[])
         AS g(message_id, status, destination_id, control_id, format, start, length, filter_rule)
), changed AS (
  UPDATE message_tracking t
     SET status = g.status
    FROM given g
   WHERE t.message_id = g.message_id AND t.message_id = ANY($1::uuid[]) AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED')
  RETURNING t.message_id, t.interface_id, t.sequence_no, g.destination_id, g.control_id, g.format, g.filter_rule, g.processed
), payload AS (
  UPDATE message_payload p
     SET processed = c.processed, destination_id = c.destination_id, control_id = c.control_id, format = c.format, filter_rule = c.filter_rule
    FROM changed c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[]) AND p.message_id BETWEEN $24 AND $25
), kept AS (
  UPDATE message_payload_kept p
     SET processed = c.processed, destination_id = c.destination_id, control_id = c.control_id, format = c.format, filter_rule = c.filter_rule
    FROM changed c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[])
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
  DELETE FROM stage_claim WHERE claim_id = ANY($23::uuid[])
)
SELECT message_id FROM changed`,
};

/** Bytes of a keyed hash (`messageKeyHasher`). */
const KEY_HASH_BYTES = 16;

/**
 * @param claims claims that are done with these rows.
 * @returns the messages that changed. Everything is written or, when it throws, nothing.
 */
export async function writeOutcomes(
  queries: Queries,
  rows: readonly OutcomeRow[],
  claims: readonly string[],
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
  ]);
  return new Set(changed.map((row) => messageId(row.message_id)));
}

/** After a repeat: what stands written for messages that did not change any more. */
export const READ_OUTCOMES: Statement = {
  name: 'stage_read_outcomes',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey, message_payload_kept_pkey */
SELECT t.message_id, t.status, coalesce(p.destination_id, k.destination_id) AS destination_id, coalesce(p.control_id, k.control_id) AS control_id
  FROM message_tracking t
  LEFT JOIN message_payload p ON p.message_id = t.message_id AND p.message_id = ANY($1::uuid[])
  LEFT JOIN message_payload_kept k ON k.message_id = t.message_id AND k.message_id = ANY($1::uuid[])
 WHERE t.message_id = ANY($1::uuid[])`,
};

/** Messages of `rows` whose outcome stands as we wrote it, with the same destination and control id. */
export async function readOwnOutcomes(queries: Queries, rows: readonly OutcomeRow[]): Promise<Set<MessageId>> {
  const found = await queries.query<{
    message_id: string;
    status: string;
    destination_id: string | null;
    control_id: string | null;
  }>(READ_OUTCOMES, [rows.map((row) => row.message.messageId)]);
  const byId = new Map(found.map((row) => [row.message_id, row]));
  return new Set(
    rows.flatMap(({ message, status, destinationId, controlId }) => {
      const stands = byId.get(message.messageId);
      const same =
        stands?.status === status && stands.destination_id === destinationId && stands.control_id === controlId;
      return same ? [message.messageId] : [];
    }),
  );
}

/**
 * Takes messages that are still in the stages: claims them and reads them in one go, as many as fit `$4` bytes (one at
 * least). `octet_length` reads no toasted value.
 */
export const TAKE_UP: Statement = {
  name: 'stage_take_up',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey of one partition each, message_payload_kept_pkey */
WITH open AS (
  SELECT t.message_id, t.interface_id, t.sequence_no, t.revision, t.received_at,
         coalesce(p.format, k.format) AS format, coalesce(p.raw, k.raw) AS raw,
         -- It has been through the stages before, so it may have been sent (G14).
         CASE WHEN coalesce(p.destination_id, k.destination_id) IS NOT NULL THEN coalesce(p.processed, k.processed, p.raw, k.raw) END AS sent,
         coalesce(p.control_id, k.control_id) AS sent_control_id,
         sum(octet_length(coalesce(p.raw, k.raw))) OVER (ORDER BY t.message_id) - octet_length(coalesce(p.raw, k.raw)) AS before
    FROM message_tracking t
    LEFT JOIN message_payload p ON p.message_id = t.message_id AND p.message_id = ANY($1::uuid[])
    LEFT JOIN message_payload_kept k ON k.message_id = t.message_id AND k.message_id = ANY($1::uuid[])
   WHERE t.message_id = ANY($1::uuid[])
     AND ($5 OR t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED'))
), taken AS MATERIALIZED (
  SELECT * FROM open WHERE before < $4
), claim AS (
  INSERT INTO stage_claim (claim_id, instance, message_ids)
  SELECT $2::uuid, $3, array_agg(message_id ORDER BY message_id) FROM taken WHERE NOT $5 HAVING count(*) > 0
)
SELECT message_id, interface_id, sequence_no, revision, format, raw, sent, sent_control_id, (extract(epoch FROM received_at) * 1000)::float8 AS received_at
  FROM taken
 ORDER BY message_id`,
};

interface TakeUpRow {
  readonly message_id: string;
  readonly interface_id: string;
  readonly sequence_no: string;
  readonly revision: number;
  readonly format: PayloadFormat;
  readonly raw: Buffer;
  readonly sent: Buffer | null;
  readonly sent_control_id: string | null;
  readonly received_at: number;
}

/** Claims and reads messages that are still in the stages. Those not returned have left them, or did not fit. */
export async function takeUp(
  queries: Queries,
  ids: readonly MessageId[],
  claimId: string,
  instance: InstanceId,
  bytesMax: number,
): Promise<StagedMessage[]> {
  return staged(await queries.query<TakeUpRow>(TAKE_UP, [ids, claimId, instance, bytesMax, false]));
}

/** Reads messages whatever their status, without a claim: for a run that touches no tracking row. */
export async function readStaged(
  queries: Queries,
  ids: readonly MessageId[],
  bytesMax: number,
): Promise<StagedMessage[]> {
  return staged(await queries.query<TakeUpRow>(TAKE_UP, [ids, null, null, bytesMax, true]));
}

function staged(rows: readonly TakeUpRow[]): StagedMessage[] {
  return rows.map((row) => ({
    messageId: messageId(row.message_id),
    interfaceId: interfaceId(row.interface_id),
    sequenceNo: sequenceNo(row.sequence_no),
    revision: row.revision,
    format: row.format,
    raw: row.raw,
    receivedAt: row.received_at,
    before:
      row.sent === null || row.sent_control_id === null ? null : { payload: row.sent, controlId: row.sent_control_id },
  }));
}

/** A claim whose messages take long for a reason we know: others leave it alone for another `stageStuckMs`. */
export const TOUCH_CLAIMS: Statement = {
  name: 'stage_touch_claims',
  text: '/* stage_claim_pkey */ UPDATE stage_claim SET claimed_at = now() WHERE claim_id = ANY($1::uuid[])',
};

/** Gives messages back: they are taken up by whoever looks next. */
export const RELEASE_CLAIMS: Statement = {
  name: 'stage_release_claims',
  text: '/* stage_claim_pkey */ DELETE FROM stage_claim WHERE claim_id = ANY($1::uuid[])',
};
