/** A lane's window as `delivery:{interface_id}` shows it: a picture for others, which nothing decides by (G11). */
import { windowEntries } from '@inorder/core';
import type { CachedWindow } from '../adapters/redis/redis.ts';
import type { Lane } from './lane.ts';

const FAILED_MAX = 1000;

export function cachedWindow(lane: Lane | undefined): CachedWindow | undefined {
  if (lane === undefined) return undefined;
  const { state } = lane;
  const failed: number[] = [];
  for (const { n, value } of windowEntries(state.window)) {
    if (value.status === 'FAILED' && failed.length < FAILED_MAX) failed.push(n);
  }
  return { interfaceId: state.interfaceId, nextExpected: state.checkpoint + 1, failed, windowUpper: state.highWater };
}
