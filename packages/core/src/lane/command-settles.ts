/** What a command settles: RESUME of a hold, and RESOLVE_UNKNOWN but for "send again". */
import type { ErrorCode } from '../codes.ts';
import { nextSequenceNo, type SequenceNo, sequenceNo } from '../ids.ts';
import type { HoldReason } from './explain.ts';
import type { DeadLetterNote, LaneState, Outcome, ReadyOrder, SettleItem } from './state.ts';
import { windowGet } from './window.ts';

/** RELEASE: the head that failed is passed. The other two: what a person says of a head whose outcome is unknown (G8). */
export type SettlingAct = 'RELEASE' | 'ARRIVED' | 'DEAD_LETTER';

/** Why a lane that carries a command out held until then; null = it did not. */
export function heldBefore(state: LaneState): HoldReason | null {
  const { phase } = state;
  return phase.name === 'COMMANDING' && phase.before.name === 'HELD' ? phase.before.reason : null;
}

/**
 * The settlement of the head the lane holds before, and of nothing else: its owner commits it in the command's own transaction, so that
 * effect and DONE are one (G13). null: nothing to settle by this act.
 */
export function settlementOf(state: LaneState, act: SettlingAct): SettleItem | null {
  const head = nextSequenceNo(state.checkpoint);
  const outcome = windowGet(state.window, head);
  const reason = heldBefore(state);
  if (outcome === undefined || reason === null) return null;
  if (act === 'RELEASE') {
    const failed = reason === 'ON_FAILURE' || reason === 'PASS_LIMIT';
    return failed && outcome.status === 'FAILED' ? released(state, head, outcome) : null;
  }
  if (reason !== 'UNKNOWN_OUTCOME' || outcome.status !== 'PROCESSED') return null;
  return act === 'ARRIVED' ? arrived(state, head, outcome.order) : givenUp(state, head, outcome.order);
}

/** The run of failures begins again with the number behind it (G20). */
function released(state: LaneState, head: SequenceNo, outcome: Exclude<Outcome, { status: 'PROCESSED' }>): SettleItem {
  const change = { messageId: outcome.messageId, from: outcome.recordedAs, to: outcome.status };
  return { ...passing(state, head, change), failedRun: 0, failedRunCode: null };
}

function arrived(state: LaneState, head: SequenceNo, order: ReadyOrder): SettleItem {
  const change = { messageId: order.messageId, from: 'PROCESSED', to: 'DELIVERED' } as const;
  const attempt = {
    sequenceNo: head,
    messageId: order.messageId,
    attemptNo: state.tries.attempts + 1,
    kind: 'RESEND',
    outcome: 'CONFIRMED_BY_OPERATOR',
    destinationId: order.destinationId,
    code: null,
    ackCode: null,
    detail: null,
    controlId: order.controlId,
    response: null,
    durationMs: 0,
  } as const;
  return { ...passing(state, head, change), attempts: [attempt], failedRun: 0, failedRunCode: null };
}

/** A person's word says nothing about the destination: it neither counts nor interrupts (G20). */
function givenUp(state: LaneState, head: SequenceNo, order: ReadyOrder): SettleItem {
  const code: ErrorCode = 'LANE_DEAD_LETTERED_BY_OPERATOR';
  const letter: DeadLetterNote = {
    messageId: order.messageId,
    code,
    detail: 'An operator gave it up while its outcome was unknown',
    attempts: state.tries.attempts,
    destinationId: order.destinationId,
    maybeDelivered: true,
  };
  const change = { messageId: order.messageId, from: 'PROCESSED', to: 'FAILED' } as const;
  return { ...passing(state, head, change), deadLetters: [{ ...letter, sequenceNo: head }] };
}

function passing(
  state: LaneState,
  head: SequenceNo,
  change: Pick<SettleItem['changes'][number], 'messageId' | 'from' | 'to'>,
): SettleItem {
  return {
    interfaceId: state.interfaceId,
    expectedCheckpoint: state.checkpoint,
    checkpoint: head,
    grantedThrough: sequenceNo(Math.max(state.granted, head)),
    changes: [{ ...change, sequenceNo: head, settles: true }],
    deadLetters: [],
    attempts: [],
    failedRun: state.failedRun,
    failedRunCode: state.failedRunCode,
    heldFor: null,
  };
}
