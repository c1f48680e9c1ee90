/**
 * Lane commands (G13): the snapshot a plan is made from, and the request itself. Who asks never touches tracking,
 * checkpoint or window; the lane's owner plans again over the same snapshot query and refuses when the hash differs.
 */
import {
  type CommandKind,
  type CommandStatus,
  HOLD_REASONS,
  type HoldReason,
  interfaceCode,
  type MessageStatus,
  type PlanCommand,
  type PlanNumber,
  type PlanSnapshot,
  sequenceNo,
  type UnknownResolution,
} from '@inorder/core';
import { COMMANDS_CHANNEL, targetOf } from '@inorder/shared';
import type pg from 'pg';
import { appendAudit } from './audit.ts';
import { inTransaction } from './transaction.ts';

/** One command covers at most this many numbers; more is more commands (G19). */
export const COMMAND_NUMBERS_MAX = 10_000;

/**
 * Everything `plan(command, snapshot)` needs, read as of one moment. Begins and ends a transaction of its own
 * (repeatable read, read only), so `client` must be in none.
 * @returns null when there is no such interface.
 * @throws RangeError when the range is longer than COMMAND_NUMBERS_MAX.
 */
export async function readPlanSnapshot(
  client: pg.ClientBase,
  code: string,
  command: Pick<PlanCommand, 'fromSequenceNo' | 'toSequenceNo'>,
): Promise<PlanSnapshot | null> {
  const { fromSequenceNo: from, toSequenceNo: to } = command;
  if (from !== null && to !== null && to - from >= COMMAND_NUMBERS_MAX) {
    throw new RangeError(`a command covers at most ${COMMAND_NUMBERS_MAX} numbers`);
  }
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    return await readSnapshot(client, code, from, to);
  } finally {
    await client.query('COMMIT');
  }
}

async function readSnapshot(
  client: pg.ClientBase,
  code: string,
  from: number | null,
  to: number | null,
): Promise<PlanSnapshot | null> {
  const lane = (await client.query<LaneRow>(LANE, [code])).rows[0];
  if (lane === undefined) return null;
  const inRange = from !== null && to !== null;
  const numbers = inRange ? (await client.query<NumberRow>(NUMBERS, [lane.interface_id, from, to])).rows : [];
  const keys = [...new Set(numbers.flatMap((row) => row.placer_keys ?? []))];
  const later =
    keys.length === 0
      ? []
      : (await client.query<NumberRow>(LATER_OF_SAME_ORDER, [lane.interface_id, from, keys, CANCELS])).rows;
  return {
    interfaceCode: interfaceCode(lane.code),
    checkpoint: sequenceNo(lane.checkpoint),
    highWater: sequenceNo(lane.high_water),
    paused: lane.paused,
    heldFor: HOLD_REASONS.find((reason): reason is HoldReason => reason === lane.held_for) ?? null,
    numbers: numbers.map(planNumber),
    laterOfSameOrder: later.map(planNumber),
  };
}

function planNumber(row: NumberRow): PlanNumber {
  return {
    sequenceNo: sequenceNo(row.sequence_no),
    status: row.status,
    orderControl: row.order_control,
    placerKeys: row.placer_keys ?? [],
    maybeDelivered: row.maybe_delivered,
  };
}

interface LaneRow {
  readonly interface_id: string;
  readonly code: string;
  readonly checkpoint: string;
  readonly high_water: string;
  readonly paused: boolean;
  readonly held_for: string | null;
}

interface NumberRow {
  readonly sequence_no: string;
  readonly status: MessageStatus;
  readonly order_control: string | null;
  readonly placer_keys: string[] | null;
  readonly maybe_delivered: boolean;
}

const CANCELS = ['CA', 'OC', 'DC', 'OD', 'CR'];

/** Primary keys; unique index on interface.code. */
const LANE = `
SELECT i.interface_id, i.code, c.last_delivered_sequence AS checkpoint, s.last_sequence_no AS high_water,
       c.paused_at IS NOT NULL AS paused, c.held_for
  FROM interface i JOIN interface_sequence s USING (interface_id) JOIN message_delivery_checkpoint c USING (interface_id)
 WHERE i.code = $1`;

/**
 * Bytes may be out: a send whose answer nobody knows, and no answer since. An acknowledged number is not "maybe".
 * Index: delivery_attempt (interface_id, sequence_no).
 */
const MAYBE_DELIVERED = `
t.status <> 'DELIVERED' AND (coalesce(d.maybe_delivered, false) OR EXISTS (
  SELECT 1 FROM delivery_attempt a
   WHERE a.interface_id = t.interface_id AND a.sequence_no = t.sequence_no AND a.outcome IN ('SENT', 'UNKNOWN'))
  -- A crash between send and settlement leaves no attempt, but the grant.
  OR (t.status = 'PROCESSED' AND EXISTS (
    SELECT 1 FROM message_delivery_checkpoint g
     WHERE g.interface_id = t.interface_id AND g.last_delivered_sequence + 1 = t.sequence_no AND g.granted_sequence >= t.sequence_no)))`;

/**
 * The numbers of a range. One message may hold several orders: what is to be sent again counts as what creates rather
 * than as what cancels, so that the warning about a later cancel is not missed.
 * Index: message_tracking (interface_id, sequence_no).
 */
const NUMBERS = `
SELECT t.sequence_no, t.status, k.order_control, k.placer_keys, ${MAYBE_DELIVERED} AS maybe_delivered
  FROM message_tracking t
  LEFT JOIN dead_letter d ON d.message_id = t.message_id
  LEFT JOIN LATERAL (
    SELECT (array_agg(order_control ORDER BY order_control IN ('CA', 'OC', 'DC', 'OD', 'CR'), order_control))[1] AS order_control,
           array_agg(DISTINCT encode(key_hash, 'hex')) AS placer_keys
      FROM message_key WHERE message_id = t.message_id AND kind = 'PLACER') k ON true
 WHERE t.interface_id = $1 AND t.sequence_no BETWEEN $2 AND $3
 ORDER BY t.sequence_no`;

/**
 * Later numbers of the same placer orders; a cancel counts before anything else the message holds.
 * Index: message_key (key_hash, interface_id, sequence_no).
 */
const LATER_OF_SAME_ORDER = `
SELECT t.sequence_no, t.status, k.order_control, k.placer_keys, ${MAYBE_DELIVERED} AS maybe_delivered
  FROM (SELECT message_id,
               (array_agg(order_control ORDER BY order_control = ANY($4) DESC, order_control))[1] AS order_control,
               array_agg(DISTINCT encode(key_hash, 'hex')) AS placer_keys
          FROM message_key
         WHERE key_hash = ANY(SELECT decode(h, 'hex') FROM unnest($3::text[]) h)
           AND interface_id = $1 AND sequence_no > $2 AND kind = 'PLACER'
         GROUP BY message_id) k
  JOIN message_tracking t USING (message_id)
  LEFT JOIN dead_letter d ON d.message_id = t.message_id
 ORDER BY t.sequence_no LIMIT 10000`;

export interface CommandRequest {
  /** UUIDv7 made by whoever asks: the same id again is the same command. */
  readonly commandId: string;
  readonly interfaceCode: string;
  readonly kind: CommandKind;
  readonly fromSequenceNo: number | null;
  readonly toSequenceNo: number | null;
  readonly resolution: UnknownResolution | null;
  /** REPLAY: in-order sends wait until what is sent late has ended. */
  readonly holdLane?: boolean;
  /** Hash of the plan that was shown; null only for acts that have none. */
  readonly planHash: string | null;
}

export type CommandRequested =
  | { readonly ok: true; readonly commands: readonly CommandView[] }
  | { readonly ok: false; readonly commandId: string; readonly why: 'NO_INTERFACE' | 'ID_REUSED' };

/** A command as anyone may see it. */
export interface CommandView {
  readonly commandId: string;
  readonly interfaceCode: string;
  readonly kind: CommandKind;
  readonly fromSequenceNo: number | null;
  readonly toSequenceNo: number | null;
  readonly resolution: UnknownResolution | null;
  readonly holdLane: boolean;
  readonly status: CommandStatus;
  readonly refusalCode: string | null;
  readonly result: unknown;
  readonly reason: string;
  readonly actor: string;
  readonly requestedAt: Date;
  readonly doneAt: Date | null;
}

export interface RequestCommandsOptions {
  readonly actor: string;
  readonly reason: string;
  /** Wakes owners faster than NOTIFY where there is Redis; its failure is nobody's loss, owners poll each second. */
  readonly publish?: (channel: string, interfaceId: string) => Promise<unknown>;
}

/**
 * Asks the owners to carry the commands out; all of them or none. Command and audit are written in one transaction.
 * Asking again with the same ids is answered with how far they are.
 */
export async function requestCommands(
  pool: pg.Pool,
  requests: readonly CommandRequest[],
  options: RequestCommandsOptions,
): Promise<CommandRequested> {
  const woken = new Set<string>();
  const result = await inTransaction(pool, (tx) => insertAll(tx, requests, options, woken));
  const { publish } = options;
  if (result.ok && publish !== undefined) {
    await Promise.allSettled([...woken].map((interfaceId) => publish(COMMANDS_CHANNEL, interfaceId)));
  }
  return result;
}

async function insertAll(
  tx: pg.PoolClient,
  requests: readonly CommandRequest[],
  { actor, reason }: RequestCommandsOptions,
  woken: Set<string>,
): Promise<CommandRequested> {
  const { rows: lanes } = await tx.query<{ code: string; interface_id: string }>(
    'SELECT code, interface_id FROM interface WHERE code = ANY($1)',
    [requests.map((request) => request.interfaceCode)],
  );
  const ids = new Map(lanes.map((row) => [row.code, row.interface_id]));
  const missing = requests.find((request) => !ids.has(request.interfaceCode));
  if (missing !== undefined) return { ok: false, commandId: missing.commandId, why: 'NO_INTERFACE' };
  const rows = requests.map((request) => ({ ...request, interfaceId: ids.get(request.interfaceCode) }));
  const inserted = await tx.query<{ command_id: string; interface_id: string }>(INSERT, [
    JSON.stringify(rows),
    actor,
    reason,
  ]);
  const fresh = new Set(inserted.rows.map((row) => row.command_id));
  const commands = await readCommands(
    tx,
    requests.map((request) => request.commandId),
  );
  const byId = new Map(commands.map((command) => [command.commandId, command]));
  const reused = requests.find((request) => !isSame(request, actor, byId.get(request.commandId)));
  if (reused !== undefined) {
    // Nothing of ours may stand beside a command that is not ours.
    await tx.query('DELETE FROM lane_command WHERE command_id = ANY($1)', [[...fresh]]);
    return { ok: false, commandId: reused.commandId, why: 'ID_REUSED' };
  }
  await appendAudit(
    tx,
    ...requests
      .filter((request) => fresh.has(request.commandId))
      .map((request) => ({
        actor,
        reason,
        action: `command.${request.kind.toLowerCase()}`,
        target: targetOf(request),
        detail: {
          commandId: request.commandId,
          planHash: request.planHash,
          resolution: request.resolution,
          ...(request.holdLane === true ? { holdLane: true } : {}),
        },
      })),
  );
  for (const { interface_id } of inserted.rows) woken.add(interface_id);
  await tx.query('SELECT pg_notify($1, id) FROM unnest($2::text[]) id', [COMMANDS_CHANNEL, [...woken]]);
  return { ok: true, commands };
}

function isSame(request: CommandRequest, actor: string, stored: CommandView | undefined): boolean {
  return (
    stored !== undefined &&
    stored.actor === actor &&
    stored.interfaceCode === request.interfaceCode &&
    stored.kind === request.kind &&
    stored.fromSequenceNo === request.fromSequenceNo &&
    stored.toSequenceNo === request.toSequenceNo &&
    stored.resolution === request.resolution &&
    stored.holdLane === (request.holdLane ?? false)
  );
}

/** How far commands are, in the order they were requested in. Index: primary key. */
export async function readCommands(
  client: pg.Pool | pg.ClientBase,
  commandIds: readonly string[],
): Promise<CommandView[]> {
  const { rows } = await client.query<CommandRow>(
    `${COMMANDS} WHERE l.command_id = ANY($1) ORDER BY l.requested_at, l.command_id`,
    [commandIds],
  );
  return rows.map(commandView);
}

/** Newest first: of one interface, or of all. Indexes: (interface_id, requested_at), (status, requested_at). */
export async function listCommands(
  client: pg.Pool | pg.ClientBase,
  options: { readonly interfaceCode?: string; readonly limit: number },
): Promise<CommandView[]> {
  const { rows } =
    options.interfaceCode === undefined
      ? await client.query<CommandRow>(`${COMMANDS} ORDER BY l.requested_at DESC, l.command_id DESC LIMIT $1`, [
          options.limit,
        ])
      : await client.query<CommandRow>(
          `${COMMANDS} WHERE i.code = $2 ORDER BY l.requested_at DESC, l.command_id DESC LIMIT $1`,
          [options.limit, options.interfaceCode],
        );
  return rows.map(commandView);
}

interface CommandRow {
  readonly command_id: string;
  readonly code: string;
  readonly kind: CommandKind;
  readonly from_sequence_no: string | null;
  readonly to_sequence_no: string | null;
  readonly argument: { readonly resolution?: UnknownResolution; readonly holdLane?: boolean } | null;
  readonly status: CommandStatus;
  readonly refusal_code: string | null;
  readonly result: unknown;
  readonly reason: string;
  readonly actor: string;
  readonly requested_at: Date;
  readonly done_at: Date | null;
}

function commandView(row: CommandRow): CommandView {
  return {
    commandId: row.command_id,
    interfaceCode: row.code,
    kind: row.kind,
    fromSequenceNo: row.from_sequence_no === null ? null : sequenceNo(row.from_sequence_no),
    toSequenceNo: row.to_sequence_no === null ? null : sequenceNo(row.to_sequence_no),
    resolution: row.argument?.resolution ?? null,
    holdLane: row.argument?.holdLane ?? false,
    status: row.status,
    refusalCode: row.refusal_code,
    result: row.result,
    reason: row.reason,
    actor: row.actor,
    requestedAt: row.requested_at,
    doneAt: row.done_at,
  };
}

const COMMANDS = `
SELECT l.command_id, i.code, l.kind, l.from_sequence_no, l.to_sequence_no, l.argument, l.status, l.refusal_code, l.result,
       l.reason, l.actor, l.requested_at, l.done_at
  FROM lane_command l JOIN interface i USING (interface_id)`;

const INSERT = `
INSERT INTO lane_command (command_id, interface_id, kind, from_sequence_no, to_sequence_no, argument, plan_hash, reason, actor)
SELECT r."commandId", r."interfaceId", r.kind, r."fromSequenceNo", r."toSequenceNo",
       CASE WHEN r.resolution IS NOT NULL THEN jsonb_build_object('resolution', r.resolution)
            WHEN r."holdLane" THEN jsonb_build_object('holdLane', true) END, r."planHash", $3, $2
  FROM jsonb_to_recordset($1::jsonb) AS r("commandId" uuid, "interfaceId" uuid, kind command_kind, "fromSequenceNo" bigint,
       "toSequenceNo" bigint, resolution text, "holdLane" boolean, "planHash" text)
ON CONFLICT (command_id) DO NOTHING
RETURNING command_id, interface_id`;
