/** Which rows the board shows, and in which order. Pure; the server renders the first rows with it, the browser all. */
import { LANE_STATES, type LaneStateName } from '@inorder/core';
import { type BoardColumns, type BoardNames, drainsInMinutes } from './board-data.ts';
import { HEALTHS, type Health } from './health.ts';

export const SORT_KEYS = [
  'worst',
  'code',
  'name',
  'site',
  'state',
  'health',
  'waiting',
  'oldest',
  'checkpoint',
  'high',
  'gaps',
  'in',
  'out',
  'trend',
  'drains',
  'dead',
] as const;
export type SortKey = (typeof SORT_KEYS)[number];
/** `-waiting`: the largest first. */
export type Sort = SortKey | `-${SortKey}`;

export interface BoardFilter {
  /** Words that must all occur in code, name, site or destination; `site:hill` only in the site, `to:lis-3` in the destination. */
  readonly q: string;
  readonly health: readonly Health[];
  readonly state: readonly LaneStateName[];
  readonly sort: Sort;
}

type Names = { readonly [K in keyof BoardNames]: ArrayLike<string> };
type Columns = { readonly [K in keyof BoardColumns]: ArrayLike<BoardColumns[K][number]> };

export interface Board {
  readonly names: Names;
  readonly columns: Columns;
}

/** Row numbers, in order. Equal rows keep the order of their codes. */
export function orderOf(board: Board, filter: BoardFilter): number[] {
  const rows = matching(board, filter);
  const descending = filter.sort.startsWith('-');
  const key = SORT_KEYS.find((each) => each === filter.sort.replace('-', '')) ?? 'worst';
  const keys = sortKeys(board, key);
  const direction = descending ? -1 : 1;
  rows.sort((a, b) => {
    const x = keys[a];
    const y = keys[b];
    if (x === undefined || y === undefined || x === y) return a - b;
    return x < y ? -direction : direction;
  });
  return rows;
}

function matching(board: Board, filter: BoardFilter): number[] {
  const healths = new Set(filter.health.map((health) => HEALTHS.indexOf(health)));
  const states = new Set(filter.state.map((state) => LANE_STATES.indexOf(state)));
  const tests = filter.q.toLowerCase().split(/\s+/).filter(Boolean).map(wordTest);
  const rows: number[] = [];
  for (let row = 0; row < board.names.code.length; row++) {
    if (healths.size > 0 && !healths.has(board.columns.health[row] ?? -1)) continue;
    if (states.size > 0 && !states.has(board.columns.state[row] ?? -1)) continue;
    if (tests.every((test) => test(board.names, row))) rows.push(row);
  }
  return rows;
}

const QUALIFIERS = ['site', 'to', 'code', 'name'] as const;

function wordTest(word: string): (names: Names, row: number) => boolean {
  const qualifier = QUALIFIERS.find((each) => word.startsWith(`${each}:`));
  if (qualifier !== undefined) {
    const rest = word.slice(qualifier.length + 1);
    return (names, row) => (names[qualifier][row] ?? '').toLowerCase().includes(rest);
  }
  return (names, row) => QUALIFIERS.some((each) => (names[each][row] ?? '').toLowerCase().includes(word));
}

function sortKeys({ names, columns }: Board, key: SortKey): ArrayLike<number> | ArrayLike<string> {
  const lag = (row: number) => (columns.highWater[row] ?? 0) - (columns.checkpoint[row] ?? 0);
  const each = (of: (row: number) => number) => Float64Array.from({ length: names.code.length }, (_, row) => of(row));
  switch (key) {
    case 'worst':
      // Health first; within one health the longest line first.
      return each((row) => (columns.health[row] ?? 0) * 2 ** 42 - Math.min(lag(row), 2 ** 41));
    case 'code':
    case 'name':
    case 'site':
      return Array.from({ length: names.code.length }, (_, row) => (names[key][row] ?? '').toLowerCase());
    case 'state':
    case 'health':
    case 'checkpoint':
    case 'gaps':
    case 'trend':
    case 'dead':
      return columns[key];
    case 'waiting':
      return each(lag);
    case 'oldest':
      // By age: the oldest is the largest; nothing waiting is no age.
      return each((row) => -(columns.oldestAt[row] ?? Number.MAX_SAFE_INTEGER));
    case 'high':
      return columns.highWater;
    case 'in':
      return columns.inPerMinute;
    case 'out':
      return columns.outPerMinute;
    case 'drains':
      return each((row) => {
        const minutes = drainsInMinutes(lag(row), columns.inPerMinute[row] ?? 0, columns.outPerMinute[row] ?? 0);
        return minutes ?? Number.POSITIVE_INFINITY;
      });
  }
}

/** How many rows of `shown` stand elsewhere in `wanted`, or nowhere. */
export function movedRows(shown: readonly number[], wanted: readonly number[]): number {
  let moved = Math.max(0, wanted.length - shown.length);
  for (let i = 0; i < shown.length; i++) if (shown[i] !== wanted[i]) moved += 1;
  return moved;
}
