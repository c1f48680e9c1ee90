/** What a lane does with a command that was carried out in Postgres. */
import { nextSequenceNo } from '../ids.ts';
import { advance, holdUnknown, noOutcome, withOutcomes } from './advance.ts';
import type { In, Of } from './events.ts';
import { type AttemptNote, type Decision, type LaneState, NO_TRIES, type Outcome, type WaitingPhase } from './state.ts';
import { windowGet } from './window.ts';

export function commandDone(state: In<'COMMANDING'>, event: Of<'COMMAND_DONE'>): Decision {
  const { changes } = event;
  const head = nextSequenceNo(state.checkpoint);
  const before = state.phase.before;
  const touchesHead = changes.outcomes.some((o) => o.sequenceNo === head);
  const known: LaneState = {
    ...withOutcomes(
      state,
      changes.outcomes.flatMap((o) =>
        o.outcome === undefined ? [] : [{ sequenceNo: o.sequenceNo, outcome: o.outcome }],
      ),
    ),
    paused: changes.paused === undefined ? state.paused : changes.paused,
    replays: changes.replays === undefined ? state.replays : [...state.replays, ...changes.replays],
  };
  const cleared = noOutcome(
    known,
    changes.outcomes.filter((o) => o.outcome === undefined).map((o) => o.sequenceNo),
  );
  if (changes.resolution !== undefined) return resolveUnknown(cleared, before, changes.resolution, event.nowAt);
  // Restored (G21): what is skipped or repaired meanwhile prepares the release and is none, and the release is of that
  // hold alone, so that a head which must hold for a reason of its own still does.
  const restored = before.name === 'HELD' && before.reason === 'RESTORED';
  if (restored) return whileRestored(cleared, before, changes.release === true, event.nowAt);
  const released = changes.release === true && before.name === 'HELD';
  const phase: WaitingPhase = released || touchesHead ? { name: 'RESTING' } : goesOnAs(before);
  const next: LaneState = {
    ...cleared,
    phase,
    sinceAt: event.nowAt,
    // A repaired head starts over, but a copy that may be at the destination stays one that may be there.
    tries: touchesHead
      ? { ...NO_TRIES, attempts: cleared.tries.attempts, maybeSent: cleared.tries.maybeSent }
      : cleared.tries,
    released: released ? head : cleared.released,
    failedRun: released ? 0 : cleared.failedRun,
    failedRunCode: released ? null : cleared.failedRunCode,
  };
  return advance(next, event.nowAt);
}

function whileRestored(state: LaneState, before: WaitingPhase, released: boolean, nowAt: number): Decision {
  if (!released) return advance({ ...state, phase: before }, nowAt);
  const head = nextSequenceNo(state.checkpoint);
  const granted = state.granted >= head && windowGet(state.window, head)?.status === 'PROCESSED';
  if (granted && state.policy.onUnknown === 'hold') return holdUnknown(state, nowAt);
  return advance({ ...state, phase: { name: 'RESTING' }, sinceAt: nowAt }, nowAt);
}

/**
 * The breaker may have called while the command ran, and was not heard: a lane that waited for it asks again. Where the
 * endpoint is still down, the send is turned back before anything leaves.
 */
function goesOnAs(before: WaitingPhase): WaitingPhase {
  return before.name === 'ENDPOINT_DOWN' ? { name: 'RESTING' } : before;
}

function resolveUnknown(
  state: LaneState,
  before: WaitingPhase,
  resolution: 'ARRIVED' | 'SEND_AGAIN' | 'DEAD_LETTER',
  nowAt: number,
): Decision {
  const head = nextSequenceNo(state.checkpoint);
  const outcome = windowGet(state.window, head);
  if (before.name !== 'HELD' || outcome?.status !== 'PROCESSED')
    return advance({ ...state, phase: goesOnAs(before), sinceAt: nowAt }, nowAt);
  const { order } = outcome;
  const resting: LaneState = { ...state, phase: { name: 'RESTING' }, sinceAt: nowAt };
  if (resolution === 'SEND_AGAIN')
    return advance({ ...resting, granted: head, released: head, tries: { ...state.tries, unknowns: 0 } }, nowAt);
  const arrived = resolution === 'ARRIVED';
  const code = arrived ? null : 'LANE_DEAD_LETTERED_BY_OPERATOR';
  const deadLetter =
    code === null
      ? null
      : ({
          messageId: order.messageId,
          code,
          detail: 'An operator gave it up while its outcome was unknown',
          attempts: state.tries.attempts,
          destinationId: order.destinationId,
          maybeDelivered: true,
        } as const);
  const end: Outcome = {
    status: arrived ? 'DELIVERED' : 'FAILED',
    messageId: order.messageId,
    recordedAs: 'PROCESSED',
    code,
    deadLetter,
    placerKeys: order.placerKeys,
  };
  const attempt: AttemptNote = {
    sequenceNo: head,
    messageId: order.messageId,
    attemptNo: state.tries.attempts + 1,
    kind: 'RESEND',
    outcome: 'CONFIRMED_BY_OPERATOR',
    destinationId: order.destinationId,
    code,
    ackCode: null,
    detail: null,
    controlId: order.controlId,
    response: null,
    durationMs: 0,
  };
  return advance(
    withOutcomes({ ...resting, released: head }, [{ sequenceNo: head, outcome: end }]),
    nowAt,
    arrived ? { attempts: [attempt] } : {},
  );
}
