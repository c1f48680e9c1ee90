import { type ErrorClass, type ErrorCode, errorClass } from '../codes.ts';
import type { HeadTries, LanePolicy } from './state.ts';

/** What becomes of the head after a send that did not deliver. */
export type Verdict =
  /** Tried again after `delayMs`; `counted` says whether a retry was used up. */
  | { readonly kind: 'AGAIN'; readonly delayMs: number; readonly counted: boolean }
  | { readonly kind: 'ENDPOINT' }
  | { readonly kind: 'HOLD_UNKNOWN' }
  | { readonly kind: 'FAIL'; readonly code: ErrorCode; readonly maybeDelivered: boolean };

/**
 * Decides by the class of the error code, never by its text (guarantees, "Failure classes").
 * `answeredOthers`: the destination has answered some other message since the head's first unknown outcome (G8).
 */
export function verdict(code: ErrorCode, tries: HeadTries, policy: LanePolicy, answeredOthers: boolean): Verdict {
  const effective = policy.failurePolicy === 'literal' ? literalClass(errorClass(code)) : errorClass(code);
  const maybeDelivered = tries.maybeSent;
  switch (effective) {
    case 'permanent':
      return { kind: 'FAIL', code, maybeDelivered };
    case 'transient':
    case 'internal':
      return tries.counted >= policy.retries
        ? { kind: 'FAIL', code, maybeDelivered: maybeDelivered || errorClass(code) === 'ambiguous' }
        : { kind: 'AGAIN', delayMs: retryDelay(policy, tries.counted), counted: true };
    case 'endpoint':
      return { kind: 'ENDPOINT' };
    case 'infrastructure':
      return { kind: 'AGAIN', delayMs: INFRASTRUCTURE_DELAY_MS, counted: false };
    case 'ambiguous':
      return unknownVerdict(tries, policy, answeredOthers);
  }
}

/** Waiting for our own infrastructure costs nothing, so it is short. */
const INFRASTRUCTURE_DELAY_MS = 250;

function unknownVerdict(tries: HeadTries, policy: LanePolicy, answeredOthers: boolean): Verdict {
  if (policy.onUnknown === 'hold') return { kind: 'HOLD_UNKNOWN' };
  if (tries.unknowns < policy.unknownResendsMax)
    return { kind: 'AGAIN', delayMs: retryDelay(policy, tries.unknowns), counted: false };
  return answeredOthers ? { kind: 'FAIL', code: 'LANE_NO_ANSWER_SUSPECT', maybeDelivered: true } : { kind: 'ENDPOINT' };
}

/** Under `literal` every failure of every class uses up a retry; only our own infrastructure never does. */
function literalClass(of: ErrorClass): ErrorClass {
  return of === 'infrastructure' ? of : 'transient';
}

/** The n-th delay, the last one for all further. */
export function retryDelay(policy: LanePolicy, n: number): number {
  return policy.retryDelayMs[Math.min(n, policy.retryDelayMs.length - 1)] ?? 0;
}
