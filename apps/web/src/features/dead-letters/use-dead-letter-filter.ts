'use client';
import { useQueryStates } from 'nuqs';
import { useMemo } from 'react';
import { DEAD_LETTER_PARAMS, deadLetterFilters } from './filter-params.ts';

/** `filtered` says whether anything but the cause leaves something out. */
export function useDeadLetterFilter() {
  const [params, set] = useQueryStates(DEAD_LETTER_PARAMS, { history: 'push' });
  return useMemo(() => {
    const { causes, list } = deadLetterFilters(params);
    const filtered = params.state !== 'open' || params.stage !== null || Boolean(params.interface);
    return { params, set, filter: causes, listFilter: list, filtered };
  }, [params, set]);
}
