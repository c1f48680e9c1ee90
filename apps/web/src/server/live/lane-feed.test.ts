import {
  epoch,
  type InterfaceId,
  instanceId,
  interfaceCode,
  interfaceId,
  type LaneStatus,
  sequenceNo,
} from '@inorder/core';
import { expect, test } from 'vitest';
import { HEALTHS } from '../../features/lag/health.ts';
import { LaneFeed } from './lane-feed.ts';

const NOW = 1_800_000_000_000;
const id = (n: number): InterfaceId => interfaceId(`00000000-0000-7000-8000-${String(n).padStart(12, '0')}`);

function feedOf(lanes: number): LaneFeed {
  const feed = new LaneFeed();
  feed.applyDirectory(
    Array.from({ length: lanes }, (_, i) => ({
      interfaceId: id(i),
      code: interfaceCode(`LAB-${i}`),
      name: `Lane ${i}`,
      site: '',
      tags: [],
      enabled: true,
      destinations: ['LIS-1'],
    })),
  );
  feed.flush(NOW);
  return feed;
}

function status(lane: number, checkpoint: number, highWater: number, ofEpoch = 5): LaneStatus {
  return {
    interfaceId: id(lane),
    state: highWater > checkpoint ? 'FLOWING' : 'IDLE',
    sinceAt: NOW,
    checkpoint: sequenceNo(checkpoint),
    highWater: sequenceNo(highWater),
    waitingFor: null,
    oldestAt: highWater > checkpoint ? NOW : null,
    readyAhead: 0,
    gaps: 0,
    inPerMinute: 1,
    outPerMinute: 1,
    epoch: epoch(ofEpoch),
    instance: instanceId('engine-1'),
  };
}

test('a thousand statuses of one lane between two flushes are one row, with the last of them', () => {
  const feed = feedOf(3);
  const seen = feed.seq;
  for (let n = 1; n <= 1000; n++) feed.applyStatuses([status(1, n - 1, n)], NOW);
  feed.flush(NOW);
  const change = feed.changesSince(seen, NOW);
  expect(change.rows).toHaveLength(1);
  expect(change.rows[0]?.slice(0, 5)).toEqual([1, seen + 1, 0, 999, 1000]);
});

test('a reader that was away is told each changed row once, and nothing that it knows', () => {
  const feed = feedOf(3);
  feed.applyStatuses([status(0, 1, 1)], NOW);
  feed.flush(NOW);
  const seen = feed.seq;
  feed.applyStatuses([status(1, 1, 1)], NOW);
  feed.flush(NOW);
  feed.applyStatuses([status(1, 2, 2), status(2, 1, 1)], NOW);
  feed.flush(NOW);
  expect(feed.changesSince(seen, NOW).rows.map((row) => [row[0], row[3]])).toEqual([
    [1, 2],
    [2, 1],
  ]);
  expect(feed.changesSince(feed.seq, NOW).rows).toEqual([]);
  expect(feed.changesSince(seen, NOW, 'LAB-2').rows.map((row) => row[0])).toEqual([2]);
});

test('a flush without news makes no number and wakes nobody', async () => {
  const feed = feedOf(1);
  const seen = feed.seq;
  feed.flush(NOW);
  expect(feed.seq).toBe(seen);
  const woken = feed.after(seen, 60_000, new AbortController().signal);
  feed.applyStatuses([status(0, 1, 1)], NOW);
  feed.flush(NOW);
  await woken;
  expect(feed.seq).toBe(seen + 1);
});

test('a reader that goes away is let go', async () => {
  const feed = feedOf(1);
  const gone = new AbortController();
  const waiting = feed.after(feed.seq, 60_000, gone.signal);
  gone.abort();
  await expect(waiting).resolves.toBeUndefined();
});

test('G10: a former owner is not listened to', () => {
  const feed = feedOf(1);
  feed.applyStatuses([status(0, 10, 10, 6)], NOW);
  feed.applyStatuses([status(0, 50, 50, 5)], NOW);
  expect(feed.snapshot(NOW).columns.checkpoint).toEqual([10]);
});

test('G5: the checkpoint on screen never moves back', () => {
  const feed = feedOf(1);
  feed.applyStatuses([status(0, 10, 12)], NOW);
  feed.applyStatuses([status(0, 9, 12)], NOW);
  expect(feed.snapshot(NOW).columns.checkpoint).toEqual([10]);
});

test('Postgres fills in for lanes that nobody owns, and for all when the wire is cut', () => {
  const feed = feedOf(2);
  const numbers = [0, 1].map((lane) => ({
    interfaceId: id(lane),
    checkpoint: sequenceNo(3),
    highWater: sequenceNo(7),
    movedAt: NOW - 400_000,
    pausedAt: null,
    pausedBy: null,
    heldFor: null,
    oldestAt: NOW - 400_000,
  }));
  feed.applyStatuses([status(0, 1, 1)], NOW);
  feed.applyNumbers(numbers, NOW, false);
  expect(feed.snapshot(NOW).columns.highWater).toEqual([1, 7]);
  feed.applyNumbers(numbers, NOW, true);
  feed.flush(NOW);
  expect(feed.snapshot(NOW).columns.highWater).toEqual([7, 7]);
  expect(HEALTHS[feed.snapshot(NOW).columns.health[1] ?? -1]).toBe('STOPPED');
});

test('an interface made anew under its code takes over the row; one that is gone stays, disabled', () => {
  const feed = feedOf(2);
  const entry = { code: interfaceCode('LAB-1'), name: 'again', site: '', tags: [], enabled: true, destinations: [] };
  feed.applyDirectory([{ interfaceId: id(9), ...entry }]);
  const { names, columns } = feed.snapshot(NOW);
  expect(names.code).toEqual(['LAB-0', 'LAB-1']);
  expect(names.name).toEqual(['Lane 0', 'again']);
  expect(columns.state).toEqual([7, 6]);
});

test('what is told of an interface before its name is read holds as soon as it is', () => {
  const feed = feedOf(1);
  feed.applyStatuses([status(1, 4, 9)], NOW);
  expect(feed.hasUnnamed).toBe(true);
  const entry = (n: number) => ({
    interfaceId: id(n),
    code: interfaceCode(`LAB-${n}`),
    name: `Lane ${n}`,
    site: '',
    tags: [],
    enabled: true,
    destinations: ['LIS-1'],
  });
  feed.applyDirectory([entry(0), entry(1)]);
  feed.flush(NOW);
  expect(feed.hasUnnamed).toBe(false);
  expect(feed.snapshot(NOW, 'LAB-1').columns).toMatchObject({ checkpoint: [4], highWater: [9] });
});
