/** The board's state is its URL: reload, Back and a link in a ticket show the same screen. Unknown values fall away. */
import { LANE_STATES } from '@inorder/core';
import { createLoader, parseAsArrayOf, parseAsString, parseAsStringLiteral } from 'nuqs/server';
import { SORT_KEYS, type Sort } from './board-order.ts';
import { HEALTHS } from './health.ts';

const SORTS: readonly Sort[] = SORT_KEYS.flatMap((key): Sort[] => [key, `-${key}`]);

export const boardParams = {
  q: parseAsString.withDefault(''),
  health: parseAsArrayOf(parseAsStringLiteral(HEALTHS)).withDefault([]),
  state: parseAsArrayOf(parseAsStringLiteral(LANE_STATES)).withDefault([]),
  sort: parseAsStringLiteral(SORTS).withDefault('worst'),
};

export const loadBoardParams = createLoader(boardParams);
