/** Lane commands as their owner carries them out: effect and DONE in one fenced transaction (G13). */
import {
  type CommandId,
  type CommandKind,
  commandId,
  type DestinationId,
  destinationId,
  type InterfaceId,
  interfaceId,
  type MessageId,
  messageId,
  type RefusalCode,
  type SequenceNo,
  sequenceNo,
  UNKNOWN_RESOLUTIONS,
  type UnknownResolution,
} from '@inorder/core';
import type { Queries, Statement } from './database.ts';

/** Index: lane_command_status_requested_at_idx. In the order they were asked for. */
const PENDING: Statement = {
  name: 'commands_pending',
  text: `
SELECT l.command_id, l.interface_id, i.code, l.kind, l.from_sequence_no, l.to_sequence_no, l.argument, l.plan_hash, l.reason, l.actor,
       l.requested_at < now() - $1 * interval '1 millisecond' AS expired
  FROM lane_command l JOIN interface i USING (interface_id)
 WHERE l.status IN ('PENDING', 'RUNNING')
 ORDER BY l.requested_at, l.command_id LIMIT 1000`,
};

export interface CommandRow {
  readonly commandId: CommandId;
  readonly interfaceId: InterfaceId;
  readonly code: string;
  readonly kind: CommandKind;
  readonly from: SequenceNo | null;
  readonly to: SequenceNo | null;
  readonly resolution: UnknownResolution | null;
  readonly holdLane: boolean;
  readonly planHash: string | null;
  readonly reason: string;
  readonly actor: string;
  readonly expired: boolean;
}

export async function readPendingCommands(queries: Queries, expiryMs: number): Promise<CommandRow[]> {
  const rows = await queries.query<{
    command_id: string;
    interface_id: string;
    code: string;
    kind: CommandKind;
    from_sequence_no: string | null;
    to_sequence_no: string | null;
    argument: { resolution?: string | null; holdLane?: boolean } | null;
    plan_hash: string | null;
    reason: string;
    actor: string;
    expired: boolean;
  }>(PENDING, [expiryMs]);
  return rows.map((r) => ({
    commandId: commandId(r.command_id),
    interfaceId: interfaceId(r.interface_id),
    code: r.code,
    kind: r.kind,
    from: r.from_sequence_no === null ? null : sequenceNo(r.from_sequence_no),
    to: r.to_sequence_no === null ? null : sequenceNo(r.to_sequence_no),
    resolution: UNKNOWN_RESOLUTIONS.find((u) => u === r.argument?.resolution) ?? null,
    holdLane: r.argument?.holdLane === true,
    planHash: r.plan_hash,
    reason: r.reason,
    actor: r.actor,
    expired: r.expired,
  }));
}

const FENCE: Statement = {
  name: 'command_fence',
  text: 'SELECT shard FROM shard_lease WHERE shard = $1 AND epoch = $2 AND owner = $3 FOR SHARE',
};

/** Holds the lease row until the transaction ends. false: the shard is somebody else's. */
export async function fence(tx: Queries, shard: number, epoch: number, owner: string): Promise<boolean> {
  return (await tx.query(FENCE, [shard, epoch, owner])).length === 1;
}

/** Index: lane_command_pkey. */
const LOCK: Statement = {
  name: 'command_lock',
  text: 'SELECT status FROM lane_command WHERE command_id = $1 FOR UPDATE',
};

/** Holds the command until the transaction ends, so that it has one effect and one end. undefined = there is none. */
export async function lockCommand(tx: Queries, id: CommandId): Promise<string | undefined> {
  const [row] = await tx.query<{ status: string }>(LOCK, [id]);
  return row?.status;
}

/** Index: lane_command_pkey. Nothing is written twice: a command that has ended stays as it is. */
const END: Statement = {
  name: 'command_end',
  text: `
UPDATE lane_command SET status = $2::command_status, refusal_code = $3, result = $4::jsonb, done_at = now()
 WHERE command_id = $1 AND status IN ('PENDING', 'RUNNING')`,
};

export async function endCommand(
  queries: Queries,
  id: CommandId,
  end:
    | { readonly status: 'DONE' | 'EXPIRED'; readonly result: unknown }
    | { readonly status: 'REFUSED'; readonly code: RefusalCode; readonly result: unknown },
): Promise<void> {
  await queries.query(END, [
    id,
    end.status,
    end.status === 'REFUSED' ? end.code : null,
    JSON.stringify(end.result ?? null),
  ]);
}

/** Index: message_tracking_interface_id_sequence_no_key, dead_letter_pkey. Numbers above the checkpoint alone. */
const SKIP: Statement = {
  name: 'command_skip',
  text: `
WITH skipped AS (
  UPDATE message_tracking t SET status = 'SKIPPED'
    FROM message_delivery_checkpoint c
   WHERE c.interface_id = $1 AND t.interface_id = $1 AND t.sequence_no = ANY($2::bigint[])
     AND t.sequence_no > c.last_delivered_sequence AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED', 'PROCESSED', 'FAILED')
  RETURNING t.sequence_no, t.message_id
), payload AS (
  -- Whoever is still told that it is ready finds nothing to send.
  UPDATE message_payload p SET superseded = true FROM skipped s WHERE p.message_id = s.message_id
), kept AS (
  UPDATE message_payload_kept p SET superseded = true FROM skipped s WHERE p.message_id = s.message_id
), resolved AS (
  UPDATE dead_letter d SET resolved_at = now(), resolution = 'SKIPPED' FROM skipped s WHERE d.message_id = s.message_id AND d.resolved_at IS NULL
), released AS (
  UPDATE message_delivery_checkpoint c SET held_for = NULL
   WHERE c.interface_id = $1 AND c.held_for <> 'RESTORED' AND EXISTS (SELECT 1 FROM skipped s WHERE s.sequence_no = c.last_delivered_sequence + 1)
)
SELECT sequence_no, message_id FROM skipped`,
};

export interface TouchedNumber {
  readonly sequenceNo: SequenceNo;
  readonly messageId: MessageId;
}

async function touched(tx: Queries, statement: Statement, values: readonly unknown[]): Promise<TouchedNumber[]> {
  const rows = await tx.query<{ sequence_no: string; message_id: string }>(statement, values);
  return rows.map((r) => ({ sequenceNo: sequenceNo(r.sequence_no), messageId: messageId(r.message_id) }));
}

export function skipNumbers(tx: Queries, id: InterfaceId, numbers: readonly SequenceNo[]): Promise<TouchedNumber[]> {
  return touched(tx, SKIP, [id, numbers]);
}

/**
 * Index as SKIP, message_payload_pkey. Back to RECEIVED, under the revision of today, for another run through the stages:
 * nothing that a former one made or still makes is taken for its outcome (G14).
 */
const REPAIR: Statement = {
  name: 'command_repair',
  text: `
WITH repaired AS (
  UPDATE message_tracking t SET status = 'RECEIVED', settled_at = NULL, revision = s.revision, run = t.run % 32767 + 1
    FROM message_delivery_checkpoint c JOIN interface_sequence s USING (interface_id)
   WHERE c.interface_id = $1 AND t.interface_id = $1 AND t.sequence_no = ANY($2::bigint[])
     AND t.sequence_no > c.last_delivered_sequence AND t.status IN ('FAILED', 'SKIPPED')
  RETURNING t.sequence_no, t.message_id
), payload AS (
  UPDATE message_payload p SET superseded = true, enriched = NULL FROM repaired r WHERE p.message_id = r.message_id
), kept AS (
  UPDATE message_payload_kept p SET superseded = true, enriched = NULL FROM repaired r WHERE p.message_id = r.message_id
), resolved AS (
  UPDATE dead_letter d SET resolved_at = now(), resolution = 'REPAIRED' FROM repaired r WHERE d.message_id = r.message_id AND d.resolved_at IS NULL
), released AS (
  UPDATE message_delivery_checkpoint c SET held_for = NULL
   WHERE c.interface_id = $1 AND c.held_for <> 'RESTORED' AND EXISTS (SELECT 1 FROM repaired r WHERE r.sequence_no = c.last_delivered_sequence + 1)
)
SELECT sequence_no, message_id FROM repaired`,
};

export function repairNumbers(tx: Queries, id: InterfaceId, numbers: readonly SequenceNo[]): Promise<TouchedNumber[]> {
  return touched(tx, REPAIR, [id, numbers]);
}

/**
 * Index: message_tracking_interface_id_sequence_no_key, message_delivery_checkpoint_pkey. Holds the numbers' rows until the
 * transaction ends, so that retention takes a number before its replay is ordered, or not at all.
 */
const REPLAY_LATE: Statement = {
  name: 'command_replay_late',
  text: `
INSERT INTO replay (replay_id, command_id, interface_id, sequence_no, message_id, actor, reason)
SELECT v.replay_id, $1, $2, v.sequence_no, t.message_id, $5, $6
  FROM unnest($3::uuid[], $4::bigint[]) AS v(replay_id, sequence_no)
  JOIN message_tracking t ON t.interface_id = $2 AND t.sequence_no = v.sequence_no
  JOIN message_delivery_checkpoint c ON c.interface_id = $2 AND v.sequence_no <= c.last_delivered_sequence
   FOR KEY SHARE OF t
ON CONFLICT (replay_id) DO NOTHING
RETURNING replay_id, sequence_no, message_id`,
};

export async function insertReplays(
  tx: Queries,
  command: CommandRow,
  replays: readonly { readonly replayId: string; readonly sequenceNo: SequenceNo }[],
): Promise<(TouchedNumber & { readonly replayId: string })[]> {
  const rows = await tx.query<{ replay_id: string; sequence_no: string; message_id: string }>(REPLAY_LATE, [
    command.commandId,
    command.interfaceId,
    replays.map((r) => r.replayId),
    replays.map((r) => r.sequenceNo),
    command.actor,
    command.reason,
  ]);
  return rows.map((r) => ({
    replayId: r.replay_id,
    sequenceNo: sequenceNo(r.sequence_no),
    messageId: messageId(r.message_id),
  }));
}

/** Index: message_delivery_checkpoint_pkey. Takes the grant back: until it is written again the bytes have not left once more. */
const SEND_AGAIN: Statement = {
  name: 'command_send_again',
  text: `
UPDATE message_delivery_checkpoint SET held_for = NULL, granted_sequence = LEAST(granted_sequence, last_delivered_sequence)
 WHERE interface_id = $1`,
};

/** Ends a hold for an unknown outcome; whoever owns the lane sends its head once more, and asks nobody. */
export async function sendHeadAgain(tx: Queries, id: InterfaceId): Promise<void> {
  await tx.query(SEND_AGAIN, [id]);
}

const PAUSE: Statement = {
  name: 'command_pause',
  text: `UPDATE message_delivery_checkpoint SET paused_at = now(), paused_by = $2 WHERE interface_id = $1`,
};
const RESUME: Statement = {
  name: 'command_resume',
  text: `UPDATE message_delivery_checkpoint SET paused_at = NULL, paused_by = NULL WHERE interface_id = $1`,
};
/** Index: message_delivery_checkpoint_pkey, message_tracking_interface_id_sequence_no_key, dead_letter_pkey. */
const RELEASE: Statement = {
  name: 'command_release',
  text: `
UPDATE message_delivery_checkpoint c
   SET failed_run = CASE WHEN held_for = 'RESTORED' THEN failed_run ELSE 0 END,
       failed_run_code = CASE WHEN held_for = 'RESTORED' THEN failed_run_code END, held_for = NULL
 WHERE c.interface_id = $1
RETURNING (SELECT d.destination_id FROM message_tracking t JOIN dead_letter d USING (message_id)
            WHERE t.interface_id = c.interface_id AND t.sequence_no = c.last_delivered_sequence + 1 AND d.resolved_at IS NULL) AS destination_id`,
};

export async function pauseLane(tx: Queries, id: InterfaceId, by: string): Promise<void> {
  await tx.query(PAUSE, [id, by]);
}

export async function resumeLane(tx: Queries, id: InterfaceId): Promise<void> {
  await tx.query(RESUME, [id]);
}

/**
 * Ends a hold (pass limit, on failure, restored). Released from RESTORED a lane begins as its next owner would begin it:
 * what counted towards the pass limit still counts. Returns where the number at the head failed, if it did.
 */
export async function releaseLane(tx: Queries, id: InterfaceId): Promise<DestinationId | null> {
  const [row] = await tx.query<{ destination_id: string | null }>(RELEASE, [id]);
  return row?.destination_id ? destinationId(row.destination_id) : null;
}
