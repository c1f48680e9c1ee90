/** What a run of the stages gave, as it is written. */
import type { PayloadFormat } from '@inorder/core';
import type { KeyKind } from '@inorder/db';
import type { OutcomeRow } from '../adapters/postgres/outcome-queries.ts';
import type { StageSite } from './chunk-preparation.ts';
import { identify } from './control-id.ts';
import type { StagedMessage } from './intake.ts';
import type { StageOutcome, StageResult } from './pipeline.ts';

export interface EndedRun {
  readonly message: StagedMessage;
  /** Tries that failed and count. */
  readonly failures: number;
  readonly claimId: string;
  readonly outcome: StageOutcome;
  readonly site: Pick<StageSite, 'document' | 'destination'>;
  /** `messageKeyHasher` of packages/db. */
  readonly hashKey: (kind: KeyKind, value: string) => Buffer;
}

export function outcomeRow({ message, failures, claimId, outcome, site, hashKey }: EndedRun): OutcomeRow {
  const document = site.document(message.interfaceId, message.revision)?.document;
  const row = {
    message,
    controlId: outcome.controlId,
    format: document?.format ?? message.format,
    destinationId: null,
    processed: null,
    deadLetter: null,
    filterRule: null,
    keys: outcome.keys.map((key) => ({
      kind: key.kind,
      hash: hashKey(key.kind, key.value),
      orderControl: key.orderControl,
    })),
  };
  switch (outcome.kind) {
    case 'FILTERED':
      return { ...row, status: 'FILTERED', filterRule: outcome.rule };
    case 'FAILED': {
      const { stage, faults } = outcome;
      const attempts = Math.max(1, failures);
      return { ...row, status: 'FAILED', deadLetter: { stage, fault: outcome.fault, faults, attempts } };
    }
    case 'PROCESSED': {
      const destinationId = site.destination(outcome.destination)?.destinationId ?? null;
      return { ...row, status: 'PROCESSED', destinationId, ...sendable(message, claimId, row.format, outcome) };
    }
  }
}

/** A message whose next stage runs on another instance. */
export function handedOnRow(
  message: StagedMessage,
  { next, processed }: Extract<StageResult, { kind: 'HANDED_ON' }>,
): OutcomeRow {
  return {
    message,
    status: next === 'ENRICH' ? 'VALIDATED' : 'ENRICHED',
    controlId: null,
    format: message.format,
    destinationId: null,
    processed: processed ?? message.enriched,
    deadLetter: null,
    filterRule: null,
    keys: [],
  };
}

/** The bytes and their control id: other than the outcome's where another form of it may have been sent (G14). */
function sendable(
  { before, raw, enriched }: StagedMessage,
  claimId: string,
  format: PayloadFormat,
  outcome: Extract<StageOutcome, { kind: 'PROCESSED' }>,
): { processed: Uint8Array | null; controlId: string } {
  const { controlId } = outcome;
  const processed = outcome.processed ?? enriched;
  if (before === undefined || before === null) return { processed, controlId };
  const now = identify(format, { payload: processed ?? raw, controlId }, before, claimId);
  return { processed: now.payload, controlId: now.controlId };
}
