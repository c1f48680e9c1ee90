'use client';
import { LANE_STATES, type LaneStateName } from '@inorder/core';
import { Keyboard, Network, Search, SearchX } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useQueryStates } from 'nuqs';
import { useCallback, useMemo, useRef, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { Input } from '../../ui/input.tsx';
import { Select } from '../../ui/select.tsx';
import { EmptyState } from '../../ui/state.tsx';
import { useNow } from '../../ui/use-now.ts';
import { ShortcutSheet } from '../shell/shortcut-sheet.tsx';
import { useShortcuts } from '../shell/use-shortcuts.ts';
import { Announcer } from './announcer.tsx';
import type { BoardSnapshot } from './board-data.ts';
import type { BoardFilter, Sort } from './board-order.ts';
import { boardParams } from './board-params.ts';
import { totalsSentence, worstRow, worstSentence } from './board-sentence.ts';
import type { BoardStore } from './board-store.ts';
import { BoardTable } from './board-table.tsx';
import type { Health } from './health.ts';
import { HealthTiles } from './health-tiles.tsx';
import { HEALTH_WORDS, LANE_STATE_WORDS } from './lane-words.ts';
import { LiveBar } from './live-bar.tsx';
import { useBoard } from './use-board.ts';
import { useOrder } from './use-order.ts';

const SORT_OPTIONS: readonly { value: Sort; label: string }[] = [
  { value: 'worst', label: 'Worst first' },
  { value: 'code', label: 'Code' },
  { value: 'name', label: 'Name' },
  { value: 'site', label: 'Site' },
  { value: '-waiting', label: 'Most waiting' },
  { value: '-oldest', label: 'Oldest' },
  { value: '-trend', label: 'Growing fastest' },
  { value: '-drains', label: 'Drains last' },
  { value: '-in', label: 'Most in' },
  { value: '-out', label: 'Most out' },
  { value: '-high', label: 'High-water mark' },
  { value: '-dead', label: 'Most dead letters' },
];

const STATE_OPTIONS: readonly { value: LaneStateName | 'ANY'; label: string }[] = [
  { value: 'ANY', label: 'Any state' },
  ...LANE_STATES.map((state) => ({ value: state, label: LANE_STATE_WORDS[state].word })),
];

const SHORTCUTS = [
  { keys: ['j', 'k'], does: 'Next, previous lane' },
  { keys: ['Enter'], does: 'Open the lane' },
  { keys: ['/'], does: 'Search' },
  { keys: ['p'], does: 'Hold the news, go on' },
  { keys: ['.'], does: 'Let the rows move' },
  { keys: ['g', 'l · d · m · i · a'], does: 'To lanes, dead letters, messages, instances, audit' },
  { keys: ['?'], does: 'This sheet' },
];

/** The live board: tiles, one sentence, and every lane. */
export function Board({ initial, healths }: { initial: BoardSnapshot; healths: readonly number[] }) {
  const router = useRouter();
  const [params, setParams] = useQueryStates(boardParams, { history: 'replace', shallow: true });
  const filter: BoardFilter = useMemo(
    () => ({ q: params.q, health: params.health, state: params.state, sort: params.sort }),
    [params.q, params.health, params.state, params.sort],
  );
  const { store, summary, live, complete, paused, setPaused } = useBoard(initial, healths);
  const [holding, setHolding] = useState(false);
  const order = useOrder(store, filter, store.names, holding);
  const [cursor, setCursor] = useState(0);
  const [sheet, setSheet] = useState(false);
  const scroll = useRef<HTMLElement>(null);
  const search = useRef<HTMLInputElement>(null);

  const step = useCallback(
    (by: number) => {
      const focused = scroll.current?.contains(document.activeElement) === true;
      const next = Math.max(0, Math.min(order.rows.length - 1, focused ? cursor + by : cursor));
      setCursor(next);
      // The row is in the page after this render: the virtual table always keeps the cursor's.
      requestAnimationFrame(() => {
        scroll.current?.querySelector<HTMLElement>(`[data-place-link="${next}"]`)?.focus();
      });
    },
    [cursor, order.rows.length],
  );
  useShortcuts({
    j: () => step(1),
    k: () => step(-1),
    '/': () => search.current?.focus(),
    p: () => setPaused(!paused),
    '.': order.apply,
    '?': () => setSheet(true),
  });

  const setHealth = (health: Health) =>
    void setParams(
      {
        health: params.health.includes(health)
          ? params.health.filter((each) => each !== health)
          : [...params.health, health],
      },
      { history: 'push' },
    );
  const clear = () => void setParams({ q: null, health: null, state: null }, { history: 'push' });
  const filtered = params.q !== '' || params.health.length > 0 || params.state.length > 0;

  return (
    <div className="flex h-[calc(100dvh-6.5rem)] min-h-[28rem] flex-col sm:h-[calc(100dvh-3rem)]">
      <div className="flex flex-col gap-3 px-4 pt-4 pb-3 sm:px-6">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <h1 className="text-lg font-semibold tracking-tight">Lanes</h1>
          <Sentence store={store} healths={summary.healths} total={summary.total} complete={complete} />
          <div className="order-2 ml-auto flex items-center gap-1 md:order-none">
            <LiveBar live={live} summary={summary} paused={paused} onPause={setPaused} />
            <Button
              variant="ghost"
              size="icon"
              aria-label="Keyboard shortcuts"
              onClick={() => setSheet(true)}
              className="hidden md:inline-flex"
            >
              <Keyboard aria-hidden />
            </Button>
          </div>
        </div>
        <HealthTiles counts={summary.healths} chosen={params.health} onChoose={setHealth} />
        <div className="flex flex-wrap items-center gap-2">
          <search className="relative min-w-40 flex-1 sm:max-w-sm">
            <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-faint" />
            <Input
              ref={search}
              type="search"
              aria-label="Search code, name, site or destination"
              aria-keyshortcuts="/"
              placeholder="Code, name, site:hill, to:lis-3"
              value={params.q}
              spellCheck={false}
              className="pl-8"
              onChange={(event) => void setParams({ q: event.target.value || null })}
              onKeyDown={(event) => {
                if (event.key === 'Escape') event.currentTarget.blur();
                const only = order.rows.length === 1 ? store.names.code[order.rows[0] ?? 0] : undefined;
                if (event.key === 'Enter' && only !== undefined) router.push(`/interfaces/${only}`);
                if (event.key === 'ArrowDown') step(0);
              }}
            />
          </search>
          <Select
            label="State"
            value={params.state[0] ?? 'ANY'}
            options={STATE_OPTIONS}
            onValueChange={(state) => void setParams({ state: state === 'ANY' ? null : [state] }, { history: 'push' })}
            className="w-36"
          />
          <Select
            label="Sort"
            value={SORT_OPTIONS.some((option) => option.value === params.sort) ? params.sort : 'worst'}
            options={SORT_OPTIONS}
            onValueChange={(sort) => void setParams({ sort })}
            className="hidden w-40 sm:inline-flex"
          />
          {filtered && (
            <Button variant="ghost" onClick={clear}>
              Clear
            </Button>
          )}
          <span className="tabular ml-auto hidden text-xs text-muted sm:inline" data-testid="board-shown">
            {order.moved > 0 ? (
              <Button size="sm" aria-keyshortcuts="." onClick={order.apply}>
                {order.moved} rows would move <kbd>.</kbd>
              </Button>
            ) : (
              complete && `${order.rows.length.toLocaleString('en-GB')} shown`
            )}
          </span>
        </div>
      </div>
      <section
        ref={scroll}
        aria-label="All lanes"
        className="scroll-slim min-h-0 flex-1 overflow-auto overscroll-contain border-t bg-surface [contain:strict]"
      >
        {order.rows.length > 0 ? (
          <BoardTable
            store={store}
            rows={order.rows}
            total={summary.total}
            live={live}
            sort={params.sort}
            onSort={(sort) => void setParams({ sort })}
            onHold={setHolding}
            cursor={cursor}
            onCursor={setCursor}
            scrollRef={scroll}
          />
        ) : (
          <NothingShown filtered={filtered} health={params.health} onClear={clear} />
        )}
      </section>
      <Announcer counts={summary.healths} />
      <ShortcutSheet open={sheet} onOpenChange={setSheet} shortcuts={SHORTCUTS} />
    </div>
  );
}

function Sentence({
  store,
  healths,
  total,
  complete,
}: {
  store: BoardStore;
  healths: readonly number[];
  total: number;
  complete: boolean;
}) {
  const now = useNow(1000, store.renderedAt);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the store changes in place; counts and snapshot tell when
  const worst = useMemo(() => worstRow(store), [store, healths.join(), complete]);
  const code = worst === null ? undefined : store.names.code[worst];
  return (
    <p
      className="order-3 w-full text-muted md:order-none md:w-auto"
      data-testid="board-sentence"
      suppressHydrationWarning
    >
      {totalsSentence(healths, total)}
      {worst !== null && code !== undefined && (
        <>
          {' '}
          Worst:{' '}
          <Link
            href={`/interfaces/${code}`}
            className="font-mono text-xs font-medium text-ink underline-offset-2 hover:underline"
          >
            {code}
          </Link>
          , {worstSentence(store, worst, now)}.
        </>
      )}
    </p>
  );
}

function NothingShown({
  filtered,
  health,
  onClear,
}: {
  filtered: boolean;
  health: readonly Health[];
  onClear: () => void;
}) {
  if (!filtered) {
    return (
      <EmptyState icon={Network} title="No interface is configured yet">
        <p>
          Lanes appear here as soon as there are interfaces:{' '}
          <code className="font-mono text-ink">./inorder interface apply FILE.yaml</code>, or{' '}
          <code className="font-mono text-ink">./inorder up</code> for a demonstration site.
        </p>
      </EmptyState>
    );
  }
  const words = health.map((each) => HEALTH_WORDS[each].word.toLowerCase()).join(' or ');
  return (
    <EmptyState
      icon={SearchX}
      title={words === '' ? 'No interface matches' : `No interface that matches is ${words}`}
      action={<Button onClick={onClear}>Clear the filter</Button>}
    />
  );
}
