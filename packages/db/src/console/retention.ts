/** What retention removed, as the console says it, and the check of every number (G5). */
import { type MessageStatus, type SequenceNo, sequenceNo } from '@inorder/core';
import type pg from 'pg';

/** The numbers that the retention floor of an interface has passed. Rows of some of them may still be there. */
export interface RemovedRange {
  readonly interfaceCode: string;
  readonly from: SequenceNo;
  readonly to: SequenceNo;
  /** How the numbers of the range ended; the sum is their count. */
  readonly delivered: number;
  readonly failed: number;
  readonly skipped: number;
  readonly filtered: number;
  /** Hex. Chain of SHA-256 over id, number, end and time of each number, in order. */
  readonly hash: string;
  /** When the floor moved last. */
  readonly removedAt: Date;
}

/** Index: interface_code_key, sequence_range_pkey. */
const REMOVED = `
SELECT i.code, r.from_sequence_no, r.to_sequence_no, r.delivered, r.failed, r.skipped, r.filtered, encode(r.hash, 'hex') AS hash, r.removed_at
  FROM interface i JOIN sequence_range r USING (interface_id)
 WHERE i.code = $1 AND $2 BETWEEN r.from_sequence_no AND r.to_sequence_no`;

interface RangeRow {
  readonly code: string;
  readonly from_sequence_no: string;
  readonly to_sequence_no: string;
  readonly delivered: string;
  readonly failed: string;
  readonly skipped: string;
  readonly filtered: string;
  readonly hash: string;
  readonly removed_at: Date;
}

/**
 * For a number that has no row. @returns the range it was removed with; null: it was never given, or there is no such
 * interface.
 */
export async function readRemovedRange(
  client: pg.Pool | pg.ClientBase,
  code: string,
  number: number,
): Promise<RemovedRange | null> {
  const row = (await client.query<RangeRow>(REMOVED, [code, number])).rows[0];
  if (row === undefined) return null;
  return {
    interfaceCode: row.code,
    from: sequenceNo(row.from_sequence_no),
    to: sequenceNo(row.to_sequence_no),
    delivered: Number(row.delivered),
    failed: Number(row.failed),
    skipped: Number(row.skipped),
    filtered: Number(row.filtered),
    hash: row.hash,
    removedAt: row.removed_at,
  };
}

/** One sentence for people. */
export function removedSentence(range: RemovedRange): string {
  const ends = [
    `${range.delivered} delivered`,
    `${range.failed} failed`,
    `${range.skipped} skipped`,
    `${range.filtered} filtered`,
  ];
  return `removed by retention with the range ${range.interfaceCode}:${range.from} to ${range.to} (${ends.join(', ')}; last on ${range.removedAt.toISOString().slice(0, 10)})`;
}

export interface NumbersCheck {
  readonly floor: number;
  readonly checkpoint: number;
  readonly highWater: number;
  /** What does not hold, a sentence each; empty: every number has one row or one range, and one end (G5). */
  readonly faults: readonly string[];
}

/**
 * Reads every row of one interface, in one statement: from the floor up one row for each number, settled exactly up to the
 * checkpoint; below it, one range that counts every number, and no row that the range does not count.
 * Index: message_tracking (interface_id, sequence_no).
 */
const CHECK = `
SELECT s.retained_from AS floor, c.last_delivered_sequence AS checkpoint, s.last_sequence_no AS high_water,
       n.from_floor, n.beyond, n.open_below, n.open_settled, n.settled_open, n.below,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('from', r.from_sequence_no, 'to', r.to_sequence_no, 'DELIVERED', r.delivered, 'FAILED', r.failed,
                 'SKIPPED', r.skipped, 'FILTERED', r.filtered)), '[]') FROM sequence_range r WHERE r.interface_id = i.interface_id) AS ranges
  FROM interface i JOIN interface_sequence s USING (interface_id) JOIN message_delivery_checkpoint c USING (interface_id)
 CROSS JOIN LATERAL (
   SELECT count(*) FILTER (WHERE t.sequence_no BETWEEN s.retained_from AND s.last_sequence_no) AS from_floor,
          count(*) FILTER (WHERE t.sequence_no > s.last_sequence_no) AS beyond,
          min(t.sequence_no) FILTER (WHERE t.sequence_no < s.retained_from AND NOT e.settled) AS open_below,
          min(t.sequence_no) FILTER (WHERE t.sequence_no <= c.last_delivered_sequence AND NOT e.settled) AS open_settled,
          min(t.sequence_no) FILTER (WHERE t.sequence_no > c.last_delivered_sequence AND t.settled_at IS NOT NULL) AS settled_open,
          (SELECT coalesce(jsonb_object_agg(b.status, b.n), '{}') FROM (
             SELECT k.status, count(*) AS n FROM message_tracking k
              WHERE k.interface_id = i.interface_id AND k.sequence_no < s.retained_from GROUP BY k.status) b) AS below
     FROM message_tracking t
    CROSS JOIN LATERAL (SELECT t.settled_at IS NOT NULL AND t.status IN ('DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED') AS settled) e
    WHERE t.interface_id = i.interface_id
 ) n
 WHERE i.code = $1`;

type End = Extract<MessageStatus, 'DELIVERED' | 'FAILED' | 'SKIPPED' | 'FILTERED'>;
const ENDS: readonly End[] = ['DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'];

interface CheckRow {
  readonly floor: string;
  readonly checkpoint: string;
  readonly high_water: string;
  readonly from_floor: string;
  readonly beyond: string;
  readonly open_below: string | null;
  readonly open_settled: string | null;
  readonly settled_open: string | null;
  readonly below: Partial<Record<End, number>>;
  readonly ranges: readonly (Record<End, number> & { readonly from: number; readonly to: number })[];
}

/** @returns null when there is no such interface. */
export async function checkNumbers(client: pg.Pool | pg.ClientBase, code: string): Promise<NumbersCheck | null> {
  const row = (await client.query<CheckRow>(CHECK, [code])).rows[0];
  if (row === undefined) return null;
  const [floor, checkpoint, highWater] = [Number(row.floor), Number(row.checkpoint), Number(row.high_water)];
  const faults: string[] = [];
  const say = (wrong: boolean, sentence: string): void => {
    if (wrong) faults.push(sentence);
  };
  const expected = highWater - floor + 1;
  say(checkpoint > highWater, `the checkpoint ${checkpoint} is above the high-water mark ${highWater}`);
  say(floor > checkpoint + 1, `the floor ${floor} is above the head ${checkpoint + 1}`);
  say(Number(row.from_floor) !== expected, `from the floor up ${row.from_floor} rows stand for ${expected} numbers`);
  say(Number(row.beyond) > 0, `${row.beyond} rows are above the high-water mark`);
  say(row.open_below !== null, `#${row.open_below} is below the floor and not settled`);
  say(row.open_settled !== null, `#${row.open_settled} is at or below the checkpoint and not settled`);
  say(row.settled_open !== null, `#${row.settled_open} is above the checkpoint and settled`);
  const [range, ...others] = row.ranges;
  say(others.length > 0, `${row.ranges.length} ranges stand for what is below the floor`);
  if (range === undefined) {
    say(floor > 1, `no range stands for the numbers below the floor ${floor}`);
  } else {
    say(range.to !== floor - 1, `the range ends at ${range.to}, the floor is ${floor}`);
    const counted = ENDS.reduce((sum, end) => sum + range[end], 0);
    say(counted !== range.to - range.from + 1, `the range ${range.from} to ${range.to} counts ${counted} numbers`);
    for (const end of ENDS) {
      const rows = row.below[end] ?? 0;
      say(rows > range[end], `${rows} rows below the floor ended ${end}, the range counts ${range[end]}`);
    }
  }
  return { floor, checkpoint, highWater, faults };
}
