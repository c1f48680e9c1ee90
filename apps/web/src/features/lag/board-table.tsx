'use client';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { type MouseEvent, type RefObject, useEffect, useRef, useSyncExternalStore } from 'react';
import { cn } from '../../ui/class-names.ts';
import type { Sort, SortKey } from './board-order.ts';
import { BOARD_GRID, BoardRow, CARD_HEIGHT, ROW_HEIGHT, ROW_HEIGHT_VARIABLE } from './board-row.tsx';
import type { BoardStore } from './board-store.ts';
import type { Live } from './live.ts';

interface Column {
  readonly label: string;
  readonly sort: SortKey;
  /** What sorting by it means first: names from A, numbers from the largest. */
  readonly descendingFirst?: boolean;
  readonly right?: boolean;
}

const COLUMNS: readonly Column[] = [
  { label: 'Interface', sort: 'code' },
  { label: 'State', sort: 'state' },
  { label: 'Health', sort: 'health' },
  { label: 'Waiting', sort: 'waiting', descendingFirst: true, right: true },
  { label: 'Oldest', sort: 'oldest', descendingFirst: true, right: true },
  { label: 'Checkpoint', sort: 'checkpoint', descendingFirst: true, right: true },
  { label: 'Gaps', sort: 'gaps', descendingFirst: true, right: true },
  { label: 'Per minute', sort: 'in', descendingFirst: true, right: true },
  { label: 'Trend', sort: 'trend', descendingFirst: true, right: true },
  { label: 'Dead', sort: 'dead', descendingFirst: true, right: true },
];

interface BoardTableProps {
  readonly store: BoardStore;
  readonly rows: readonly number[];
  readonly total: number;
  readonly live: Live;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly onHold: (holding: boolean) => void;
  /** Place of the row that the keyboard is at. */
  readonly cursor: number;
  readonly onCursor: (place: number) => void;
  readonly scrollRef: RefObject<HTMLElement | null>;
}

/** A table of any length of which only what is on screen is in the page; the row under the keyboard always is. */
export function BoardTable(props: BoardTableProps) {
  'use no memo';
  const { store, rows, total, live, sort, onSort, onHold, cursor, onCursor, scrollRef } = props;
  const router = useRouter();
  const wide = useWide();
  const height = wide ? ROW_HEIGHT : CARD_HEIGHT;
  const body = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scrollRef.current,
    estimateSize: () => height,
    overscan: 8,
    // A frame later is soon enough, and several scroll events then are one render.
    useFlushSync: false,
    initialRect: { width: 1280, height: 900 },
    getItemKey: (place) => rows[place] ?? place,
    rangeExtractor: ({ startIndex, endIndex, overscan, count }) => {
      const from = Math.max(0, startIndex - overscan);
      const to = Math.min(count - 1, endIndex + overscan);
      const places = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
      if (cursor < from && cursor >= 0 && cursor < count) places.unshift(cursor);
      if (cursor > to && cursor < count) places.push(cursor);
      return places;
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes are kept until they are measured again
  useEffect(() => virtualizer.measure(), [height]);

  useEffect(() => {
    const focused = document.activeElement;
    if (!(focused instanceof HTMLElement) || !body.current?.contains(focused)) return;
    virtualizer.scrollToIndex(cursor);
  }, [cursor, virtualizer]);

  /** Rows hold plain links, which cost less than the framework's while scrolling; a plain click stays in the page. */
  const open = (event: MouseEvent<HTMLElement>) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    router.push(link.pathname + link.search);
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: a virtual table's rows are positioned, which <tr> cannot be
    <div
      role="table"
      aria-label="Interfaces"
      aria-rowcount={rows.length + 1}
      aria-colcount={COLUMNS.length}
      data-testid="lag-board"
      data-live={live === 'reconnecting' ? 'stale' : live}
      data-total={total}
      className="md:min-w-[73.5rem]"
    >
      {/* biome-ignore lint/a11y/useSemanticElements: as the table */}
      <div role="rowgroup" className="sticky top-0 z-20 hidden border-b bg-sunken md:block">
        {/* biome-ignore lint/a11y/useSemanticElements: as the table */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: its buttons take the focus */}
        <div role="row" aria-rowindex={1} className={cn('h-9 items-center px-6', BOARD_GRID)}>
          {COLUMNS.map((column) => (
            <HeaderCell key={column.label} column={column} sort={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: as the table */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click of it */}
      <div
        role="rowgroup"
        ref={body}
        className={cn('relative bg-surface', ROW_HEIGHT_VARIABLE)}
        style={{ height: `calc(var(--row) * ${rows.length})` }}
        onClick={open}
        onPointerEnter={(event) => event.pointerType === 'mouse' && onHold(true)}
        onPointerLeave={() => onHold(body.current?.contains(document.activeElement) ?? false)}
        onFocus={(event) => {
          onHold(true);
          const place = event.target.closest<HTMLElement>('[data-place]')?.dataset['place'];
          if (place !== undefined) onCursor(Number(place));
        }}
        onBlur={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget)) onHold(event.currentTarget.matches(':hover'));
        }}
      >
        {virtualizer.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          return (
            <BoardRow
              key={store.names.code[row] ?? item.key}
              store={store}
              row={row}
              place={item.index}
              live={live}
              current={item.index === Math.min(cursor, rows.length - 1)}
            />
          );
        })}
      </div>
    </div>
  );
}

function HeaderCell({ column, sort, onSort }: { column: Column; sort: Sort; onSort: (sort: Sort) => void }) {
  const descending = sort === `-${column.sort}`;
  const active = descending || sort === column.sort;
  const first: Sort = column.descendingFirst === true ? `-${column.sort}` : column.sort;
  const second: Sort = column.descendingFirst === true ? column.sort : `-${column.sort}`;
  const Arrow = descending ? ArrowDown : ArrowUp;
  return (
    // biome-ignore lint/a11y/useSemanticElements: as the table
    // biome-ignore lint/a11y/useFocusableInteractive: its button takes the focus
    <div
      role="columnheader"
      aria-sort={active ? (descending ? 'descending' : 'ascending') : 'none'}
      className={cn('flex', column.right && 'justify-end')}
    >
      <button
        type="button"
        // First click, second click, and back to the worst first.
        onClick={() => onSort(sort === first ? second : sort === second ? 'worst' : first)}
        className={cn(
          '-mx-1 inline-flex h-7 items-center gap-0.5 rounded px-1 text-xs font-medium whitespace-nowrap hover:text-ink',
          active ? 'text-ink' : 'text-muted',
        )}
      >
        {column.label}
        {active && <Arrow aria-hidden className="size-3" />}
      </button>
    </div>
  );
}

function useWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = window.matchMedia('(min-width: 768px)');
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    () => window.matchMedia('(min-width: 768px)').matches,
    () => true,
  );
}
