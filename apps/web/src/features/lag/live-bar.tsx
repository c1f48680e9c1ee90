'use client';
import { durationText } from '@inorder/core';
import { CirclePause, Play, RefreshCw, Unplug } from 'lucide-react';
import { Button } from '../../ui/button.tsx';
import { useNow } from '../../ui/use-now.ts';
import type { BoardSummary } from './board-store.ts';
import type { Live } from './live.ts';
import { grouped } from './numbers.ts';

/** Whether what is on screen is what is: live, held back by the reader, or cut off. */
export function LiveBar({
  live,
  summary,
  paused,
  onPause,
}: {
  live: Live;
  summary: BoardSummary;
  paused: boolean;
  onPause: (paused: boolean) => void;
}) {
  const now = useNow(1000);
  const silent = durationText(now - summary.heardAt);
  return (
    <div className="flex items-center gap-2">
      <span
        data-testid="live-bar"
        data-live={live}
        className="inline-flex items-center gap-1.5 text-xs font-medium"
        suppressHydrationWarning
      >
        {live === 'opening' && (
          <>
            <span aria-hidden className="size-2 rounded-full bg-faint" /> <span className="text-muted">Opening</span>
          </>
        )}
        {live === 'on' && (
          <>
            <span aria-hidden className="pulse-dot size-2 rounded-full bg-good" />{' '}
            <span className="text-good">Live</span>
          </>
        )}
        {live === 'paused' && (
          <span className="inline-flex items-center gap-1.5 text-hold">
            <CirclePause aria-hidden className="size-3.5" /> {grouped(summary.held)} held back
          </span>
        )}
        {live === 'reconnecting' && (
          <span className="inline-flex items-center gap-1.5 text-warn">
            <RefreshCw aria-hidden className="size-3.5" /> Reconnecting, {silent} old
          </span>
        )}
        {live === 'stale' && (
          <span className="inline-flex items-center gap-1.5 text-warn">
            <Unplug aria-hidden className="size-3.5" />
            {summary.feed.engines === 0 ? 'No engine is running' : 'From the database, every 5 s'}
          </span>
        )}
      </span>
      <Button size="sm" aria-keyshortcuts="p" onClick={() => onPause(!paused)}>
        {paused ? <Play aria-hidden /> : <CirclePause aria-hidden />}
        {paused ? 'Go on' : 'Hold'}
      </Button>
    </div>
  );
}
