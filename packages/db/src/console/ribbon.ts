/**
 * The numbers of one lane: which state each has, and why a number that should have an end has none. Every read is
 * bounded: a window of numbers, or the runs of the newest ones.
 */
import {
  type CommandKind,
  type CommandStatus,
  type InterfaceId,
  interfaceId,
  type MessageStatus,
  type ProtectionVerdict,
  type SequenceNo,
  sequenceNo,
} from '@inorder/core';
import type pg from 'pg';

export interface LaneFacts {
  readonly interfaceId: InterfaceId;
  readonly code: string;
  readonly name: string;
  readonly site: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
  readonly revision: number;
  readonly revisionAt: Date | null;
  readonly revisionBy: string | null;
  readonly checkpoint: SequenceNo;
  readonly highWater: SequenceNo;
  /** Numbers below it were removed by retention. */
  readonly retainedFrom: SequenceNo;
  readonly heldFor: string | null;
  readonly pausedBy: string | null;
  readonly destinations: readonly { readonly name: string; readonly kind: string; readonly address: string }[];
  readonly sources: readonly LaneSource[];
  readonly openDeadLetters: number;
}

export interface LaneSource {
  readonly name: string;
  readonly address: string;
  readonly connection: string;
  /** What its reader last saw of its queue at the broker (G3); null: our own listener, where there is no queue. */
  readonly protection: SourceProtection | null;
}

export interface SourceProtection {
  readonly verdict: ProtectionVerdict;
  /** What to set there, or why it could not be checked; may be empty. */
  readonly detail: string;
  /** ISO 8601; null: nobody has looked since the source changed. */
  readonly checkedAt: string | null;
}

const LANE_FACTS = `
SELECT i.interface_id, i.code, i.name, i.site, i.tags, i.enabled,
       COALESCE(s.revision, 1) AS revision, r.created_at AS revision_at, r.created_by AS revision_by,
       COALESCE(c.last_delivered_sequence, 0) AS checkpoint, COALESCE(s.last_sequence_no, 0) AS high_water,
       COALESCE(s.retained_from, 1) AS retained_from, c.held_for, c.paused_by,
       COALESCE((SELECT jsonb_agg(jsonb_build_object('name', n.name, 'kind', COALESCE(d.document->>'kind', '?'),
                  'address', COALESCE(d.document->>'url', (d.document->>'host') || ':' || (d.document->>'port'),
                    (d.document->>'address') || ' on ' || (d.document->>'connection'), '')) ORDER BY n.name)
          FROM (SELECT DISTINCT jsonb_array_elements_text(jsonb_path_query_array(r.document, '$.route[*].to')) AS name) n
          LEFT JOIN destination d ON d.name = n.name), '[]') AS destinations,
       COALESCE((SELECT jsonb_agg(jsonb_build_object('name', so.name, 'address', COALESCE(so.document->>'address', ''),
                  'connection', j.name, 'protection', CASE WHEN j.document->>'kind' = 'CONNECT' THEN jsonb_build_object(
                    'verdict', COALESCE(p.verdict, 'NOT_CHECKED'), 'detail', COALESCE(p.detail, ''), 'checkedAt', p.checked_at) END)
                  ORDER BY so.name)
          FROM source_interface si JOIN source so USING (source_id) JOIN jms_connection j USING (connection_id)
               LEFT JOIN source_protection p USING (source_id)
         WHERE si.interface_id = i.interface_id), '[]') AS sources,
       (SELECT count(*) FROM dead_letter dl WHERE dl.interface_id = i.interface_id AND dl.resolved_at IS NULL) AS open_dead_letters
  FROM interface i
  LEFT JOIN interface_sequence s USING (interface_id)
  LEFT JOIN message_delivery_checkpoint c USING (interface_id)
  LEFT JOIN interface_revision r ON r.interface_id = i.interface_id AND r.revision = s.revision
 WHERE i.code = $1`;

interface LaneFactsRow {
  readonly interface_id: string;
  readonly code: string;
  readonly name: string;
  readonly site: string;
  readonly tags: string[];
  readonly enabled: boolean;
  readonly revision: number;
  readonly revision_at: Date | null;
  readonly revision_by: string | null;
  readonly checkpoint: string;
  readonly high_water: string;
  readonly retained_from: string;
  readonly held_for: string | null;
  readonly paused_by: string | null;
  readonly destinations: LaneFacts['destinations'];
  readonly sources: LaneFacts['sources'];
  readonly open_dead_letters: string;
}

/** @returns null when no interface has that code. */
export async function readLaneFacts(pool: pg.Pool, code: string): Promise<LaneFacts | null> {
  const { rows } = await pool.query<LaneFactsRow>({ name: 'console-lane-facts', text: LANE_FACTS, values: [code] });
  const row = rows[0];
  if (row === undefined) return null;
  return {
    interfaceId: interfaceId(row.interface_id),
    code: row.code,
    name: row.name,
    site: row.site,
    tags: row.tags,
    enabled: row.enabled,
    revision: row.revision,
    revisionAt: row.revision_at,
    revisionBy: row.revision_by,
    checkpoint: sequenceNo(row.checkpoint),
    highWater: sequenceNo(row.high_water),
    retainedFrom: sequenceNo(row.retained_from),
    heldFor: row.held_for,
    pausedBy: row.paused_by,
    destinations: row.destinations,
    sources: row.sources,
    openDeadLetters: Number(row.open_dead_letters),
  };
}

/** One number of the line. */
export interface RibbonNumber {
  readonly sequenceNo: SequenceNo;
  readonly status: MessageStatus;
  readonly receivedAt: Date;
  readonly settledAt: Date | null;
  /** Of its newest dead letter, open or not. */
  readonly errorCode: string | null;
  /** The stage it died in, or null. */
  readonly diedIn: string | null;
  /** Of its newest replay, where it was replayed late. */
  readonly replayState: string | null;
  /** Name of the rule that filtered it; null for any other status, and once its payload is gone. */
  readonly filterRule: string | null;
  /** The engine instance that has it in a stage, and since when. */
  readonly claimedBy: string | null;
  readonly claimedAt: Date | null;
}

/** At most this many numbers in one answer. */
export const RIBBON_NUMBERS_MAX = 500;

const NUMBER_COLUMNS = `
t.sequence_no, t.status, t.received_at, t.settled_at, d.error_code, d.stage, p.state AS replay_state, k.instance, k.claimed_at, f.filter_rule`;

const NUMBER_TABLES = `
  FROM message_tracking t
  LEFT JOIN LATERAL (SELECT error_code, stage FROM dead_letter
                      WHERE interface_id = t.interface_id AND sequence_no = t.sequence_no
                      ORDER BY created_at DESC LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT state FROM replay
                      WHERE interface_id = t.interface_id AND sequence_no = t.sequence_no
                      ORDER BY requested_at DESC LIMIT 1) p ON true
  LEFT JOIN LATERAL (SELECT instance, claimed_at FROM stage_claim
                      WHERE t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED') AND t.message_id = ANY (message_ids)
                      LIMIT 1) k ON true
  LEFT JOIN LATERAL (SELECT filter_rule FROM message_payload
                      WHERE t.status = 'FILTERED' AND message_id = t.message_id
                      UNION ALL
                     SELECT filter_rule FROM message_payload_kept
                      WHERE t.status = 'FILTERED' AND message_id = t.message_id
                      LIMIT 1) f ON true`;

const NUMBERS = `
SELECT ${NUMBER_COLUMNS} ${NUMBER_TABLES}
 WHERE t.interface_id = $1 AND t.sequence_no BETWEEN $2 AND $3
 ORDER BY t.sequence_no
 LIMIT ${RIBBON_NUMBERS_MAX}`;

interface NumberRow {
  readonly sequence_no: string;
  readonly status: MessageStatus;
  readonly received_at: Date;
  readonly settled_at: Date | null;
  readonly error_code: string | null;
  readonly stage: string | null;
  readonly replay_state: string | null;
  readonly instance: string | null;
  readonly claimed_at: Date | null;
  readonly filter_rule: string | null;
}

function ribbonNumber(row: NumberRow): RibbonNumber {
  return {
    sequenceNo: sequenceNo(row.sequence_no),
    status: row.status,
    receivedAt: row.received_at,
    settledAt: row.settled_at,
    errorCode: row.error_code,
    diedIn: row.stage,
    replayState: row.replay_state,
    filterRule: row.filter_rule,
    claimedBy: row.instance,
    claimedAt: row.claimed_at,
  };
}

/** The numbers from `from` to `to`, both included, in order; at most RIBBON_NUMBERS_MAX. */
export async function readNumbers(pool: pg.Pool, id: InterfaceId, from: number, to: number): Promise<RibbonNumber[]> {
  const { rows } = await pool.query<NumberRow>({ name: 'console-numbers', text: NUMBERS, values: [id, from, to] });
  return rows.map(ribbonNumber);
}

/** Numbers next to each other with one status. */
export interface RibbonRun {
  readonly status: MessageStatus;
  readonly from: SequenceNo;
  readonly to: SequenceNo;
}

/** How many of the newest numbers the runs are made of. */
export const RIBBON_RUN_NUMBERS_MAX = 20_000;

// Islands: within one status, number minus rank is the same for neighbours.
const RUNS = `
SELECT status, min(sequence_no) AS "from", max(sequence_no) AS "to"
  FROM (SELECT status, sequence_no, sequence_no - row_number() OVER (PARTITION BY status ORDER BY sequence_no) AS island
          FROM message_tracking WHERE interface_id = $1 AND sequence_no > $2 AND sequence_no <= $3) n
 GROUP BY status, island
 ORDER BY 2`;

/** Runs of the numbers above `after` up to `upTo`; the caller keeps the range within RIBBON_RUN_NUMBERS_MAX. */
export async function readRuns(pool: pg.Pool, id: InterfaceId, after: number, upTo: number): Promise<RibbonRun[]> {
  const { rows } = await pool.query<{ status: MessageStatus; from: string; to: string }>({
    name: 'console-runs',
    text: RUNS,
    values: [id, Math.max(after, upTo - RIBBON_RUN_NUMBERS_MAX), upTo],
  });
  return rows.map((row) => ({ status: row.status, from: sequenceNo(row.from), to: sequenceNo(row.to) }));
}

// Above the checkpoint: what holds the line up, and what it will pass without delivering.
const HOLES = `
SELECT ${NUMBER_COLUMNS} ${NUMBER_TABLES}
 WHERE t.interface_id = $1 AND t.sequence_no > $2 AND t.sequence_no <= $3
   AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED', 'FAILED', 'SKIPPED', 'FILTERED')
 ORDER BY t.sequence_no
 LIMIT ${RIBBON_NUMBERS_MAX}`;

/** The first RIBBON_NUMBERS_MAX holes above `checkpoint`, up to `upTo`. */
export async function readHoles(
  pool: pg.Pool,
  id: InterfaceId,
  checkpoint: number,
  upTo: number,
): Promise<RibbonNumber[]> {
  const { rows } = await pool.query<NumberRow>({ name: 'console-holes', text: HOLES, values: [id, checkpoint, upTo] });
  return rows.map(ribbonNumber);
}

export interface RecentNumber extends RibbonNumber {
  readonly attempts: number;
  readonly lastOutcome: string | null;
  readonly ackCode: string | null;
  readonly durationMs: number | null;
}

const RECENT = `
SELECT ${NUMBER_COLUMNS}, a.attempts, l.outcome, l.ack_code, l.duration_ms ${NUMBER_TABLES}
  LEFT JOIN LATERAL (SELECT count(*) AS attempts FROM delivery_attempt
                      WHERE interface_id = t.interface_id AND sequence_no = t.sequence_no) a ON true
  LEFT JOIN LATERAL (SELECT outcome, ack_code, duration_ms FROM delivery_attempt
                      WHERE interface_id = t.interface_id AND sequence_no = t.sequence_no
                      ORDER BY ended_at DESC LIMIT 1) l ON true
 WHERE t.interface_id = $1 AND t.sequence_no BETWEEN $2 AND $3
 ORDER BY t.sequence_no DESC
 LIMIT ${RIBBON_NUMBERS_MAX}`;

/** The numbers from `from` to `to` with what became of sending them, newest first. */
export async function readRecent(pool: pg.Pool, id: InterfaceId, from: number, to: number): Promise<RecentNumber[]> {
  const { rows } = await pool.query<
    NumberRow & { attempts: string; outcome: string | null; ack_code: string | null; duration_ms: number | null }
  >({ name: 'console-recent', text: RECENT, values: [id, from, to] });
  return rows.map((row) => ({
    ...ribbonNumber(row),
    attempts: Number(row.attempts),
    lastOutcome: row.outcome,
    ackCode: row.ack_code,
    durationMs: row.duration_ms,
  }));
}

export interface RecentCommand {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly fromSequenceNo: number | null;
  readonly toSequenceNo: number | null;
  readonly reason: string;
  readonly actor: string;
  readonly requestedAt: Date;
  readonly status: CommandStatus;
  readonly refusalCode: string | null;
  readonly doneAt: Date | null;
}

const RECENT_COMMANDS = `
SELECT command_id, kind, from_sequence_no, to_sequence_no, reason, actor, requested_at, status, refusal_code, done_at
  FROM lane_command WHERE interface_id = $1 ORDER BY requested_at DESC LIMIT 10`;

/** The last ten commands to a lane, newest first. */
export async function readRecentCommands(pool: pg.Pool, id: InterfaceId): Promise<RecentCommand[]> {
  const { rows } = await pool.query<{
    command_id: string;
    kind: CommandKind;
    from_sequence_no: string | null;
    to_sequence_no: string | null;
    reason: string;
    actor: string;
    requested_at: Date;
    status: CommandStatus;
    refusal_code: string | null;
    done_at: Date | null;
  }>({ name: 'console-recent-commands', text: RECENT_COMMANDS, values: [id] });
  return rows.map((row) => ({
    commandId: row.command_id,
    kind: row.kind,
    fromSequenceNo: row.from_sequence_no === null ? null : sequenceNo(row.from_sequence_no),
    toSequenceNo: row.to_sequence_no === null ? null : sequenceNo(row.to_sequence_no),
    reason: row.reason,
    actor: row.actor,
    requestedAt: row.requested_at,
    status: row.status,
    refusalCode: row.refusal_code,
    doneAt: row.done_at,
  }));
}
