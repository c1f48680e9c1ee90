'use client';
import type { LaneStateName, WaitingFor } from '@inorder/core';
import { useSubscription } from '@trpc/tanstack-react-query';
import { useEffect, useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import { type BoardChange, type BoardSnapshot, type FeedState, healthAt, stateAt } from '../lag/board-data.ts';
import type { Health } from '../lag/health.ts';
import { type Live, useUntil } from '../lag/live.ts';

const RETRY_MS = 2000;

/** One lane, as it is now. */
export interface LaneView {
  readonly seq: number;
  readonly state: LaneStateName;
  readonly checkpoint: number;
  readonly highWater: number;
  readonly waitingFor: WaitingFor | null;
  readonly oldestAt: number | null;
  readonly gaps: number;
  readonly inPerMinute: number;
  readonly outPerMinute: number;
  readonly health: Health;
  readonly why: string | null;
  readonly trend: number;
  readonly dead: number;
}

export interface LiveLane {
  readonly lane: LaneView;
  readonly feed: FeedState;
  readonly live: Exclude<Live, 'paused'>;
}

/** Live news of one lane; begins with what the server rendered. */
export function useLane(code: string, initial: BoardSnapshot): LiveLane {
  const trpc = useTRPC();
  const [lane, setLane] = useState(() => laneOfSnapshot(initial));
  const [feed, setFeed] = useState(initial.feed);
  const [from] = useState(`${initial.boot}:${initial.seq}`);
  const { status, reset } = useSubscription(
    trpc.lanes.watch.subscriptionOptions(
      { code, lastEventId: from },
      {
        onData: ({ data }) => {
          // Our own server's writing (`watch-lanes.ts`).
          const change = JSON.parse(data) as BoardChange;
          setFeed(change.feed);
          const row = change.rows[0];
          if (row !== undefined) setLane(laneOfChange(row));
        },
      },
    ),
  );
  useEffect(() => {
    if (status !== 'error') return;
    const timer = setTimeout(reset, RETRY_MS);
    return () => clearTimeout(timer);
  }, [status, reset]);
  const opening = useUntil(status === 'pending');
  const live = status === 'error' ? 'reconnecting' : opening ? 'opening' : feed.stale ? 'stale' : 'on';
  return { lane, feed, live };
}

function laneOfSnapshot({ columns }: BoardSnapshot): LaneView {
  return {
    seq: columns.seq[0] ?? 0,
    state: stateAt(columns.state[0]),
    checkpoint: columns.checkpoint[0] ?? 0,
    highWater: columns.highWater[0] ?? 0,
    waitingFor: columns.waitingFor[0] ?? null,
    oldestAt: columns.oldestAt[0] ?? null,
    gaps: columns.gaps[0] ?? 0,
    inPerMinute: columns.inPerMinute[0] ?? 0,
    outPerMinute: columns.outPerMinute[0] ?? 0,
    health: healthAt(columns.health[0]),
    why: columns.why[0] ?? null,
    trend: columns.trend[0] ?? 0,
    dead: columns.dead[0] ?? 0,
  };
}

function laneOfChange(change: BoardChange['rows'][number]): LaneView {
  const [, seq, state, checkpoint, highWater, waitingFor, oldestAt, gaps, inPerMinute, outPerMinute, ...rest] = change;
  const [health, why, trend, dead] = rest;
  return {
    seq,
    state: stateAt(state),
    checkpoint,
    highWater,
    waitingFor,
    oldestAt,
    gaps,
    inPerMinute,
    outPerMinute,
    health: healthAt(health),
    why,
    trend,
    dead,
  };
}
