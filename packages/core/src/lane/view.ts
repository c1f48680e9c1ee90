/** The lane's state as people see it, from the state it is in. */

import type { DestinationId } from '../ids.ts';
import { nextSequenceNo } from '../ids.ts';
import type { LaneStateName, MessageStatus } from '../status.ts';
import type { WaitingFor } from './explain.ts';
import type { LaneState } from './state.ts';
import { windowEntries } from './window.ts';

/** What the shell knows and the lane does not. */
export interface ViewContext {
  destinationName(id: DestinationId): string;
  /** When the head was received, epoch milliseconds. */
  readonly headReceivedAt: number | null;
  /** Which stage the head is in, where that is known. */
  readonly headStatus: MessageStatus | null;
}

export function laneStateName(state: LaneState): LaneStateName {
  if (!state.enabled) return 'DISABLED';
  if (state.paused !== null) return 'PAUSED';
  switch (state.phase.name) {
    case 'BACKOFF':
      return 'RETRYING';
    case 'ENDPOINT_DOWN':
      return 'ENDPOINT_DOWN';
    case 'HELD':
      return 'HOLDING';
    case 'SENDING':
      return state.phase.send.attemptNo > 1 ? 'RETRYING' : 'FLOWING';
    case 'GRANTING':
    case 'SETTLING':
    case 'COMMANDING':
    case 'REPLAYING':
      return 'FLOWING';
    case 'RESTING':
      return state.highWater > state.checkpoint ? 'WAITING' : 'IDLE';
  }
}

export function laneWaitingFor(state: LaneState, context: ViewContext): WaitingFor | null {
  const head = nextSequenceNo(state.checkpoint);
  if (state.paused !== null) return { kind: 'PAUSE', by: state.paused.by, sinceAt: state.paused.sinceAt };
  const { phase } = state;
  switch (phase.name) {
    case 'BACKOFF':
      return {
        kind: 'RETRY',
        sequenceNo: phase.sequenceNo,
        code: phase.code,
        attempt: state.tries.attempts + 1,
        attemptsMax: state.policy.retries + 1,
        nextAttemptAt: phase.nextAttemptAt,
      };
    case 'ENDPOINT_DOWN':
      return {
        kind: 'ENDPOINT',
        sequenceNo: phase.sequenceNo,
        destination: context.destinationName(phase.destinationId),
        code: phase.code,
        sinceAt: phase.sinceAt,
        nextAttemptAt: phase.nextAttemptAt,
      };
    case 'HELD':
      return { kind: 'HOLD', sequenceNo: phase.sequenceNo, reason: phase.reason, code: phase.code };
    case 'SENDING':
      return {
        kind: 'ACK',
        sequenceNo: phase.send.sequenceNo,
        destination: context.destinationName(phase.send.order.destinationId),
        attempt: phase.send.attemptNo,
        sinceAt: phase.send.startedAt,
      };
    case 'GRANTING':
    case 'SETTLING':
    case 'COMMANDING':
      return { kind: 'COMMIT', sequenceNo: head };
    case 'REPLAYING':
      return { kind: 'COMMIT', sequenceNo: phase.replay.sequenceNo };
    case 'RESTING':
      return state.highWater > state.checkpoint
        ? {
            kind: 'STAGE',
            sequenceNo: head,
            status: context.headStatus,
            sinceAt: context.headReceivedAt ?? state.sinceAt,
          }
        : null;
  }
}

/** Given numbers above the head that have an outcome, and the runs of numbers without one below the highest of them. */
export function windowShape(state: LaneState): { readonly readyAhead: number; readonly gaps: number } {
  let readyAhead = 0;
  let gaps = 0;
  let expected = state.checkpoint + 1;
  for (const { n } of windowEntries(state.window)) {
    if (n > state.highWater) break;
    if (n > expected) gaps += 1;
    if (n > state.checkpoint + 1) readyAhead += 1;
    expected = n + 1;
  }
  return { readyAhead, gaps };
}

/** When the lane wants a WAKE, epoch milliseconds; null = something else will come first. */
export function nextWakeAt(state: LaneState): number | null {
  if (state.paused !== null || !state.enabled) return null;
  if (state.phase.name === 'BACKOFF') return state.phase.nextAttemptAt;
  if (state.phase.name !== 'RESTING' || state.replays.length === 0) return null;
  return Math.min(...state.replays.map((r) => r.notBeforeAt));
}
