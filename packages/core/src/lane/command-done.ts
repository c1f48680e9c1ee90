/** What a lane does with a command that was carried out in Postgres. */
import { nextSequenceNo } from '../ids.ts';
import { advance, holdUnknown, noOutcome, withFailedOrder, withOutcomes } from './advance.ts';
import type { In, Of } from './events.ts';
import { settled } from './settled.ts';
import { type Decision, type LaneState, NO_TRIES, type SettleItem, type WaitingPhase } from './state.ts';
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
  if (changes.settled !== undefined) return settledWith(cleared, changes.settled, event.nowAt);
  if (changes.sendAgain === true) return sendOnceMore(cleared, event.nowAt);
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

/** The head was settled in the command's own transaction: the lane is where a settlement of its own would have left it. */
function settledWith(state: LaneState, item: SettleItem, nowAt: number): Decision {
  const head = nextSequenceNo(state.checkpoint);
  const outcome = windowGet(state.window, head);
  const placerKeys = outcome?.status === 'PROCESSED' ? outcome.order.placerKeys : (outcome?.placerKeys ?? []);
  const failed = item.changes.some((change) => change.to === 'FAILED');
  const failedOrders = failed
    ? withFailedOrder(state.policy, state.failedOrders, head, placerKeys)
    : state.failedOrders;
  return settled({ ...state, failedOrders, phase: { name: 'SETTLING', item, hold: null } }, nowAt);
}

/** The grant was taken back with the hold: it is written again before the bytes leave, and only then another crash asks again. */
function sendOnceMore(state: LaneState, nowAt: number): Decision {
  const tries = { ...state.tries, maybeSent: true };
  return advance({ ...state, phase: { name: 'RESTING' }, granted: state.checkpoint, tries, sinceAt: nowAt }, nowAt);
}
