/** Late replays: their own row, an attempt; the settled end and the checkpoint stay as they are (G14). */
import {
  type DestinationId,
  destinationId,
  type InterfaceId,
  interfaceId,
  messageId,
  type PayloadFormat,
  type ReplayOrder,
  sequenceNo,
} from '@inorder/core';
import type { Queries, Statement } from './database.ts';
import { plain } from './settle-queries.ts';

/** Index: replay_state_idx. Few rows: replays that have not ended. */
const PENDING_REPLAYS: Statement = {
  name: 'pending_replays',
  text: `
SELECT r.replay_id, r.interface_id, r.sequence_no, r.message_id, r.attempts, coalesce((c.argument ->> 'holdLane')::boolean, false) AS hold_lane
  FROM replay r JOIN lane_command c USING (command_id)
 WHERE r.state IN ('PENDING', 'RUNNING') AND r.interface_id = ANY($1::uuid[])`,
};

export async function readPendingReplays(
  queries: Queries,
  ids: readonly InterfaceId[],
): Promise<Map<InterfaceId, ReplayOrder[]>> {
  const found = new Map<InterfaceId, ReplayOrder[]>();
  if (ids.length === 0) return found;
  const rows = await queries.query<{
    replay_id: string;
    interface_id: string;
    sequence_no: string;
    message_id: string;
    attempts: number;
    hold_lane: boolean;
  }>(PENDING_REPLAYS, [ids]);
  for (const r of rows) {
    const id = interfaceId(r.interface_id);
    const list = found.get(id) ?? [];
    list.push({
      replayId: r.replay_id,
      sequenceNo: sequenceNo(r.sequence_no),
      messageId: messageId(r.message_id),
      attempts: r.attempts,
      notBeforeAt: 0,
      holdLane: r.hold_lane,
    });
    found.set(id, list);
  }
  return found;
}

/** Index: message_payload's primary key, message_tracking_pkey, delivery_attempt_interface_id_sequence_no_idx. */
const REPLAY_INPUT: Statement = {
  name: 'replay_input',
  text: `
SELECT p.format, p.raw, coalesce(p.processed, p.raw) AS sent, p.control_id, p.destination_id, s.revision, r.processed AS staged, r.control_id AS staged_control_id,
       r.destination_id AS staged_destination_id,
       EXISTS (SELECT 1 FROM delivery_attempt a WHERE a.interface_id = t.interface_id AND a.sequence_no = t.sequence_no AND a.outcome <> 'ENDPOINT_FAILED') AS was_sent,
       (SELECT coalesce(max(a.attempt_no), 0) FROM delivery_attempt a WHERE a.interface_id = t.interface_id AND a.sequence_no = t.sequence_no) AS attempts_before
  FROM replay r JOIN message_tracking t ON t.message_id = r.message_id
  JOIN interface_sequence s ON s.interface_id = t.interface_id
  JOIN (SELECT * FROM message_payload UNION ALL SELECT * FROM message_payload_kept) p ON p.message_id = t.message_id
 WHERE r.replay_id = $1`,
};

export interface ReplayInput {
  readonly format: PayloadFormat;
  readonly raw: Uint8Array;
  /** What was or would have been sent. */
  readonly sent: Uint8Array;
  readonly controlId: string | null;
  /** The interface's revision now: a replay runs the stages of today. */
  readonly revision: number;
  /** Of an earlier try of this replay. */
  readonly staged: {
    readonly payload: Uint8Array;
    readonly controlId: string;
    readonly destinationId: DestinationId;
  } | null;
  readonly wasSent: boolean;
  readonly attemptsBefore: number;
}

export async function readReplayInput(queries: Queries, replayId: string): Promise<ReplayInput | undefined> {
  const [r] = await queries.query<{
    format: PayloadFormat;
    raw: Buffer;
    sent: Buffer;
    control_id: string | null;
    revision: number;
    staged: Buffer | null;
    staged_control_id: string | null;
    staged_destination_id: string | null;
    was_sent: boolean;
    attempts_before: number;
  }>(REPLAY_INPUT, [replayId]);
  if (r === undefined) return undefined;
  const { staged, staged_control_id: stagedId, staged_destination_id: stagedTo } = r;
  return {
    format: r.format,
    raw: r.raw,
    sent: r.sent,
    controlId: r.control_id,
    revision: r.revision,
    staged:
      staged === null || stagedId === null || stagedTo === null
        ? null
        : { payload: staged, controlId: stagedId, destinationId: destinationId(stagedTo) },
    wasSent: r.was_sent,
    attemptsBefore: r.attempts_before,
  };
}

/** Keeps what the stages made of it, so that every try sends the same bytes. Whoever comes first says which. Index: replay_pkey. */
const STAGED: Statement = {
  name: 'replay_staged',
  text: `
UPDATE replay SET state = 'RUNNING', processed = $2, control_id = $3, destination_id = $4
 WHERE replay_id = $1 AND state IN ('PENDING', 'RUNNING') AND processed IS NULL
RETURNING replay_id`,
};

/** false: it was staged before or has ended; read it again. */
export async function keepStaged(
  queries: Queries,
  replayId: string,
  staged: NonNullable<ReplayInput['staged']>,
): Promise<boolean> {
  const rows = await queries.query(STAGED, [replayId, staged.payload, staged.controlId, staged.destinationId]);
  return rows.length === 1;
}

/** Fenced like a settlement. Index: replay_pkey, dead_letter_pkey. */
const RECORD: Statement = {
  name: 'replay_record',
  text: `
WITH own AS MATERIALIZED (
  SELECT shard, epoch FROM shard_lease WHERE shard = $1 AND epoch = $2 AND owner = $3 FOR SHARE
), done AS (
  UPDATE replay r SET state = $5::replay_state, attempts = r.attempts + 1, error_code = $6, detail = $7,
                      done_at = CASE WHEN $5 IN ('DELIVERED', 'FAILED') THEN now() END
    FROM own WHERE r.replay_id = $4
  RETURNING r.interface_id, r.sequence_no, r.message_id, r.control_id, r.destination_id
), attempted AS (
  INSERT INTO delivery_attempt (attempt_id, interface_id, sequence_no, message_id, attempt_no, kind, outcome, epoch, instance, destination_id,
                                error_code, ack_code, detail, control_id, request, response, duration_ms)
  SELECT $8, d.interface_id, d.sequence_no, d.message_id, $9, 'REPLAY', $10::attempt_outcome, own.epoch, $3, d.destination_id, $6, $11, $7, d.control_id, $12, $13, $14
    FROM done d, own WHERE $10 IS NOT NULL
  ON CONFLICT (attempt_id) DO NOTHING
), resolved AS (
  UPDATE dead_letter l SET resolved_at = now(), resolution = 'REPLAYED' FROM done d WHERE $5 = 'DELIVERED' AND l.message_id = d.message_id AND l.resolved_at IS NULL
)
SELECT count(*)::int AS owned FROM own`,
};

export interface ReplayRecord {
  readonly shard: number;
  readonly epoch: number;
  readonly owner: string;
  readonly replayId: string;
  readonly state: 'RUNNING' | 'DELIVERED' | 'FAILED';
  readonly code: string | null;
  readonly detail: string | null;
  /** null: nothing was sent. */
  readonly attempt: {
    readonly attemptId: string;
    readonly attemptNo: number;
    readonly outcome: string;
    readonly ackCode: string | null;
    readonly request: Uint8Array;
    readonly response: Uint8Array | null;
    readonly durationMs: number;
  } | null;
}

/** May be repeated after a COMMIT whose answer was lost. false: the shard is no longer ours and nothing was written. */
export async function recordReplay(queries: Queries, r: ReplayRecord): Promise<boolean> {
  const a = r.attempt;
  const [row] = await queries.query<{ owned: number }>(RECORD, [
    r.shard,
    r.epoch,
    r.owner,
    r.replayId,
    r.state,
    r.code,
    plain(r.detail),
    a?.attemptId ?? null,
    a?.attemptNo ?? null,
    a?.outcome ?? null,
    plain(a?.ackCode ?? null),
    a?.request ?? null,
    a?.response ?? null,
    a?.durationMs ?? null,
  ]);
  return row?.owned === 1;
}
