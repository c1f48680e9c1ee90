/** What a broker's outcome or refusal means for our message; tables, after "Failure classes" of docs/spec/guarantees.md. */
import type { ErrorCode } from '@inorder/core';

/** Why a peer refused: an AMQP error as far as it may be shown (G18). */
export interface AmqpReason {
  /** A symbol such as `amqp:not-found`; null where there is none, or it does not look like one. */
  readonly condition: string | null;
  /** The broker's own words: payload store only. */
  readonly description: string | null;
}

const CONDITION = /^[A-Za-z0-9:._-]{1,80}$/;

/** @param error An AMQP error, or anything else rhea gives in place of one. */
export function reasonOfError(error: unknown): AmqpReason {
  const { condition, description } = (typeof error === 'object' && error !== null ? error : {}) as {
    condition?: unknown;
    description?: unknown;
  };
  return {
    condition: typeof condition === 'string' && CONDITION.test(condition) ? condition : null,
    description: typeof description === 'string' && description !== '' ? description : null,
  };
}

export type Outcome = 'accepted' | 'rejected' | 'released' | 'modified';

export function isOutcome(text: string | undefined): text is Outcome {
  return text === 'accepted' || text === 'rejected' || text === 'released' || text === 'modified';
}

const FULL = 'amqp:resource-limit-exceeded';

/** Of a `rejected`: the queue or our rights are at fault, not the message. */
const ENDPOINT_CONDITIONS: ReadonlyMap<string, ErrorCode> = new Map([
  [FULL, 'JMS_FULL'],
  ['amqp:unauthorized-access', 'JMS_REFUSED'],
  ['amqp:not-found', 'JMS_REFUSED'],
  ['amqp:resource-deleted', 'JMS_REFUSED'],
  ['amqp:resource-locked', 'JMS_REFUSED'],
]);

/** Of a `rejected`: the broker failed. `failed` is what Artemis says of any exception while it stored the message. */
const BROKER_CONDITIONS: readonly string[] = ['amqp:internal-error', 'failed'];

/** null: the broker has it. */
export function judgeOutcome(outcome: Outcome, condition: string | null): ErrorCode | null {
  switch (outcome) {
    case 'accepted':
      return null;
    case 'released':
    case 'modified':
      return 'JMS_RETRY';
    case 'rejected':
      if (condition === null) return 'JMS_REJECTED';
      return (
        ENDPOINT_CONDITIONS.get(condition) ?? (BROKER_CONDITIONS.includes(condition) ? 'JMS_RETRY' : 'JMS_REJECTED')
      );
  }
}

/** The peer closed link, session or connection before the message left. */
export function judgeRefusal(condition: string | null): 'JMS_FULL' | 'JMS_REFUSED' | 'JMS_CONNECT' {
  if (condition === FULL) return 'JMS_FULL';
  // Without a reason, or because the broker stops.
  return condition === null || condition === 'amqp:connection:forced' ? 'JMS_CONNECT' : 'JMS_REFUSED';
}
