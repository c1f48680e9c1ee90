import { durationText } from '@inorder/core';
import { drainsInMinutes, healthAt } from './board-data.ts';
import { type Board, orderOf } from './board-order.ts';
import { HEALTHS } from './health.ts';
import { grouped } from './numbers.ts';

/** The row that needs someone first, or null when all is well. */
export function worstRow(board: Board): number | null {
  const row = orderOf(board, {
    q: '',
    health: HEALTHS.filter((health) => health !== 'OK'),
    state: [],
    sort: 'worst',
  })[0];
  return row === undefined || healthAt(board.columns.health[row]) === 'OK' ? null : row;
}

/** "24,812 of 25,000 are well." */
export function totalsSentence(healths: readonly number[], total: number): string {
  const well = healths[HEALTHS.indexOf('OK')] ?? 0;
  if (total === 0) return 'No interface is configured yet.';
  return well === total ? `All ${grouped(total)} are well.` : `${grouped(well)} of ${grouped(total)} are well.`;
}

/** "1,204 waiting, oldest 18 min, does not drain" */
export function worstSentence(board: Board, row: number, nowAt: number): string {
  const { columns } = board;
  const lag = (columns.highWater[row] ?? 0) - (columns.checkpoint[row] ?? 0);
  const oldestAt = columns.oldestAt[row] ?? null;
  const minutes = drainsInMinutes(lag, columns.inPerMinute[row] ?? 0, columns.outPerMinute[row] ?? 0);
  const parts = [`${grouped(lag)} waiting`];
  if (lag > 0 && oldestAt !== null) parts.push(`oldest ${durationText(nowAt - oldestAt)}`);
  if (lag > 0) parts.push(minutes === null ? 'not draining' : `drains in ${durationText(minutes * 60_000)}`);
  return parts.join(', ');
}
