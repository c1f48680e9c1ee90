'use client';
import { durationText } from '@inorder/core';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { TONE_SOFT } from '../../ui/badge.tsx';
import { cn } from '../../ui/class-names.ts';
import { useNow } from '../../ui/use-now.ts';
import { drainsInMinutes } from '../lag/board-data.ts';
import { WordBadge } from '../lag/board-row.tsx';
import { HEALTH_WORDS, LANE_STATE_WORDS } from '../lag/lane-words.ts';
import { drainsText, grouped, rateText, trendText } from '../lag/numbers.ts';
import { laneSentence } from '../lag/sentence.ts';
import type { LiveLane } from './use-lane.ts';

/** What the lane does, in its owner's words, and its numbers. */
export function LaneHeader({ code, live, renderedAt }: { code: string; live: LiveLane; renderedAt: number }) {
  const now = useNow(1000, renderedAt);
  const { lane } = live;
  const lag = lane.highWater - lane.checkpoint;
  const state = LANE_STATE_WORDS[lane.state];
  const StateIcon = state.icon;
  const age = lag === 0 || lane.oldestAt === null ? null : durationText(now - lane.oldestAt);
  const drains = drainsText(lag, drainsInMinutes(lag, lane.inPerMinute, lane.outPerMinute));
  return (
    <section
      aria-label="Lane"
      data-testid="lane-status"
      data-live={live.live === 'reconnecting' ? 'stale' : live.live}
      data-seq={lane.seq}
      className="overflow-hidden rounded-xl border bg-surface"
    >
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3.5">
        <span className={cn('grid size-9 shrink-0 place-items-center rounded-lg', TONE_SOFT[state.tone])}>
          <StateIcon aria-hidden className="size-5" />
        </span>
        <div className="min-w-0 flex-1 basis-60">
          <p className="text-[0.9375rem] leading-6 font-semibold" title={state.meaning}>
            {state.word}
          </p>
          <p className="text-muted" data-testid="lane-sentence">
            {laneSentence(lane, now)}
          </p>
        </div>
        <div className="flex flex-col items-start gap-0.5 sm:items-end">
          <WordBadge word={HEALTH_WORDS[lane.health]} soft />
          {lane.why !== null && <p className="max-w-80 text-xs text-muted sm:text-right">{lane.why}</p>}
        </div>
      </div>
      <dl className="grid grid-cols-2 gap-px border-t bg-line sm:grid-cols-4 lg:grid-cols-8">
        <Fact label="Checkpoint">{grouped(lane.checkpoint)}</Fact>
        <Fact label="Head">
          {lag === 0 ? (
            <span className="text-faint">–</span>
          ) : (
            <Link href={`/messages/${code}/${lane.checkpoint + 1}`} className="hover:underline">
              #{grouped(lane.checkpoint + 1)}
            </Link>
          )}
        </Fact>
        <Fact label="High-water mark">{grouped(lane.highWater)}</Fact>
        <Fact label="Waiting" note={trendText(lane.trend)}>
          {grouped(lag)}
        </Fact>
        <Fact label="Oldest" note={drains}>
          {age ?? <span className="text-faint">–</span>}
        </Fact>
        <Fact label="Gaps" alarming={lane.gaps > 0}>
          {grouped(lane.gaps)}
        </Fact>
        <Fact label="Per minute" note={`${rateText(lane.outPerMinute)} out`}>
          {rateText(lane.inPerMinute)} <span className="text-xs font-normal text-muted">in</span>
        </Fact>
        <Fact label="Dead letters" alarming={lane.dead > 0}>
          {lane.dead === 0 ? (
            '0'
          ) : (
            <Link href={`/dlq?interface=${code}`} className="underline underline-offset-2">
              {grouped(lane.dead)} open
            </Link>
          )}
        </Fact>
      </dl>
    </section>
  );
}

function Fact({
  label,
  note,
  alarming = false,
  children,
}: {
  label: string;
  note?: string | null;
  alarming?: boolean;
  children: ReactNode;
}) {
  return (
    <div className="bg-surface px-4 py-2.5">
      <dt className="text-xs text-muted">{label}</dt>
      <dd className={cn('tabular text-base leading-6 font-semibold tracking-tight', alarming && 'text-bad')}>
        {children}
      </dd>
      {note != null && <dd className="tabular text-xs text-muted">{note}</dd>}
    </div>
  );
}
