'use client';
import { durationText } from '@inorder/core';
import { memo, useSyncExternalStore } from 'react';
import { TONE_SOFT, TONE_TEXT } from '../../ui/badge.tsx';
import { cn } from '../../ui/class-names.ts';
import { useNow } from '../../ui/use-now.ts';
import { drainsInMinutes, healthAt, stateAt } from './board-data.ts';
import type { BoardStore } from './board-store.ts';
import { HEALTH_WORDS, LANE_STATE_WORDS, type Word } from './lane-words.ts';
import type { Live } from './live.ts';
import { drainsText, grouped, rateText, trendText } from './numbers.ts';
import { laneSentence } from './sentence.ts';

/** Above md: one table row. Below: a card; the same cells, the lesser ones left out. */
export const BOARD_GRID =
  'md:grid md:grid-cols-[minmax(10.5rem,1.2fr)_minmax(13rem,2.2fr)_minmax(7.5rem,1.1fr)_4.5rem_4.5rem_5.5rem_3rem_5rem_7.5rem_3rem] md:gap-x-3';

export const ROW_HEIGHT = 46;
export const CARD_HEIGHT = 96;
/** The same two for the style sheet, which knows before any script whether there is room for a table. */
export const ROW_HEIGHT_VARIABLE = '[--row:96px] md:[--row:46px]';

interface BoardRowProps {
  readonly store: BoardStore;
  readonly row: number;
  /** Place among the rows shown, from 0. */
  readonly place: number;
  readonly live: Live;
  /** The one row that Tab reaches. */
  readonly current: boolean;
}

export const BoardRow = memo(function BoardRow({ store, row, place, live, current }: BoardRowProps) {
  const seq = useSyncExternalStore(
    store.subscribe,
    () => store.seqOf(row),
    () => store.seqOf(row),
  );
  const now = useNow(1000, store.renderedAt);
  const { names, columns } = store;
  const code = names.code[row] ?? '';
  const state = stateAt(columns.state[row]);
  const health = healthAt(columns.health[row]);
  const checkpoint = columns.checkpoint[row] ?? 0;
  const highWater = columns.highWater[row] ?? 0;
  const oldestAt = columns.oldestAt[row] ?? null;
  const gaps = columns.gaps[row] ?? 0;
  const inPerMinute = columns.inPerMinute[row] ?? 0;
  const outPerMinute = columns.outPerMinute[row] ?? 0;
  const dead = columns.dead[row] ?? 0;
  const lag = highWater - checkpoint;
  const why = columns.why[row] ?? null;
  const sentence = laneSentence({ state, checkpoint, highWater, waitingFor: columns.waitingFor[row] ?? null }, now);
  const trend = trendText(columns.trend[row] ?? 0);
  const drains = drainsText(lag, drainsInMinutes(lag, inPerMinute, outPerMinute));
  const age = oldestAt === null || lag === 0 ? null : durationText(now - oldestAt);
  const bad = HEALTH_WORDS[health].tone === 'bad';

  return (
    // biome-ignore lint/a11y/useSemanticElements: a virtual table's rows are positioned, which <tr> cannot be
    // biome-ignore lint/a11y/useFocusableInteractive: the row's link takes the focus
    <div
      role="row"
      aria-rowindex={place + 2}
      data-testid={`iface-row-${code}`}
      data-live={live === 'reconnecting' ? 'stale' : live}
      data-seq={seq}
      data-place={place}
      style={{ height: 'var(--row)', transform: `translateY(calc(var(--row) * ${place}))` }}
      className={cn(
        'absolute inset-x-0 top-0 grid grid-cols-[1fr_auto] items-center gap-x-3 border-b px-4 [contain:layout_style] hover:bg-hover focus-within:bg-hover sm:px-6',
        BOARD_GRID,
        (live === 'stale' || live === 'reconnecting') && 'grayscale',
      )}
    >
      <Cell className="flex min-w-0 items-center gap-2.5 md:gap-2.5">
        <span aria-hidden className={cn('hidden h-7 w-0.5 rounded-full md:block', bad ? 'bg-bad' : 'bg-transparent')} />
        <div className="min-w-0">
          <a
            href={`/interfaces/${code}`}
            tabIndex={current ? 0 : -1}
            data-place-link={place}
            className="font-mono text-[0.8125rem] font-medium after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
          >
            {code}
          </a>
          <p className="truncate text-xs text-muted">
            {names.name[row]}
            {names.site[row] && <span className="text-faint"> · {names.site[row]}</span>}
          </p>
        </div>
      </Cell>
      <Cell className="order-3 col-span-2 min-w-0 md:order-none md:col-span-1">
        <WordBadge word={LANE_STATE_WORDS[state]} />
        <p className="truncate text-xs text-muted" title={sentence}>
          {sentence}
        </p>
      </Cell>
      <Cell className="min-w-0 justify-self-end text-right md:justify-self-auto md:text-left">
        <WordBadge word={HEALTH_WORDS[health]} soft={health !== 'OK'} />
        {why !== null && (
          <p className="hidden truncate text-xs text-muted md:block" title={why}>
            {why}
          </p>
        )}
        <p className={cn('tabular text-xs md:hidden', lag > 0 ? 'text-ink' : 'text-faint')}>
          {grouped(lag)} waiting{age !== null && ` · ${age}`}
        </p>
      </Cell>
      <Cell className={cn('tabular hidden text-right md:block', lag === 0 ? 'text-faint' : 'font-medium')}>
        {grouped(lag)}
      </Cell>
      <Cell className={cn('tabular hidden text-right md:block', age === null ? 'text-faint' : '')}>{age ?? '–'}</Cell>
      <Cell className="tabular hidden text-right leading-4 md:block">
        {grouped(checkpoint)}
        <span className="block text-xs text-faint">of {grouped(highWater)}</span>
      </Cell>
      <Cell className={cn('tabular hidden text-right md:block', gaps === 0 ? 'text-faint' : 'font-medium text-warn')}>
        {gaps}
      </Cell>
      <Cell className="tabular hidden text-right text-xs leading-4 md:block">
        <Rate value={inPerMinute} word="in" />
        <Rate value={outPerMinute} word="out" />
      </Cell>
      <Cell className="tabular hidden text-right text-xs leading-4 whitespace-nowrap md:block">
        <span className={trend === null ? 'text-faint' : (columns.trend[row] ?? 0) > 0 ? 'text-warn' : 'text-good'}>
          {trend ?? '–'}
        </span>
        {drains !== null && <span className="block text-muted">{drains}</span>}
      </Cell>
      <Cell className="tabular hidden text-right md:block">
        {dead === 0 ? (
          <span className="text-faint">0</span>
        ) : (
          <a
            href={`/dlq?interface=${code}`}
            tabIndex={-1}
            aria-label={`${dead} dead letters of ${code}`}
            className="relative z-10 inline-flex h-6 min-w-6 items-center justify-center rounded bg-bad-soft px-1.5 text-xs font-medium text-bad hover:underline"
          >
            {grouped(dead)}
          </a>
        )}
      </Cell>
    </div>
  );
});

function Cell({ className, children }: { className?: string; children: React.ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: as its row
    <div role="cell" className={className}>
      {children}
    </div>
  );
}

function Rate({ value, word }: { value: number; word: string }) {
  return (
    <span className={cn('block', value === 0 ? 'text-faint' : '')}>
      {rateText(value)} <span className="text-faint">{word}</span>
    </span>
  );
}

/** Icon, word and colour of a state or a health. */
export function WordBadge({ word, soft = false }: { word: Word; soft?: boolean }) {
  const Icon = word.icon;
  return (
    <span
      title={word.meaning}
      className={cn(
        'inline-flex h-5 items-center gap-1 whitespace-nowrap text-xs font-medium',
        soft ? `rounded px-1.5 ${TONE_SOFT[word.tone]}` : TONE_TEXT[word.tone],
      )}
    >
      <Icon aria-hidden className="size-3.5 shrink-0" strokeWidth={2.25} />
      {word.word}
    </span>
  );
}
