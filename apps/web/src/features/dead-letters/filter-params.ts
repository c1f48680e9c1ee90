/** The page's state is its URL. None of it is patient data: a signature holds codes of tables only (G18). */
import { STAGES } from '@inorder/core';
import { createLoader, type inferParserType, parseAsString, parseAsStringLiteral } from 'nuqs/server';

export const DEAD_LETTER_STATES = ['open', 'resolved', 'all'] as const;
export const DEAD_LETTERS_PER_PAGE = 50;

export const DEAD_LETTER_PARAMS = {
  state: parseAsStringLiteral(DEAD_LETTER_STATES).withDefault('open'),
  signature: parseAsString,
  stage: parseAsStringLiteral(STAGES),
  interface: parseAsString,
};
export type DeadLetterParams = inferParserType<typeof DEAD_LETTER_PARAMS>;

export const loadDeadLetterParams = createLoader(DEAD_LETTER_PARAMS);

/** What the procedures take: the causes know no signature, the list does. */
export function deadLetterFilters({ state, signature, stage, interface: code }: DeadLetterParams) {
  const causes = {
    state,
    ...(stage === null ? {} : { stage }),
    ...(code === null || code === '' ? {} : { interfaceCode: code.toUpperCase() }),
  };
  return { causes, list: signature === null ? causes : { ...causes, signature } };
}
