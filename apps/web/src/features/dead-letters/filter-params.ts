'use client';
/** The page's state is its URL. None of it is patient data: a signature holds codes of tables only (G18). */
import { STAGES } from '@inorder/core';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useMemo } from 'react';

export const DEAD_LETTER_STATES = ['open', 'resolved', 'all'] as const;

const PARAMS = {
  state: parseAsStringLiteral(DEAD_LETTER_STATES).withDefault('open'),
  signature: parseAsString,
  stage: parseAsStringLiteral(STAGES),
  interface: parseAsString,
};

/** `filter` is what the procedures take; `filtered` says whether it leaves anything out. */
export function useDeadLetterFilter() {
  const [params, set] = useQueryStates(PARAMS, { history: 'push' });
  const { state, signature, stage, interface: interfaceCode } = params;
  return useMemo(() => {
    const filter = {
      state,
      ...(stage === null ? {} : { stage }),
      ...(interfaceCode === null || interfaceCode === '' ? {} : { interfaceCode: interfaceCode.toUpperCase() }),
    };
    return {
      params,
      set,
      filter,
      listFilter: signature === null ? filter : { ...filter, signature },
      filtered: state !== 'open' || stage !== null || Boolean(interfaceCode),
    };
  }, [params, set, state, signature, stage, interfaceCode]);
}
