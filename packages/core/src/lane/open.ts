/** A lane as its new owner finds it in Postgres (G9: hydrate only after the lease is committed). */
import type { ErrorCode } from '../codes.ts';
import { type Epoch, type InterfaceId, nextSequenceNo, type SequenceNo } from '../ids.ts';
import type { MessageStatus } from '../status.ts';
import { advance, holdUnknown, withOutcomes } from './advance.ts';
import type { HoldReason } from './explain.ts';
import type {
  AttemptNote,
  Decision,
  HeadTries,
  LanePolicy,
  LaneState,
  Outcome,
  ReadyOrder,
  ReplayOrder,
  SettleItem,
} from './state.ts';
import { emptyWindow, windowGet } from './window.ts';

export interface LaneRecord {
  readonly interfaceId: InterfaceId;
  readonly epoch: Epoch;
  readonly policy: LanePolicy;
  readonly enabled: boolean;
  readonly checkpoint: SequenceNo;
  readonly granted: SequenceNo;
  readonly highWater: SequenceNo;
  readonly failedRun: number;
  readonly failedRunCode: ErrorCode | null;
  readonly heldFor: HoldReason | null;
  readonly paused: { readonly by: string; readonly sinceAt: number } | null;
  readonly outcomes: readonly { readonly sequenceNo: SequenceNo; readonly outcome: Outcome }[];
  /** True when more outcomes stand beyond those given. */
  readonly more: boolean;
  /** What the attempts of the head say; NO_TRIES where there are none. */
  readonly headTries: HeadTries;
  readonly replays: readonly ReplayOrder[];
  /** Placer key → number that failed and is not repaired; empty but under passWithOrder. */
  readonly failedOrders: ReadonlyMap<string, SequenceNo>;
}

/**
 * Opens a lane. `clean` = its former owner gave the shard back with nothing under way; otherwise the head may have been
 * sent (G8): under `resend` it goes out marked possible duplicate, under `hold` the lane holds if it was granted, and
 * that is written down before anything else, so that the next owner and the person who resolves it know of it.
 * `carried` = what this very instance was about to settle under the epoch just before this one (G12): the answer it holds
 * is settled instead of asked for again, if the lane still stands where it stood.
 */
export function openLane(record: LaneRecord, clean: boolean, nowAt: number, carried?: SettleItem): Decision {
  const head = nextSequenceNo(record.checkpoint);
  const base: LaneState = {
    interfaceId: record.interfaceId,
    epoch: record.epoch,
    policy: record.policy,
    enabled: record.enabled,
    checkpoint: record.checkpoint,
    granted: record.granted,
    highWater: record.highWater,
    window: emptyWindow(),
    forgottenFrom: null,
    phase: { name: 'RESTING' },
    sinceAt: nowAt,
    paused: record.paused,
    tries: record.headTries,
    failedRun: record.failedRun,
    failedRunCode: record.failedRunCode,
    failedOrders: passedOnly(record.failedOrders, record.checkpoint),
    commands: [],
    replays: record.replays,
    lookupFor: null,
  };
  const seen = withOutcomes(base, record.outcomes);
  const last = record.outcomes.at(-1)?.sequenceNo ?? record.checkpoint;
  const known: LaneState = record.more ? { ...seen, forgottenFrom: nextSequenceNo(last) } : seen;
  const outcome = windowGet(known.window, head);
  if (carried !== undefined && stillStands(carried, known)) {
    return {
      state: { ...known, phase: { name: 'SETTLING', item: carried, hold: null } },
      effects: [{ kind: 'SETTLE', item: carried }],
    };
  }
  // A hold before a number that failed stands until somebody releases it, whoever owns the lane.
  if ((record.heldFor === 'PASS_LIMIT' || record.heldFor === 'ON_FAILURE') && outcome?.status === 'FAILED') {
    return held(known, head, record.heldFor, outcome.code);
  }
  // What was sent after the backup is not known here: a copy of any number that stands here may be at the laboratory.
  if (record.heldFor === 'RESTORED')
    return held(head <= record.highWater ? maybeSent(known) : known, head, 'RESTORED', null);
  if (outcome?.status === 'PROCESSED') {
    const granted = record.granted >= head;
    if (record.heldFor === 'UNKNOWN_OUTCOME') return held(known, head, 'UNKNOWN_OUTCOME', null);
    if (!clean && record.policy.onUnknown === 'hold' && granted) return askAfterTakeover(known, outcome.order, nowAt);
    if (!clean && record.policy.onUnknown === 'resend') return advance(maybeSent(known), nowAt);
  }
  return advance(known, nowAt);
}

function maybeSent(state: LaneState): LaneState {
  return { ...state, tries: { ...state.tries, maybeSent: true } };
}

/** What the former owner may have sent is an attempt like any other, also where no owner lived to write it down. */
function askAfterTakeover(state: LaneState, order: ReadyOrder, nowAt: number): Decision {
  const { tries } = state;
  if (tries.maybeSent) return holdUnknown(state, nowAt);
  const attempt: AttemptNote = {
    sequenceNo: nextSequenceNo(state.checkpoint),
    messageId: order.messageId,
    attemptNo: tries.attempts + 1,
    kind: tries.attempts === 0 ? 'FIRST' : 'RETRY',
    outcome: 'UNKNOWN',
    destinationId: order.destinationId,
    code: null,
    ackCode: null,
    detail: 'its owner ended before an answer was written down',
    controlId: order.controlId,
    response: null,
    durationMs: 0,
  };
  const seen = { ...tries, attempts: attempt.attemptNo, unknowns: tries.unknowns + 1, firstUnknownAt: nowAt };
  return holdUnknown({ ...state, tries: { ...seen, maybeSent: true } }, nowAt, [attempt]);
}

/** Only a number that was passed makes later ones depend on it: one that failed further ahead says nothing of the head. */
export function passedOnly(
  failedOrders: ReadonlyMap<string, SequenceNo>,
  checkpoint: SequenceNo,
): ReadonlyMap<string, SequenceNo> {
  return new Map([...failedOrders].filter(([, n]) => n <= checkpoint));
}

/** Nobody has moved the lane, and every number to be settled is as it was. */
function stillStands(carried: SettleItem, state: LaneState): boolean {
  return (
    carried.expectedCheckpoint === state.checkpoint &&
    carried.checkpoint > state.checkpoint &&
    carried.changes.every((change) => recordedStatus(windowGet(state.window, change.sequenceNo)) === change.from)
  );
}

function recordedStatus(outcome: Outcome | undefined): MessageStatus | undefined {
  return outcome?.status === 'PROCESSED' ? 'PROCESSED' : outcome?.recordedAs;
}

function held(state: LaneState, sequenceNo: SequenceNo, reason: HoldReason, code: ErrorCode | null): Decision {
  return { state: { ...state, phase: { name: 'HELD', sequenceNo, reason, code } }, effects: [] };
}
