import { createSerializer } from 'nuqs/server';
import { describe, expect, test } from 'vitest';
import type { BoardSnapshot } from './board-data.ts';
import { drainsInMinutes } from './board-data.ts';
import { movedRows, orderOf } from './board-order.ts';
import { boardParams, loadBoardParams } from './board-params.ts';
import { HEALTHS } from './health.ts';

const OK = HEALTHS.indexOf('OK');
const GAP = HEALTHS.indexOf('GAP');

const board: Pick<BoardSnapshot, 'names' | 'columns'> = {
  names: {
    code: ['LAB-1', 'LAB-2', 'LAB-3', 'LAB-4'],
    name: ['Chemistry', 'Serology', 'Chemistry', 'Genetics'],
    site: ['Hill Road', 'Harbour', 'Harbour', 'Hill Road'],
    to: ['LIS-1', 'LIS-2', 'LIS-1', 'LIS-3'],
  },
  columns: {
    seq: [1, 1, 1, 1],
    state: [0, 5, 0, 6],
    checkpoint: [10, 10, 10, 10],
    highWater: [15, 30, 12, 10],
    waitingFor: [null, null, null, null],
    oldestAt: [3000, 1000, 2000, null],
    gaps: [0, 0, 1, 0],
    inPerMinute: [5, 5, 5, 0],
    outPerMinute: [10, 5, 6, 0],
    health: [OK, OK, GAP, OK],
    why: [null, null, null, null],
    trend: [0, 0, 0, 0],
    dead: [0, 0, 0, 0],
  },
};
const all = { q: '', health: [], state: [], sort: 'worst' } as const;
const codes = (rows: readonly number[]) => rows.map((row) => board.names.code[row]);

describe('order', () => {
  test('worst first: health, then the longest line, then the code', () => {
    expect(codes(orderOf(board, all))).toEqual(['LAB-3', 'LAB-2', 'LAB-1', 'LAB-4']);
  });

  test('by age the oldest is the largest, and what does not drain drains last', () => {
    expect(codes(orderOf(board, { ...all, sort: '-oldest' }))).toEqual(['LAB-2', 'LAB-3', 'LAB-1', 'LAB-4']);
    expect(codes(orderOf(board, { ...all, sort: '-drains' }))[0]).toBe('LAB-2');
    expect(drainsInMinutes(20, 5, 10)).toBe(4);
    expect(drainsInMinutes(20, 5, 5)).toBeNull();
  });

  test('equal rows keep their order, both ways', () => {
    expect(codes(orderOf(board, { ...all, sort: 'name' }))).toEqual(['LAB-1', 'LAB-3', 'LAB-4', 'LAB-2']);
    expect(codes(orderOf(board, { ...all, sort: '-name' }))).toEqual(['LAB-2', 'LAB-4', 'LAB-1', 'LAB-3']);
  });

  test('words must all occur; a qualifier looks in one place only', () => {
    expect(codes(orderOf(board, { ...all, q: 'chem harbour' }))).toEqual(['LAB-3']);
    expect(codes(orderOf(board, { ...all, q: 'site:hill', sort: 'code' }))).toEqual(['LAB-1', 'LAB-4']);
    expect(codes(orderOf(board, { ...all, q: 'to:lis-3' }))).toEqual(['LAB-4']);
    expect(codes(orderOf(board, { ...all, state: ['PAUSED'] }))).toEqual(['LAB-2']);
    expect(codes(orderOf(board, { ...all, health: ['GAP'] }))).toEqual(['LAB-3']);
  });

  test('counts the rows that would move', () => {
    expect(movedRows([1, 2, 3], [1, 2, 3])).toBe(0);
    expect(movedRows([1, 2, 3], [2, 1, 3])).toBe(2);
    expect(movedRows([1], [1, 2])).toBe(1);
  });
});

describe('URL', () => {
  test('is the state: written and read again it is the same', () => {
    const state = { q: 'site:hill chem', health: ['GAP', 'SLOW'], state: ['PAUSED'], sort: '-waiting' } as const;
    const query = createSerializer(boardParams)({ ...state, health: [...state.health], state: [...state.state] });
    expect(loadBoardParams(new URLSearchParams(query))).toEqual(state);
    expect(createSerializer(boardParams)({ q: '', health: [], state: [], sort: 'worst' })).toBe('');
  });

  test('unknown values fall away', () => {
    const read = loadBoardParams(new URLSearchParams('health=GAP,NONSENSE&state=WHAT&sort=-colour'));
    expect(read).toEqual({ q: '', health: ['GAP'], state: [], sort: 'worst' });
  });
});
