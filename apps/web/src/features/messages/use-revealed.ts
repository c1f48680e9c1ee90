'use client';
import { useCallback, useEffect, useState } from 'react';

/** Revealed data lasts this long. */
const REVEALED_MS = 300_000;

/** Holds what was revealed, outside any cache, until the time is up or the window is left. */
export function useRevealed<T>() {
  const [revealed, show] = useState<T | null>(null);
  const hide = useCallback(() => show(null), []);
  useEffect(() => {
    if (revealed === null) return;
    const timer = setTimeout(hide, REVEALED_MS);
    const onVisibility = () => document.visibilityState === 'hidden' && hide();
    window.addEventListener('blur', hide);
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      clearTimeout(timer);
      window.removeEventListener('blur', hide);
      document.removeEventListener('visibilitychange', onVisibility);
    };
  }, [revealed, hide]);
  return { revealed, show, hide };
}
