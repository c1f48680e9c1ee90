import { ERROR_CODES, type ErrorCodeEntry, isErrorCode } from '@inorder/core';

const STAGE_WORDS: Readonly<Record<string, string>> = {
  INGEST: 'at ingest',
  VALIDATE: 'in validation',
  ENRICH: 'in enrichment',
  ROUTE: 'in routing',
  DELIVER: 'at delivery',
};

/** What a code means and what to do; one of a newer engine is shown as it is. */
export function causeOf(code: string): Pick<ErrorCodeEntry, 'title' | 'action'> {
  return isErrorCode(code) ? ERROR_CODES[code] : { title: code, action: 'See the message for its detail' };
}

export function stageWords(stage: string): string {
  return STAGE_WORDS[stage] ?? stage;
}
