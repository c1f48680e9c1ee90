/** What the live board reads from Postgres: who the lanes are, and their numbers where no engine tells them. */
import {
  type InterfaceCode,
  type InterfaceId,
  interfaceCode,
  interfaceId,
  type SequenceNo,
  sequenceNo,
} from '@inorder/core';
import type pg from 'pg';

/** One interface as the board names it. */
export interface DirectoryEntry {
  readonly interfaceId: InterfaceId;
  readonly code: InterfaceCode;
  readonly name: string;
  readonly site: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
  /** Names of the destinations its current revision routes to. */
  readonly destinations: readonly string[];
}

export interface LaneNumbers {
  readonly interfaceId: InterfaceId;
  readonly checkpoint: SequenceNo;
  readonly highWater: SequenceNo;
  /** When the checkpoint's row was last written, epoch milliseconds: the last time the lane is known to have moved. */
  readonly movedAt: number | null;
  readonly pausedAt: number | null;
  readonly pausedBy: string | null;
  readonly heldFor: string | null;
  /** When the oldest unsettled number was received; null at lag 0. */
  readonly oldestAt: number | null;
}

const DIRECTORY = `
SELECT i.interface_id, i.code, i.name, i.site, i.tags, i.enabled,
       ARRAY(SELECT DISTINCT jsonb_array_elements_text(jsonb_path_query_array(r.document, '$.route[*].to'))) AS destinations
  FROM interface i
  LEFT JOIN interface_sequence s USING (interface_id)
  LEFT JOIN interface_revision r ON r.interface_id = i.interface_id AND r.revision = s.revision
 ORDER BY i.code
 LIMIT $1`;

/** More interfaces than this are not shown; the board says so. */
export const DIRECTORY_ENTRIES_MAX = 100_000;

export async function readDirectory(pool: pg.Pool): Promise<DirectoryEntry[]> {
  const { rows } = await pool.query<{
    interface_id: string;
    code: string;
    name: string;
    site: string;
    tags: string[];
    enabled: boolean;
    destinations: string[];
  }>({ name: 'console-directory', text: DIRECTORY, values: [DIRECTORY_ENTRIES_MAX] });
  return rows.map((row) => ({
    interfaceId: interfaceId(row.interface_id),
    code: interfaceCode(row.code),
    name: row.name,
    site: row.site,
    tags: row.tags,
    enabled: row.enabled,
    destinations: row.destinations,
  }));
}

// The oldest unsettled number is the head: one index probe per lane that waits, none for the others.
const LANE_NUMBERS = `
SELECT i.interface_id, COALESCE(c.last_delivered_sequence, 0) AS checkpoint, COALESCE(s.last_sequence_no, 0) AS high_water,
       c.updated_at, c.paused_at, c.paused_by, c.held_for, head.received_at
  FROM interface i
  LEFT JOIN interface_sequence s USING (interface_id)
  LEFT JOIN message_delivery_checkpoint c USING (interface_id)
  LEFT JOIN message_tracking head
    ON head.interface_id = i.interface_id AND head.sequence_no = COALESCE(c.last_delivered_sequence, 0) + 1
   AND s.last_sequence_no > COALESCE(c.last_delivered_sequence, 0)
 WHERE $1::uuid[] IS NULL OR i.interface_id = ANY ($1)`;

/** @param ids only these; all where it is left out. */
export async function readLaneNumbers(pool: pg.Pool, ids?: readonly InterfaceId[]): Promise<LaneNumbers[]> {
  const { rows } = await pool.query<{
    interface_id: string;
    checkpoint: string;
    high_water: string;
    updated_at: Date | null;
    paused_at: Date | null;
    paused_by: string | null;
    held_for: string | null;
    received_at: Date | null;
  }>({ name: 'console-lane-numbers', text: LANE_NUMBERS, values: [ids ?? null] });
  return rows.map((row) => ({
    interfaceId: interfaceId(row.interface_id),
    checkpoint: sequenceNo(row.checkpoint),
    highWater: sequenceNo(row.high_water),
    movedAt: row.updated_at?.getTime() ?? null,
    pausedAt: row.paused_at?.getTime() ?? null,
    pausedBy: row.paused_by,
    heldFor: row.held_for,
    oldestAt: row.received_at?.getTime() ?? null,
  }));
}

const OPEN_DEAD_LETTERS = `
SELECT interface_id, count(*) AS open FROM dead_letter WHERE resolved_at IS NULL GROUP BY interface_id`;

/** Interface → dead letters nobody has resolved. Interfaces without any are left out. */
export async function readOpenDeadLetters(pool: pg.Pool): Promise<Map<InterfaceId, number>> {
  const { rows } = await pool.query<{ interface_id: string; open: string }>({
    name: 'console-open-dead-letters',
    text: OPEN_DEAD_LETTERS,
  });
  return new Map(rows.map((row) => [interfaceId(row.interface_id), Number(row.open)]));
}

export interface EngineInstance {
  readonly instance: string;
  /** Its admin HTTP; null where it has none. */
  readonly adminUrl: string | null;
}

// By Postgres's clock: its writer and its reader.
const ALIVE_ENGINES = `
SELECT instance, admin_url FROM engine_instance
 WHERE stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => $1::double precision / 1000)
 ORDER BY instance`;

/** Engine instances whose heartbeat is younger than `heartbeatAgeMsMax`. */
export async function readAliveEngines(pool: pg.Pool, heartbeatAgeMsMax: number): Promise<EngineInstance[]> {
  const { rows } = await pool.query<{ instance: string; admin_url: string | null }>({
    name: 'console-alive-engines',
    text: ALIVE_ENGINES,
    values: [heartbeatAgeMsMax],
  });
  return rows.map((row) => ({ instance: row.instance, adminUrl: row.admin_url }));
}
