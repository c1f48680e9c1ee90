/** What the board is made of, on the server, on the wire and in the browser. No patient data (G18). */
import { LANE_STATES, type LaneStateName, type WaitingFor } from '@inorder/core';
import { HEALTHS, type Health } from './health.ts';

/** Who the lanes are; position = row. Rows keep their place for as long as `boot` stays the same. */
export interface BoardNames {
  readonly code: readonly string[];
  readonly name: readonly string[];
  readonly site: readonly string[];
  /** Names of destinations, joined by ", ". */
  readonly to: readonly string[];
}

/** How the lanes are; position = row. States and healths are positions in LANE_STATES and HEALTHS. */
export interface BoardColumns {
  readonly seq: readonly number[];
  readonly state: readonly number[];
  readonly checkpoint: readonly number[];
  readonly highWater: readonly number[];
  readonly waitingFor: readonly (WaitingFor | null)[];
  readonly oldestAt: readonly (number | null)[];
  readonly gaps: readonly number[];
  readonly inPerMinute: readonly number[];
  readonly outPerMinute: readonly number[];
  readonly health: readonly number[];
  readonly why: readonly (string | null)[];
  /** Change of the lag per minute, over about the last minute. */
  readonly trend: readonly number[];
  readonly dead: readonly number[];
}

/** One changed row; positions, because deltas repeat every key. */
export type RowChange = readonly [
  row: number,
  seq: number,
  state: number,
  checkpoint: number,
  highWater: number,
  waitingFor: WaitingFor | null,
  oldestAt: number | null,
  gaps: number,
  inPerMinute: number,
  outPerMinute: number,
  health: number,
  why: string | null,
  trend: number,
  dead: number,
];

/** Where the news comes from, and whether it does. */
export interface FeedState {
  readonly source: 'redis' | 'engine' | 'postgres';
  /** The rows may be old: no wire to the lanes' owners; numbers come from Postgres every 5 s. */
  readonly stale: boolean;
  /** Engine instances with a fresh heartbeat. */
  readonly engines: number;
}

export interface BoardSnapshot {
  /** Names this server process's numbering of rows and news. */
  readonly boot: string;
  /** Everything up to this news is in it. */
  readonly seq: number;
  /** Grows when lanes are added or renamed: then a new snapshot is due. */
  readonly directory: number;
  /** The server's clock, epoch milliseconds. */
  readonly at: number;
  readonly feed: FeedState;
  readonly names: BoardNames;
  readonly columns: BoardColumns;
}

export interface BoardChange {
  readonly boot: string;
  readonly seq: number;
  readonly directory: number;
  readonly at: number;
  readonly feed: FeedState;
  readonly rows: readonly RowChange[];
}

export function stateAt(position: number | undefined): LaneStateName {
  return LANE_STATES[position ?? -1] ?? 'IDLE';
}

export function healthAt(position: number | undefined): Health {
  return HEALTHS[position ?? -1] ?? 'OK';
}

/** How many rows have each health; position as in HEALTHS. */
export function countHealths(health: ArrayLike<number>): number[] {
  const counts = HEALTHS.map(() => 0);
  for (let row = 0; row < health.length; row++) counts[health[row] ?? 0] = (counts[health[row] ?? 0] ?? 0) + 1;
  return counts;
}

/** Minutes until the lag is worked off at the present rates; null when it is not falling; 0 at lag 0. */
export function drainsInMinutes(lag: number, inPerMinute: number, outPerMinute: number): number | null {
  if (lag === 0) return 0;
  const net = outPerMinute - inPerMinute;
  return net > 0 ? lag / net : null;
}
