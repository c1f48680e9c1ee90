'use client';
import { useSyncExternalStore } from 'react';

interface Ticker {
  readonly listeners: Set<() => void>;
  now: number;
  timer: ReturnType<typeof setInterval> | undefined;
}

/** One timer per period for the whole page, running only while somebody looks. */
const tickers = new Map<number, Ticker>();

function tickerOf(periodMs: number): Ticker {
  let ticker = tickers.get(periodMs);
  if (ticker === undefined) {
    ticker = { listeners: new Set(), now: Date.now(), timer: undefined };
    tickers.set(periodMs, ticker);
  }
  return ticker;
}

/**
 * Epoch milliseconds that move every `periodMs`.
 * @param firstAt what the server rendered with, so that the browser's first render says the same.
 */
export function useNow(periodMs: number, firstAt?: number): number {
  const ticker = tickerOf(periodMs);
  return useSyncExternalStore(
    (listener) => {
      ticker.listeners.add(listener);
      ticker.timer ??= setInterval(() => {
        ticker.now = Date.now();
        for (const each of ticker.listeners) each();
      }, periodMs);
      return () => {
        ticker.listeners.delete(listener);
        if (ticker.listeners.size > 0) return;
        clearInterval(ticker.timer);
        ticker.timer = undefined;
      };
    },
    () => {
      // Nobody has been listening: the clock stood still.
      if (ticker.timer === undefined && Date.now() - ticker.now >= periodMs) ticker.now = Date.now();
      return ticker.now;
    },
    // A server process has no ticker running; a browser's stands still until this page is its own.
    () => firstAt ?? (typeof window === 'undefined' ? Date.now() : ticker.now),
  );
}
