/** What a new owner reads, once per takeover and once per stuck head (never per message). */
import {
  destinationId,
  type ErrorCode,
  type HeadTries,
  type HoldReason,
  type InterfaceId,
  interfaceId,
  isErrorCode,
  type MessageId,
  type MessageStatus,
  messageId,
  type Outcome,
  type PayloadFormat,
  type SequenceNo,
  type SettledStatus,
  type Shard,
  sequenceNo,
  shard,
} from '@inorder/core';
import type { Queries, Statement } from './database.ts';

/** Index: message_delivery_checkpoint_shard_idx, interface_sequence_pkey, interface_pkey. */
const LANES_OF_SHARDS: Statement = {
  name: 'lanes_of_shards',
  text: `
SELECT c.interface_id, c.shard, c.last_delivered_sequence, c.granted_sequence, c.failed_run, c.failed_run_code, c.held_for,
       extract(epoch FROM c.paused_at) * 1000 AS paused_ms, c.paused_by, s.last_sequence_no, s.revision, i.enabled
  FROM message_delivery_checkpoint c JOIN interface_sequence s USING (interface_id) JOIN interface i USING (interface_id)
 WHERE c.shard = ANY($1::smallint[])`,
};

/** Index: message_delivery_checkpoint_pkey. One lane read again after a settlement that did not fit. */
const LANES_BY_ID: Statement = {
  name: 'lanes_by_id',
  text: LANES_OF_SHARDS.text.replace('WHERE c.shard = ANY($1::smallint[])', 'WHERE c.interface_id = ANY($1::uuid[])'),
};

export interface LaneRow {
  readonly interfaceId: InterfaceId;
  readonly shard: Shard;
  readonly checkpoint: SequenceNo;
  readonly granted: SequenceNo;
  readonly failedRun: number;
  readonly failedRunCode: ErrorCode | null;
  readonly heldFor: HoldReason | null;
  readonly paused: { readonly by: string; readonly sinceAt: number } | null;
  readonly highWater: SequenceNo;
  readonly revision: number;
  readonly enabled: boolean;
}

interface LaneWireRow {
  interface_id: string;
  shard: number;
  last_delivered_sequence: string;
  granted_sequence: string;
  failed_run: number;
  failed_run_code: string | null;
  held_for: HoldReason | null;
  paused_ms: string | null;
  paused_by: string | null;
  last_sequence_no: string;
  revision: number;
  enabled: boolean;
}

export async function readLanes(
  queries: Queries,
  of: { shards: readonly Shard[] } | { ids: readonly InterfaceId[] },
): Promise<LaneRow[]> {
  const rows =
    'shards' in of
      ? await queries.query<LaneWireRow>(LANES_OF_SHARDS, [of.shards])
      : await queries.query<LaneWireRow>(LANES_BY_ID, [of.ids]);
  return rows.map((r) => ({
    interfaceId: interfaceId(r.interface_id),
    shard: shard(r.shard),
    checkpoint: sequenceNo(r.last_delivered_sequence),
    granted: sequenceNo(r.granted_sequence),
    failedRun: r.failed_run,
    failedRunCode: r.failed_run_code !== null && isErrorCode(r.failed_run_code) ? r.failed_run_code : null,
    heldFor: r.held_for,
    paused: r.paused_ms === null ? null : { by: r.paused_by ?? 'unknown', sinceAt: Math.round(Number(r.paused_ms)) },
    highWater: sequenceNo(r.last_sequence_no),
    revision: r.revision,
    enabled: r.enabled,
  }));
}

/**
 * The batch check: the numbers after `after` of many lanes, a page each. Index:
 * message_tracking_interface_id_sequence_no_key, dead_letter_pkey, primary keys of both payload tables, message_key_pkey.
 */
const OPEN_NUMBERS: Statement = {
  name: 'open_numbers',
  text: `
SELECT t.interface_id, t.sequence_no, t.message_id, t.status, extract(epoch FROM t.received_at) * 1000 AS received_ms,
       d.error_code, coalesce(p.destination_id, h.destination_id) AS destination_id, coalesce(p.control_id, h.control_id) AS control_id,
       coalesce(p.format, h.format) AS format,
       CASE WHEN $4 THEN (SELECT array_agg(encode(k.key_hash, 'hex')) FROM message_key k WHERE k.message_id = t.message_id AND k.kind = 'PLACER') END AS placer_keys
  FROM unnest($1::uuid[], $2::bigint[]) AS l(interface_id, after)
 CROSS JOIN LATERAL (SELECT * FROM message_tracking t WHERE t.interface_id = l.interface_id AND t.sequence_no > l.after ORDER BY t.sequence_no LIMIT $3) t
  LEFT JOIN dead_letter d ON d.message_id = t.message_id AND t.status = 'FAILED'
  LEFT JOIN message_payload p ON p.message_id = t.message_id AND t.status = 'PROCESSED'
  LEFT JOIN message_payload_kept h ON h.message_id = t.message_id AND t.status = 'PROCESSED'`,
};

export interface OpenNumber {
  readonly interfaceId: InterfaceId;
  readonly sequenceNo: SequenceNo;
  readonly messageId: MessageId;
  readonly status: MessageStatus;
  readonly receivedAt: number;
  /** undefined while it is in the stages. */
  readonly outcome: Outcome | undefined;
}

interface OpenWireRow {
  interface_id: string;
  sequence_no: string;
  message_id: string;
  status: MessageStatus;
  received_ms: string;
  error_code: string | null;
  destination_id: string | null;
  control_id: string | null;
  format: PayloadFormat | null;
  placer_keys: string[] | null;
}

/** In order per lane. `withKeys`: also the placer keys, for onFailure passWithOrder. */
export async function readOpenNumbers(
  queries: Queries,
  lanes: readonly { readonly interfaceId: InterfaceId; readonly after: SequenceNo }[],
  pageSize: number,
  withKeys: boolean,
): Promise<OpenNumber[]> {
  if (lanes.length === 0) return [];
  const rows = await queries.query<OpenWireRow>(OPEN_NUMBERS, [
    lanes.map((l) => l.interfaceId),
    lanes.map((l) => l.after),
    pageSize,
    withKeys,
  ]);
  return rows
    .map((r) => ({
      interfaceId: interfaceId(r.interface_id),
      sequenceNo: sequenceNo(r.sequence_no),
      messageId: messageId(r.message_id),
      status: r.status,
      receivedAt: Math.round(Number(r.received_ms)),
      outcome: outcomeOf(r),
    }))
    .sort((a, b) =>
      a.interfaceId === b.interfaceId ? a.sequenceNo - b.sequenceNo : a.interfaceId < b.interfaceId ? -1 : 1,
    );
}

function outcomeOf(r: OpenWireRow): Outcome | undefined {
  const placerKeys = r.placer_keys ?? [];
  switch (r.status) {
    case 'RECEIVED':
    case 'VALIDATED':
    case 'ENRICHED':
      return undefined;
    case 'PROCESSED':
      // Without its payload row (removed by retention out of turn) there is nothing to send: the watchdog reports it.
      if (r.destination_id === null || r.format === null) return undefined;
      return {
        status: 'PROCESSED',
        order: {
          messageId: messageId(r.message_id),
          destinationId: destinationId(r.destination_id),
          controlId: r.control_id ?? '',
          format: r.format,
          placerKeys,
        },
      };
    case 'DELIVERED':
    case 'FAILED':
    case 'SKIPPED':
    case 'FILTERED': {
      const status: SettledStatus = r.status;
      const code = r.error_code !== null && isErrorCode(r.error_code) ? r.error_code : null;
      return { status, messageId: messageId(r.message_id), recordedAs: r.status, code, deadLetter: null, placerKeys };
    }
  }
}

/**
 * Index: delivery_attempt_interface_id_sequence_no_idx. What was tried with heads before this owner. A repaired head
 * starts over, but a copy that may be at the destination stays one that may be there (G8).
 */
const HEAD_TRIES: Statement = {
  name: 'head_tries',
  text: `
SELECT a.interface_id, max(a.attempt_no) AS attempts, count(*) FILTER (WHERE a.outcome = 'NACKED' AND f.fresh) AS counted,
       count(*) FILTER (WHERE a.outcome = 'UNKNOWN' AND f.fresh) AS unknowns, bool_or(a.outcome = 'UNKNOWN') AS maybe_sent,
       extract(epoch FROM min(a.ended_at) FILTER (WHERE a.outcome = 'UNKNOWN' AND f.fresh)) * 1000 AS first_unknown_ms
  FROM unnest($1::uuid[], $2::bigint[]) AS h(interface_id, sequence_no)
  JOIN delivery_attempt a ON a.interface_id = h.interface_id AND a.sequence_no = h.sequence_no AND a.kind <> 'REPLAY'
  LEFT JOIN dead_letter d ON d.message_id = a.message_id
 CROSS JOIN LATERAL (SELECT a.ended_at > coalesce(d.resolved_at, '-infinity') AS fresh) f
 GROUP BY a.interface_id`,
};

export async function readHeadTries(
  queries: Queries,
  heads: readonly { readonly interfaceId: InterfaceId; readonly sequenceNo: SequenceNo }[],
): Promise<Map<InterfaceId, HeadTries>> {
  if (heads.length === 0) return new Map();
  const rows = await queries.query<{
    interface_id: string;
    attempts: number;
    counted: string;
    unknowns: string;
    maybe_sent: boolean;
    first_unknown_ms: string | null;
  }>(HEAD_TRIES, [heads.map((h) => h.interfaceId), heads.map((h) => h.sequenceNo)]);
  return new Map(
    rows.map((r) => [
      interfaceId(r.interface_id),
      {
        attempts: r.attempts,
        counted: Number(r.counted),
        unknowns: Number(r.unknowns),
        firstUnknownAt: r.first_unknown_ms === null ? null : Math.round(Number(r.first_unknown_ms)),
        maybeSent: r.maybe_sent,
        endpointNoted: null,
      },
    ]),
  );
}

/** Index: dead_letter_interface_id_sequence_no_idx, message_key_pkey. For onFailure passWithOrder after a takeover. */
const FAILED_ORDERS: Statement = {
  name: 'failed_orders',
  text: `
SELECT d.interface_id, encode(k.key_hash, 'hex') AS key, min(d.sequence_no) AS sequence_no
  FROM dead_letter d JOIN message_key k ON k.message_id = d.message_id AND k.kind = 'PLACER'
 WHERE d.interface_id = ANY($1::uuid[]) AND d.resolved_at IS NULL
 GROUP BY d.interface_id, k.key_hash`,
};

export async function readFailedOrders(
  queries: Queries,
  ids: readonly InterfaceId[],
): Promise<Map<InterfaceId, Map<string, SequenceNo>>> {
  const found = new Map<InterfaceId, Map<string, SequenceNo>>();
  if (ids.length === 0) return found;
  const rows = await queries.query<{ interface_id: string; key: string; sequence_no: string }>(FAILED_ORDERS, [ids]);
  for (const r of rows) {
    const id = interfaceId(r.interface_id);
    const orders = found.get(id) ?? new Map<string, SequenceNo>();
    orders.set(r.key, sequenceNo(r.sequence_no));
    found.set(id, orders);
  }
  return found;
}

/** What the stages made of a message and where to it goes. */
export interface OutboundPayload {
  readonly bytes: Uint8Array;
  readonly destinationId: string | null;
  readonly controlId: string | null;
}

/** The bytes to send, by primary key. The only payload read of delivery, batched; kept ones are looked for as well. */
const PAYLOADS: Statement = {
  name: 'outbound_payloads',
  text: `
SELECT message_id, coalesce(processed, raw) AS payload, destination_id, control_id FROM message_payload WHERE message_id = ANY($1::uuid[]) AND NOT superseded
UNION ALL
SELECT message_id, coalesce(processed, raw) AS payload, destination_id, control_id FROM message_payload_kept WHERE message_id = ANY($1::uuid[]) AND NOT superseded`,
};

export async function readPayloads(
  queries: Queries,
  ids: readonly MessageId[],
): Promise<Map<MessageId, OutboundPayload>> {
  const rows = await queries.query<{
    message_id: string;
    payload: Buffer;
    destination_id: string | null;
    control_id: string | null;
  }>(PAYLOADS, [ids]);
  return new Map(
    rows.map((r) => [
      messageId(r.message_id),
      { bytes: r.payload, destinationId: r.destination_id, controlId: r.control_id },
    ]),
  );
}

/**
 * Lanes with open numbers: 11 ms for 25,000 interfaces, read by the watchdog alone. Index:
 * message_delivery_checkpoint_shard_idx, interface_sequence_pkey.
 */
const OPEN_LANES: Statement = {
  name: 'open_lanes',
  text: `
SELECT s.interface_id, s.last_sequence_no
  FROM interface_sequence s JOIN message_delivery_checkpoint c USING (interface_id)
 WHERE s.last_sequence_no > c.last_delivered_sequence AND c.shard = ANY($1::smallint[])`,
};

export async function readOpenLanes(
  queries: Queries,
  shards: readonly Shard[],
): Promise<{ interfaceId: InterfaceId; highWater: SequenceNo }[]> {
  const rows = await queries.query<{ interface_id: string; last_sequence_no: string }>(OPEN_LANES, [shards]);
  return rows.map((r) => ({ interfaceId: interfaceId(r.interface_id), highWater: sequenceNo(r.last_sequence_no) }));
}
