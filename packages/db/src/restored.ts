/**
 * After a restore or a fail-over all lanes hold (G21). Here is what people see of it, and the one act that lets all of them
 * go on. The lanes themselves are their owners' business: the act is a RESUME for each, with one audit row.
 */
import { interfaceCode, type PlanCommand, plan, sequenceNo } from '@inorder/core';
import { COMMANDS_CHANNEL } from '@inorder/shared';
import type pg from 'pg';
import { appendAudit } from './audit.ts';
import type { RequestCommandsOptions } from './commands.ts';
import { inTransaction } from './transaction.ts';
import { uuidv7 } from './uuid.ts';

/** Lanes that one act releases at most; what is left takes a second act (G19). */
export const RELEASED_LANES_MAX = 100_000;

export interface Restored {
  /** When the lanes were made to hold; null = no lane holds for it. */
  readonly heldAt: Date | null;
  /** Which Postgres this is, counted from 1: what a release is said of. */
  readonly generation: number;
  /** Lanes that still hold. */
  readonly lanes: number;
  /** Of those, lanes that somebody has paused as well: they are resumed one by one. */
  readonly paused: number;
}

export async function readRestored(client: pg.Pool | pg.ClientBase): Promise<Restored> {
  const { rows } = await client.query<{ held_at: Date | null; generation: number; lanes: number; paused: number }>(
    RESTORED,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('store_identity has lost its row');
  return { heldAt: row.held_at, generation: row.generation, lanes: row.lanes, paused: row.paused };
}

/** Counts checkpoints only while lanes hold. Primary key of store_identity. */
const RESTORED = `
SELECT k.held_at, k.generation, coalesce(c.lanes, 0) AS lanes, coalesce(c.paused, 0) AS paused
  FROM store_identity k
  LEFT JOIN LATERAL (
    SELECT count(*)::int AS lanes, count(*) FILTER (WHERE paused_at IS NOT NULL)::int AS paused
      FROM message_delivery_checkpoint WHERE k.held_at IS NOT NULL AND held_for = 'RESTORED') c ON true`;

export type ReleaseRequested =
  | {
      readonly ok: true;
      /** Lanes told to go on by this act. */
      readonly lanes: number;
    }
  /** Postgres is another once more than the one that was agreed to: nothing was written. */
  | { readonly ok: false };

/** Asks the owners of all lanes that hold, and are not paused, to go on. Commands and audit commit together. */
export async function requestRelease(
  pool: pg.Pool,
  generation: number,
  { actor, reason, publish }: RequestCommandsOptions,
): Promise<ReleaseRequested> {
  const result = await inTransaction(pool, async (tx): Promise<ReleaseRequested> => {
    const { rows: same } = await tx.query('SELECT 1 FROM store_identity WHERE generation = $1 FOR SHARE', [generation]);
    if (same.length === 0) return { ok: false };
    const { rows } = await tx.query<HeldRow>(HELD, [RELEASED_LANES_MAX]);
    if (rows.length === 0) return { ok: true, lanes: 0 };
    await tx.query(INSERT, [
      JSON.stringify(rows.map((row) => ({ id: uuidv7(), interfaceId: row.interface_id, planHash: hashOf(row) }))),
      actor,
      reason,
    ]);
    await appendAudit(tx, {
      actor,
      reason,
      action: 'store.release',
      target: 'postgres',
      detail: { generation, lanes: rows.length },
    });
    await tx.query('SELECT pg_notify($1, $2)', [COMMANDS_CHANNEL, 'restored']);
    return { ok: true, lanes: rows.length };
  });
  if (result.ok && publish !== undefined) await Promise.allSettled([publish(COMMANDS_CHANNEL, 'restored')]);
  return result;
}

interface HeldRow {
  readonly interface_id: string;
  readonly code: string;
  readonly checkpoint: string;
  readonly high_water: string;
}

/** A lane that has gone on meanwhile, and holds for something else by then, refuses it. */
function hashOf(row: HeldRow): string {
  const command: PlanCommand = { kind: 'RESUME', fromSequenceNo: null, toSequenceNo: null, resolution: null };
  return plan(command, {
    interfaceCode: interfaceCode(row.code),
    checkpoint: sequenceNo(row.checkpoint),
    highWater: sequenceNo(row.high_water),
    paused: false,
    heldFor: 'RESTORED',
    numbers: [],
    laterOfSameOrder: [],
  }).hash;
}

/** Reads all checkpoints; index lane_command (interface_id, requested_at). Who asks twice is not answered twice. */
const HELD = `
SELECT c.interface_id, i.code, c.last_delivered_sequence AS checkpoint, s.last_sequence_no AS high_water
  FROM message_delivery_checkpoint c JOIN interface i USING (interface_id) JOIN interface_sequence s USING (interface_id)
 WHERE c.held_for = 'RESTORED' AND c.paused_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM lane_command l
                    WHERE l.interface_id = c.interface_id AND l.kind = 'RESUME' AND l.status IN ('PENDING', 'RUNNING'))
 ORDER BY i.code LIMIT $1`;

const INSERT = `
INSERT INTO lane_command (command_id, interface_id, kind, plan_hash, reason, actor)
SELECT r.id, r."interfaceId", 'RESUME', r."planHash", $3, $2
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, "interfaceId" uuid, "planHash" text)`;
