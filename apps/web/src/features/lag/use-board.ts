'use client';
import { useSubscription } from '@trpc/tanstack-react-query';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import type { BoardChange, BoardSnapshot } from './board-data.ts';
import { BoardStore, type BoardSummary } from './board-store.ts';
import { type Live, useUntil } from './live.ts';

const RETRY_MS = 2000;
/** A line that opens, or moves on to a new snapshot, is not a line that is lost. */
const LOST_AFTER_MS = 800;

export interface LiveBoard {
  readonly store: BoardStore;
  readonly summary: BoardSummary;
  readonly live: Live;
  /** false while only the first rows are there. */
  readonly complete: boolean;
  readonly paused: boolean;
  readonly setPaused: (paused: boolean) => void;
}

/** The live board: the server's first rows, then the snapshot, then news over the tab's one stream. */
export function useBoard(initial: BoardSnapshot, healths: readonly number[]): LiveBoard {
  const trpc = useTRPC();
  const [store] = useState(() => new BoardStore(initial, healths));
  const summary = useSyncExternalStore(store.subscribe, store.summary, store.summary);
  /** Where the stream begins; null until the snapshot is there. */
  const [from, setFrom] = useState<string | null>(null);
  const [paused, setPausedState] = useState(false);
  const visible = useVisible();
  const loading = useRef(false);

  const load = useCallback(async () => {
    if (loading.current) return;
    loading.current = true;
    const snapshot = await fetchSnapshot();
    loading.current = false;
    if (snapshot === null) {
      setTimeout(() => void load(), RETRY_MS);
      return;
    }
    store.load(snapshot);
    setFrom(store.position);
  }, [store]);

  useEffect(() => {
    // After the first paint: parsing 25,000 lanes must not stand in its way.
    const idle = requestIdleCallback(() => void load(), { timeout: 500 });
    return () => cancelIdleCallback(idle);
  }, [load]);

  useEffect(() => {
    // A tab that nobody sees gets no news; on return the stream goes on where it stopped.
    if (visible) setFrom((before) => (before === null ? null : store.position));
  }, [visible, store]);

  const subscription = useSubscription(
    trpc.lanes.watch.subscriptionOptions(from === null ? {} : { lastEventId: from }, {
      enabled: from !== null && visible,
      onData: ({ data }) => {
        // Our own server's writing (`watch-lanes.ts`).
        const change = JSON.parse(data) as BoardChange;
        if (!store.apply(change)) void load();
      },
    }),
  );
  const { status, reset } = subscription;
  useEffect(() => {
    if (status !== 'error') return;
    const timer = setTimeout(reset, RETRY_MS);
    return () => clearTimeout(timer);
  }, [status, reset]);

  const setPaused = useCallback(
    (next: boolean) => {
      setPausedState(next);
      store.setPaused(next);
    },
    [store],
  );
  const opening = useUntil(status === 'pending');
  const lineStands = status === 'pending' || !visible || from === null;
  const lost = useStaysFalse(lineStands, LOST_AFTER_MS);
  const live = paused ? 'paused' : lost ? 'reconnecting' : opening ? 'opening' : summary.feed.stale ? 'stale' : 'on';
  return { store, summary, live, complete: from !== null, paused, setPaused };
}

async function fetchSnapshot(): Promise<BoardSnapshot | null> {
  try {
    const answer = await fetch('/api/lag/snapshot');
    if (answer.status === 401) window.location.assign('/sign-in?next=/lag');
    // 25,000 rows of our own server's writing: no schema walks them here.
    return answer.ok ? ((await answer.json()) as BoardSnapshot) : null;
  } catch {
    return null;
  }
}

/** Whether something has been false for so long; true again at once. */
function useStaysFalse(now: boolean, forMs: number): boolean {
  const [stays, setStays] = useState(false);
  useEffect(() => {
    if (now) {
      setStays(false);
      return;
    }
    const timer = setTimeout(() => setStays(true), forMs);
    return () => clearTimeout(timer);
  }, [now, forMs]);
  return stays && !now;
}

function useVisible(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
    () => document.visibilityState === 'visible',
    () => true,
  );
}
