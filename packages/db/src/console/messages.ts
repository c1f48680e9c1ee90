/** One message with all that is known of it, and finding one by what people have in hand. */
import type {
  AttemptKind,
  AttemptOutcome,
  CommandKind,
  CommandStatus,
  Fault,
  MessageStatus,
  PayloadFormat,
} from '@inorder/core';
import type pg from 'pg';

/** Everything but the payload and the bytes. */
export interface MessageRecord {
  readonly messageId: string;
  readonly interfaceId: string;
  readonly interfaceCode: string;
  readonly interfaceName: string;
  readonly site: string;
  readonly sequenceNo: number;
  readonly status: MessageStatus;
  readonly revision: number;
  readonly possibleTwin: boolean;
  readonly receivedAt: Date;
  readonly settledAt: Date | null;
  readonly checkpoint: number;
  readonly highWater: number;
  readonly paused: boolean;
  readonly heldFor: string | null;
  /** ORC-1 codes of its orders. */
  readonly orderControls: readonly string[];
  /** How many retries the interface's policy gives: its revision's `delivery.retries`. */
  readonly retries: number;
  readonly destination: string | null;
  readonly controlId: string | null;
  /** Name of the rule that wanted nothing of it; null unless it ended FILTERED. */
  readonly filterRule: string | null;
  readonly deadLetter: MessageDeadLetter | null;
  readonly attempts: readonly MessageAttempt[];
  readonly attemptsMore: boolean;
  readonly replays: readonly MessageReplay[];
  readonly commands: readonly MessageCommand[];
  readonly related: readonly RelatedMessage[];
}

export interface MessageDeadLetter {
  readonly stage: string;
  readonly errorCode: string;
  readonly signature: string;
  readonly path: string | null;
  readonly tableName: string | null;
  readonly value: string | null;
  /** Belongs to the payload (G18): not for who may not read that. */
  readonly detail: string;
  /** As `detail`. */
  readonly faults: readonly Fault[];
  readonly attempts: number;
  readonly maybeDelivered: boolean;
  readonly createdAt: Date;
  readonly resolvedAt: Date | null;
  readonly resolution: string | null;
}

export interface MessageAttempt {
  readonly attemptId: string;
  readonly attemptNo: number;
  readonly kind: AttemptKind;
  readonly outcome: AttemptOutcome;
  readonly epoch: number;
  readonly instance: string;
  readonly destination: string | null;
  readonly errorCode: string | null;
  readonly ackCode: string | null;
  readonly detail: string | null;
  readonly controlId: string | null;
  readonly endedAt: Date;
  readonly durationMs: number;
  readonly responseBytes: number | null;
  readonly requestDiffers: boolean;
}

export interface MessageReplay {
  readonly replayId: string;
  readonly state: 'PENDING' | 'RUNNING' | 'DELIVERED' | 'FAILED';
  readonly attempts: number;
  readonly controlId: string | null;
  readonly errorCode: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly requestedAt: Date;
  readonly doneAt: Date | null;
}

export interface MessageCommand {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly status: CommandStatus;
  readonly refusalCode: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly requestedAt: Date;
}

/** Another message of the same placer order, on whichever interface. */
export interface RelatedMessage {
  readonly interfaceCode: string;
  readonly sequenceNo: number;
  readonly status: MessageStatus;
  readonly orderControl: string | null;
  readonly receivedAt: Date;
}

const ATTEMPTS_MAX = 100;

/** @returns null when the interface or the number is not there. */
export async function readMessage(pool: pg.Pool, code: string, sequenceNo: number): Promise<MessageRecord | null> {
  const head = (await pool.query<HeadRow>(HEAD, [code, sequenceNo])).rows[0];
  if (head === undefined) return null;
  const key = [head.interfaceId, sequenceNo];
  const [deadLetter, attempts, replays, commands, related] = await Promise.all([
    pool.query<MessageDeadLetter>(DEAD_LETTER, [head.messageId]),
    pool.query<Omit<MessageAttempt, 'epoch'> & { epoch: string }>(ATTEMPTS, [...key, ATTEMPTS_MAX + 1]),
    pool.query<MessageReplay>(REPLAYS, key),
    pool.query<MessageCommand>(COMMANDS, key),
    pool.query<Omit<RelatedMessage, 'sequenceNo'> & { sequenceNo: string }>(RELATED, [head.messageId]),
  ]);
  return {
    ...head,
    sequenceNo,
    checkpoint: Number(head.checkpoint),
    highWater: Number(head.highWater),
    deadLetter: deadLetter.rows[0] ?? null,
    // Read newest first, so that the newest are kept; shown in the order they happened.
    attempts: attempts.rows
      .slice(0, ATTEMPTS_MAX)
      .reverse()
      .map((row) => ({ ...row, epoch: Number(row.epoch) })),
    attemptsMore: attempts.rows.length > ATTEMPTS_MAX,
    replays: replays.rows,
    commands: commands.rows,
    related: related.rows.map((row) => ({ ...row, sequenceNo: Number(row.sequenceNo) })),
  };
}

type HeadRow = Pick<
  MessageRecord,
  | 'messageId'
  | 'interfaceId'
  | 'interfaceCode'
  | 'interfaceName'
  | 'site'
  | 'status'
  | 'revision'
  | 'possibleTwin'
  | 'receivedAt'
  | 'settledAt'
  | 'paused'
  | 'heldFor'
  | 'orderControls'
  | 'retries'
  | 'destination'
  | 'controlId'
  | 'filterRule'
> & { readonly checkpoint: string; readonly highWater: string };

/** Unique indexes: interface (code), message_tracking (interface_id, sequence_no); primary keys. */
const HEAD = `
SELECT t.message_id AS "messageId", i.interface_id AS "interfaceId", i.code AS "interfaceCode", i.name AS "interfaceName", i.site,
       t.status, t.revision, t.possible_twin AS "possibleTwin", t.received_at AS "receivedAt", t.settled_at AS "settledAt",
       c.last_delivered_sequence AS checkpoint, s.last_sequence_no AS "highWater", c.paused_at IS NOT NULL AS paused,
       c.held_for AS "heldFor", coalesce((r.document #>> '{delivery,retries}')::int, 3) AS retries,
       coalesce(p.control_id, kept.control_id) AS "controlId", coalesce(p.filter_rule, kept.filter_rule) AS "filterRule", d.name AS destination,
       (SELECT coalesce(array_agg(DISTINCT k.order_control) FILTER (WHERE k.order_control IS NOT NULL), '{}')
          FROM message_key k WHERE k.message_id = t.message_id) AS "orderControls"
  FROM interface i
  JOIN message_tracking t USING (interface_id)
  JOIN interface_sequence s USING (interface_id)
  JOIN message_delivery_checkpoint c USING (interface_id)
  LEFT JOIN interface_revision r ON r.interface_id = i.interface_id AND r.revision = t.revision
  LEFT JOIN message_payload p ON p.message_id = t.message_id
  LEFT JOIN message_payload_kept kept ON kept.message_id = t.message_id
  LEFT JOIN destination d ON d.destination_id = coalesce(p.destination_id, kept.destination_id)
 WHERE i.code = $1 AND t.sequence_no = $2`;

const DEAD_LETTER = `
SELECT stage, error_code AS "errorCode", signature, path, table_name AS "tableName", value, detail,
       coalesce(faults, '[]') AS faults, attempts, maybe_delivered AS "maybeDelivered", created_at AS "createdAt",
       resolved_at AS "resolvedAt", resolution
  FROM dead_letter WHERE message_id = $1`;

/** Index: delivery_attempt (interface_id, sequence_no). */
const ATTEMPTS = `
SELECT a.attempt_id AS "attemptId", a.attempt_no AS "attemptNo", a.kind, a.outcome, a.epoch, a.instance, d.name AS destination,
       a.error_code AS "errorCode", a.ack_code AS "ackCode", a.detail, a.control_id AS "controlId", a.ended_at AS "endedAt",
       a.duration_ms AS "durationMs", octet_length(a.response) AS "responseBytes", a.request IS NOT NULL AS "requestDiffers"
  FROM delivery_attempt a LEFT JOIN destination d USING (destination_id)
 WHERE a.interface_id = $1 AND a.sequence_no = $2
 ORDER BY a.ended_at DESC, a.attempt_no DESC LIMIT $3`;

/** Index: replay (interface_id, sequence_no). */
const REPLAYS = `
SELECT replay_id AS "replayId", state, attempts, control_id AS "controlId", error_code AS "errorCode", actor, reason,
       requested_at AS "requestedAt", done_at AS "doneAt"
  FROM replay WHERE interface_id = $1 AND sequence_no = $2 ORDER BY requested_at DESC LIMIT 20`;

/** Index: lane_command (interface_id, requested_at). */
const COMMANDS = `
SELECT command_id AS "commandId", kind, status, refusal_code AS "refusalCode", actor, reason, requested_at AS "requestedAt"
  FROM lane_command WHERE interface_id = $1 AND $2 BETWEEN from_sequence_no AND to_sequence_no
 ORDER BY requested_at DESC LIMIT 20`;

/** Index: message_key (key_hash, interface_id, sequence_no). */
const RELATED = `
SELECT i.code AS "interfaceCode", t.sequence_no AS "sequenceNo", t.status, min(k.order_control) AS "orderControl",
       t.received_at AS "receivedAt"
  FROM message_key own
  JOIN message_key k ON k.key_hash = own.key_hash AND k.kind = own.kind AND k.message_id <> own.message_id
  JOIN message_tracking t ON t.message_id = k.message_id
  JOIN interface i ON i.interface_id = t.interface_id
 WHERE own.message_id = $1 AND own.kind = 'PLACER'
 GROUP BY i.code, t.sequence_no, t.status, t.received_at
 ORDER BY t.received_at, i.code, t.sequence_no LIMIT 50`;

/** The bytes of a message: patient data. For the server only; what leaves it is masked or audited as revealed. */
export interface MessagePayload {
  readonly format: PayloadFormat;
  readonly raw: Buffer;
  /** null = the same bytes as raw, or not routed yet. */
  readonly processed: Buffer | null;
  readonly jmsMessageId: string | null;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** @returns null when retention has taken it. Primary keys; the id names the partition. */
export async function readPayload(client: pg.Pool | pg.ClientBase, messageId: string): Promise<MessagePayload | null> {
  const { rows } = await client.query<MessagePayload>(PAYLOAD, [messageId]);
  return rows[0] ?? null;
}

const PAYLOAD_COLUMNS = `format, raw, processed, jms_message_id AS "jmsMessageId", coalesce(properties, '{}') AS properties`;
const PAYLOAD = `
SELECT ${PAYLOAD_COLUMNS} FROM message_payload WHERE message_id = $1
UNION ALL
SELECT ${PAYLOAD_COLUMNS} FROM message_payload_kept WHERE message_id = $1
LIMIT 1`;

/** What came back on one send: patient data as well. `interfaceId` and `sequenceNo` bound what the id may name. */
export async function readResponse(
  client: pg.Pool | pg.ClientBase,
  attempt: { readonly interfaceId: string; readonly sequenceNo: number; readonly attemptId: string },
): Promise<Buffer | null> {
  const { rows } = await client.query<{ response: Buffer | null }>(
    'SELECT response FROM delivery_attempt WHERE attempt_id = $1 AND interface_id = $2 AND sequence_no = $3',
    [attempt.attemptId, attempt.interfaceId, attempt.sequenceNo],
  );
  return rows[0]?.response ?? null;
}

export interface FoundMessage {
  readonly interfaceCode: string;
  readonly sequenceNo: number;
  readonly status: MessageStatus;
  /** What matched. */
  readonly kind: 'PLACER' | 'FILLER' | 'MRN' | 'CONTROL';
  readonly orderControl: string | null;
  readonly receivedAt: Date;
}

/** Messages with any of the keyed hashes, newest first. Index: message_key (key_hash, …). */
export async function findByKeys(
  client: pg.Pool | pg.ClientBase,
  hashes: readonly Uint8Array[],
  limit: number,
): Promise<readonly FoundMessage[]> {
  const { rows } = await client.query<Omit<FoundMessage, 'sequenceNo'> & { sequenceNo: string }>(FIND, [hashes, limit]);
  return rows.map((row) => ({ ...row, sequenceNo: Number(row.sequenceNo) }));
}

const FIND = `
SELECT i.code AS "interfaceCode", k.sequence_no AS "sequenceNo", t.status, k.kind, k.order_control AS "orderControl",
       t.received_at AS "receivedAt"
  FROM message_key k JOIN message_tracking t USING (message_id) JOIN interface i ON i.interface_id = k.interface_id
 WHERE k.key_hash = ANY($1::bytea[]) ORDER BY t.received_at DESC LIMIT $2`;
