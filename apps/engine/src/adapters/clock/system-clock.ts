import type { Clock } from '@inorder/core';

/** Longest delay a Node timer takes. */
const DELAY_MS_MAX = 2_147_483_647;

/** The machine's clocks. Timers do not keep a process alive: what must finish is awaited. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
};
