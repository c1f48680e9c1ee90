import type { Metadata } from 'next';
import { Board } from '../../features/lag/board.tsx';
import type { BoardSnapshot } from '../../features/lag/board-data.ts';
import { countHealths } from '../../features/lag/board-data.ts';
import { orderOf } from '../../features/lag/board-order.ts';
import { loadBoardParams } from '../../features/lag/board-params.ts';
import { requireUser } from '../../server/auth/require-user.ts';
import { laneFeed } from '../../server/live/live.ts';
import type { RouteProps } from '../route-props.ts';

export const metadata: Metadata = { title: 'Lanes' };

/** Rows in the page itself; the browser fetches the rest after its first paint. */
const FIRST_ROWS = 50;

export default async function LagPage({ searchParams }: RouteProps) {
  await requireUser('/lag', await searchParams);
  const params = await loadBoardParams(searchParams);
  const feed = await laneFeed();
  const all = feed.snapshot(Date.now());
  const rows = orderOf(all, params).slice(0, FIRST_ROWS);
  return <Board initial={onlyRows(all, rows)} healths={countHealths(all.columns.health)} />;
}

function onlyRows(all: BoardSnapshot, rows: readonly number[]): BoardSnapshot {
  const { columns } = all;
  const pick = <T,>(column: readonly T[], none: T): T[] => rows.map((row) => column[row] ?? none);
  return {
    ...all,
    names: {
      code: pick(all.names.code, ''),
      name: pick(all.names.name, ''),
      site: pick(all.names.site, ''),
      to: pick(all.names.to, ''),
    },
    columns: {
      seq: pick(columns.seq, 0),
      state: pick(columns.state, 0),
      checkpoint: pick(columns.checkpoint, 0),
      highWater: pick(columns.highWater, 0),
      waitingFor: pick(columns.waitingFor, null),
      oldestAt: pick(columns.oldestAt, null),
      gaps: pick(columns.gaps, 0),
      inPerMinute: pick(columns.inPerMinute, 0),
      outPerMinute: pick(columns.outPerMinute, 0),
      health: pick(columns.health, 0),
      why: pick(columns.why, null),
      trend: pick(columns.trend, 0),
      dead: pick(columns.dead, 0),
    },
  };
}
