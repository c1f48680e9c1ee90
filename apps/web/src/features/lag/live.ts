'use client';
import { useState } from 'react';

/**
 * opening: what the server rendered, no line yet · on: news arrive · paused: held back by the reader · reconnecting: no
 * line to the console any more · stale: no line behind it.
 */
export type Live = 'opening' | 'on' | 'paused' | 'reconnecting' | 'stale';

/** true until something has been true once, also in what the server renders. */
export function useUntil(now: boolean): boolean {
  const [yet, setYet] = useState(true);
  if (now && yet) setYet(false);
  return yet && !now;
}
