'use client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { type BoardFilter, movedRows, orderOf } from './board-order.ts';
import type { BoardStore } from './board-store.ts';

const RESORT_MS = 2000;

export interface HeldOrder {
  readonly rows: readonly number[];
  /** Rows that stand elsewhere by now; they move when the reader says so, or leaves the table. */
  readonly moved: number;
  readonly apply: () => void;
}

/**
 * The order of the rows. Numbers change in place at once; rows change place every two seconds, and never while the
 * pointer or the focus is in the table (`holding`).
 * @param loaded changes when the store's rows are other rows.
 */
export function useOrder(store: BoardStore, filter: BoardFilter, loaded: unknown, holding: boolean): HeldOrder {
  const [rows, setRows] = useState(() => orderOf(store, filter));
  const [moved, setMoved] = useState(0);
  const shown = useRef(rows);

  const show = useCallback((next: number[]) => {
    shown.current = next;
    setRows(next);
    setMoved(0);
  }, []);
  const apply = useCallback(() => show(orderOf(store, filter)), [show, store, filter]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: other rows stand in the store
  useEffect(() => apply(), [apply, loaded]);

  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      const wanted = orderOf(store, filter);
      const count = movedRows(shown.current, wanted);
      if (holding) setMoved(count);
      else if (count > 0) show(wanted);
    }, RESORT_MS);
    return () => clearInterval(timer);
  }, [store, filter, holding, show]);

  return { rows, moved, apply };
}
