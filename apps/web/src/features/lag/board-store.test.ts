import { beforeEach, expect, test, vi } from 'vitest';
import type { BoardChange, BoardSnapshot, RowChange } from './board-data.ts';
import { BoardStore } from './board-store.ts';

const feed = { source: 'engine', stale: false, engines: 1 } as const;

function snapshot(): BoardSnapshot {
  return {
    boot: 'b1',
    seq: 5,
    directory: 2,
    at: 0,
    feed,
    names: { code: ['LAB-1', 'LAB-2'], name: ['', ''], site: ['', ''], to: ['', ''] },
    columns: {
      seq: [5, 4],
      state: [6, 6],
      checkpoint: [1, 1],
      highWater: [1, 1],
      waitingFor: [null, null],
      oldestAt: [null, null],
      gaps: [0, 0],
      inPerMinute: [0, 0],
      outPerMinute: [0, 0],
      health: [6, 6],
      why: [null, null],
      trend: [0, 0],
      dead: [0, 0],
    },
  };
}

const row = (n: number, seq: number, checkpoint: number, health = 6): RowChange => {
  return [n, seq, 0, checkpoint, checkpoint, null, null, 0, 1, 1, health, null, 0, 0];
};
const change = (seq: number, rows: RowChange[], more: Partial<BoardChange> = {}): BoardChange => {
  return { boot: 'b1', seq, directory: 2, at: 0, feed, rows, ...more };
};

let frames: (() => void)[] = [];
beforeEach(() => {
  frames = [];
  vi.stubGlobal('requestAnimationFrame', (frame: () => void) => frames.push(frame));
});
const paint = () => {
  for (const frame of frames.splice(0)) frame();
};

test('news between two frames are one notice', () => {
  const store = new BoardStore(snapshot());
  const notices = vi.fn();
  store.subscribe(notices);
  for (let seq = 6; seq <= 20; seq++) store.apply(change(seq, [row(0, seq, seq)]));
  expect(notices).not.toHaveBeenCalled();
  paint();
  expect(notices).toHaveBeenCalledTimes(1);
  expect([store.seqOf(0), store.columns.checkpoint[0], store.position]).toEqual([20, 20, 'b1:20']);
});

test('held news are counted by row, change nothing, and all arrive when it goes on', () => {
  const store = new BoardStore(snapshot());
  store.setPaused(true);
  store.apply(change(6, [row(0, 6, 6)]));
  store.apply(change(7, [row(0, 7, 7), row(1, 7, 7, 1)]));
  paint();
  expect(store.summary()).toMatchObject({ held: 2, seq: 5 });
  expect(store.columns.checkpoint).toEqual([1, 1]);
  store.setPaused(false);
  paint();
  expect(store.summary()).toMatchObject({ held: 0, seq: 7, total: 2 });
  expect(store.columns.checkpoint).toEqual([7, 7]);
  expect(store.summary().healths[1]).toBe(1);
});

test('news of another server or of another directory are refused: a snapshot is due', () => {
  const store = new BoardStore(snapshot());
  expect(store.apply(change(6, [row(0, 6, 6)], { boot: 'b2' }))).toBe(false);
  expect(store.apply(change(6, [row(0, 6, 6)], { directory: 3 }))).toBe(false);
  expect(store.columns.checkpoint[0]).toBe(1);
});
