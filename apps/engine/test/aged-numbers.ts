/** Interfaces whose numbers were taken in and settled long ago: rows written as ingest and lanes would have. Synthetic only. */
import { type InterfaceId, interfaceId, type MessageStatus, shardOf } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type pg from 'pg';

const DAY_MS = 86_400_000;

/** One number; they are given 1, 2, 3 … in the order of the list. */
export interface AgedNumber {
  readonly status: MessageStatus;
  /** Days since it was taken in, and settled where it is. */
  readonly days: number;
  /** Days since its dead letter was resolved; absent: a FAILED number has an open one. */
  readonly resolvedDays?: number;
}

export interface AgedLane {
  readonly id: InterfaceId;
  readonly code: string;
  /** Of number n at n − 1. */
  readonly messageIds: readonly string[];
}

export interface AgedLaneOptions {
  /** Settled up to here; default: all that have an end. */
  readonly checkpoint?: number;
  /** Make the partitions of the payloads' days; without, payloads go to the default one. Default true. */
  readonly partitions?: boolean;
}

let made = 0;

/** Each number gets a payload, one attempt, two keys, and where it is FAILED a dead letter. */
export async function agedLane(
  pool: pg.Pool,
  numbers: readonly AgedNumber[],
  options: AgedLaneOptions = {},
): Promise<AgedLane> {
  const id = interfaceId(uuidv7());
  made += 1;
  const code = `AGED-${made}`;
  const ends = ['DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'];
  const firstOpen = numbers.findIndex((n) => !ends.includes(n.status));
  const checkpoint = options.checkpoint ?? (firstOpen < 0 ? numbers.length : firstOpen);
  const nowMs = Date.now();
  const messageIds = numbers.map((n, i) => uuidAt(nowMs - n.days * DAY_MS + i));
  await pool.query('INSERT INTO interface (interface_id, code, name, shard) VALUES ($1, $2, $2, $3)', [
    id,
    code,
    shardOf(id),
  ]);
  await pool.query('INSERT INTO interface_sequence (interface_id, last_sequence_no) VALUES ($1, $2)', [
    id,
    numbers.length,
  ]);
  await pool.query(
    'INSERT INTO message_delivery_checkpoint (interface_id, shard, last_delivered_sequence) VALUES ($1, $2, $3)',
    [id, shardOf(id), checkpoint],
  );
  if (options.partitions !== false) {
    const days = new Set(numbers.map((n, i) => new Date(nowMs - n.days * DAY_MS + i).toISOString().slice(0, 10)));
    for (const day of days) await pool.query('SELECT parts.ensure_payload_partitions($1::date, 1)', [day]);
  }
  await pool.query(ROWS, [
    id,
    messageIds,
    numbers.map((n) => n.status),
    numbers.map((n) => n.days),
    numbers.map((n) => n.resolvedDays ?? null),
    checkpoint,
  ]);
  return { id, code, messageIds };
}

const ROWS = `
WITH n AS (
  SELECT u.*, now() - u.days * interval '1 day' AS at
    FROM unnest($2::uuid[], $3::message_status[], $4::float8[], $5::float8[]) WITH ORDINALITY AS u(id, status, days, resolved_days, seq)
), t AS (
  INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, received_at, settled_at)
  SELECT id, $1, seq, status, 1, at, CASE WHEN seq <= $6 THEN at END FROM n
), p AS (
  INSERT INTO message_payload (message_id, format, raw, destination_id, control_id)
  SELECT id, 'HL7V2', convert_to('MSH|' || seq, 'UTF8'), CASE WHEN status = 'PROCESSED' THEN $1 END, 'C' || seq FROM n
), k AS (
  INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no)
  SELECT id, kind, sha256(convert_to(id::text, 'UTF8')), $1, seq FROM n, unnest(ARRAY['PLACER', 'CONTROL']::key_kind[]) kind
), a AS (
  INSERT INTO delivery_attempt (attempt_id, interface_id, sequence_no, message_id, attempt_no, kind, outcome, epoch, instance, ended_at, duration_ms)
  SELECT id, $1, seq, id, 1, 'FIRST', 'ACKED', 1, 'engine-a', at, 4 FROM n
)
INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts, created_at, resolved_at, resolution)
SELECT id, $1, seq, 'ENRICH', 'ENRICH_CODE_UNKNOWN', 'ENRICH|ENRICH_CODE_UNKNOWN||', 'not known', 1, at,
       now() - resolved_days * interval '1 day', CASE WHEN resolved_days IS NOT NULL THEN 'REPLAYED' END
  FROM n WHERE status = 'FAILED'`;

/** As `uuidv7`, for an instant in the past. */
function uuidAt(ms: number): string {
  const hex = Math.round(ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}${uuidv7().slice(13)}`;
}

/** `count` numbers alike. */
export function many(count: number, number: AgedNumber): AgedNumber[] {
  return Array.from({ length: count }, () => number);
}
