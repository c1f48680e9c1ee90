/** What a lane does with what came of a send: the one place where a failure's class turns into a retry, a wait, a hold or an end. */
import { errorClass } from '../codes.ts';
import { advance, holdUnknown, rest, withOutcomes } from './advance.ts';
import type { In, Of } from './events.ts';
import { verdict } from './retry.ts';
import type { AttemptNote, Decision, Effect, HeadTries, Outcome, Phase, Send } from './state.ts';

export function sendResult(state: In<'SENDING'>, event: Of<'SEND_RESULT'>): Decision {
  return event.result.ok ? delivered(state, event) : notDelivered(state, event);
}

function attemptNote(send: Send, event: Of<'SEND_RESULT'>): AttemptNote {
  const { result } = event;
  const failed = result.ok ? null : result.code;
  return {
    sequenceNo: send.sequenceNo,
    messageId: send.order.messageId,
    attemptNo: send.attemptNo,
    kind: send.kind,
    outcome:
      failed === null
        ? result.ok && result.byDuplicate
          ? 'CONFIRMED_BY_DUPLICATE'
          : 'ACKED'
        : OUTCOME_OF_CLASS[errorClass(failed)],
    destinationId: send.order.destinationId,
    code: failed,
    ackCode: result.ackCode,
    detail: result.ok ? null : result.detail,
    controlId: send.order.controlId,
    response: result.response,
    durationMs: Math.max(0, Math.round(event.nowAt - send.startedAt)),
  };
}

const OUTCOME_OF_CLASS = {
  permanent: 'NACKED',
  transient: 'NACKED',
  internal: 'NACKED',
  endpoint: 'ENDPOINT_FAILED',
  infrastructure: 'ENDPOINT_FAILED',
  ambiguous: 'UNKNOWN',
} as const;

function delivered(state: In<'SENDING'>, event: Of<'SEND_RESULT'>): Decision {
  const { send } = state.phase;
  const end: Outcome = {
    status: 'DELIVERED',
    messageId: send.order.messageId,
    recordedAs: 'PROCESSED',
    code: null,
    deadLetter: null,
    placerKeys: send.order.placerKeys,
  };
  const known = withOutcomes(rest(state, event.nowAt), [{ sequenceNo: send.sequenceNo, outcome: end }]);
  return advance(known, event.nowAt, { attempts: [attemptNote(send, event)] });
}

function notDelivered(state: In<'SENDING'>, event: Of<'SEND_RESULT'>): Decision {
  const { send } = state.phase;
  if (event.result.ok) return delivered(state, event);
  const { code, detail } = event.result;
  const kind = errorClass(code);
  const before = state.tries;
  const firstUnknownAt = before.firstUnknownAt ?? (kind === 'ambiguous' ? event.nowAt : null);
  const seen: HeadTries = {
    ...before,
    attempts: send.attemptNo,
    maybeSent: before.maybeSent || kind === 'ambiguous',
    firstUnknownAt,
    endpointNoted: kind === 'endpoint' ? code : null,
  };
  const answeredOthers = event.lastAnswerAt !== null && firstUnknownAt !== null && event.lastAnswerAt > firstUnknownAt;
  const what = verdict(code, before, state.policy, answeredOthers);
  const repeated = kind === 'endpoint' && before.endpointNoted === code;
  const note: Effect[] =
    repeated || kind === 'infrastructure' ? [] : [{ kind: 'NOTE_ATTEMPT', attempt: attemptNote(send, event) }];
  switch (what.kind) {
    case 'AGAIN': {
      const tries = {
        ...seen,
        counted: before.counted + (what.counted ? 1 : 0),
        unknowns: before.unknowns + (kind === 'ambiguous' ? 1 : 0),
      };
      const phase: Phase = {
        name: 'BACKOFF',
        sequenceNo: send.sequenceNo,
        code,
        nextAttemptAt: event.nowAt + what.delayMs,
      };
      return add(advance({ ...state, phase, tries, sinceAt: event.nowAt }, event.nowAt), note);
    }
    case 'ENDPOINT': {
      const phase: Phase = {
        name: 'ENDPOINT_DOWN',
        sequenceNo: send.sequenceNo,
        code,
        destinationId: send.order.destinationId,
        // The endpoint is down since it stopped answering, not since this try.
        sinceAt: event.endpointSinceAt ?? event.nowAt,
        nextAttemptAt: event.retryAt,
      };
      return add(advance({ ...state, phase, tries: seen, sinceAt: event.nowAt }, event.nowAt), note);
    }
    case 'HOLD_UNKNOWN':
      return add(holdUnknown({ ...state, tries: { ...seen, unknowns: before.unknowns + 1 } }, event.nowAt), note);
    case 'FAIL': {
      const deadLetter = {
        messageId: send.order.messageId,
        code: what.code,
        detail,
        attempts: send.attemptNo,
        destinationId: send.order.destinationId,
        maybeDelivered: what.maybeDelivered,
      };
      const end: Outcome = {
        status: 'FAILED',
        messageId: send.order.messageId,
        recordedAs: 'PROCESSED',
        code: what.code,
        deadLetter,
        placerKeys: send.order.placerKeys,
      };
      const known = withOutcomes({ ...rest(state, event.nowAt), tries: seen }, [
        { sequenceNo: send.sequenceNo, outcome: end },
      ]);
      const limit = state.policy.passLimit;
      const forceHold = limit > 0 && event.destinationFailedRun >= limit;
      return advance(known, event.nowAt, { attempts: [attemptNote(send, event)], forceHold });
    }
  }
}

function add(decision: Decision, effects: readonly Effect[]): Decision {
  return effects.length === 0 ? decision : { state: decision.state, effects: [...effects, ...decision.effects] };
}

/** The send was turned back before anything left the building. */
export function blocked(state: In<'SENDING'>, event: Of<'BLOCKED'>): Decision {
  const { send } = state.phase;
  // Nothing left the building: the try is not counted, not even as an attempt.
  const phase: Phase =
    errorClass(event.code) === 'infrastructure'
      ? { name: 'BACKOFF', sequenceNo: send.sequenceNo, code: event.code, nextAttemptAt: event.retryAt }
      : {
          name: 'ENDPOINT_DOWN',
          sequenceNo: send.sequenceNo,
          code: event.code,
          destinationId: send.order.destinationId,
          sinceAt: event.sinceAt,
          nextAttemptAt: event.retryAt,
        };
  return advance({ ...state, phase, sinceAt: event.nowAt }, event.nowAt);
}
