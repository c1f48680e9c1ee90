/** What a lane does when nothing is under way: the one place where a send, a pass or a wait begins. */
import { nextSequenceNo, type SequenceNo, sequenceNo } from '../ids.ts';
import type { AttemptKind } from '../status.ts';
import type { HoldReason } from './explain.ts';
import type {
  AttemptNote,
  Decision,
  LanePolicy,
  LaneState,
  Outcome,
  Phase,
  ReadyOrder,
  ReplayOrder,
  Send,
  SettleItem,
} from './state.ts';
import { windowGet, windowSet } from './window.ts';

/** Things that must ride with the next settlement. */
export interface Carry {
  readonly attempts?: readonly AttemptNote[];
  /** G20: this destination has failed so many numbers in a row that this lane holds before it passes its own. */
  readonly forceHold?: boolean;
}

export function rest(state: LaneState, nowAt: number): LaneState {
  return { ...state, phase: { name: 'RESTING' }, sinceAt: nowAt };
}

/**
 * Notes outcomes above the checkpoint; those beyond the window are remembered only as "look again from here". They raise no
 * high-water mark: what is told may be of a number that was never given, and a lane waits for no such number.
 */
export function withOutcomes(
  state: LaneState,
  outcomes: readonly { readonly sequenceNo: SequenceNo; readonly outcome: Outcome }[],
): LaneState {
  const limit = state.checkpoint + state.policy.windowEntriesMax;
  let { forgottenFrom } = state;
  const entries: { n: SequenceNo; value: Outcome }[] = [];
  for (const { sequenceNo: n, outcome } of outcomes) {
    if (n <= state.checkpoint) continue;
    if (n > limit) {
      if (forgottenFrom === null || n < forgottenFrom) forgottenFrom = n;
      continue;
    }
    if (outranks(windowGet(state.window, n), outcome)) entries.push({ n, value: outcome });
  }
  if (entries.length === 0 && forgottenFrom === state.forgottenFrom) return state;
  return { ...state, window: windowSet(state.window, entries), forgottenFrom };
}

/** An end is never overwritten by news that the message is ready: the stage's word was older. */
function outranks(before: Outcome | undefined, after: Outcome): boolean {
  return before === undefined || before.status === 'PROCESSED' || after.status !== 'PROCESSED';
}

/** These numbers are in the stages again. */
export function noOutcome(state: LaneState, numbers: readonly SequenceNo[]): LaneState {
  return numbers.length === 0
    ? state
    : {
        ...state,
        window: windowSet(
          state.window,
          numbers.map((n) => ({ n, value: undefined })),
        ),
      };
}

/** Goes on from a waiting phase; in any other it changes nothing. */
export function advance(state: LaneState, nowAt: number, carry: Carry = {}): Decision {
  const { phase } = state;
  if (phase.name !== 'RESTING' && phase.name !== 'BACKOFF' && phase.name !== 'ENDPOINT_DOWN' && phase.name !== 'HELD') {
    return { state, effects: [] };
  }
  if (carry.attempts === undefined) {
    const [command, ...commands] = state.commands;
    if (command !== undefined) {
      return {
        state: { ...state, commands, phase: { name: 'COMMANDING', command, before: phase } },
        effects: [{ kind: 'RUN_COMMAND', command }],
      };
    }
    if (state.paused !== null || !state.enabled) return { state, effects: [] };
    const replay = dueReplay(state, nowAt);
    if (replay !== undefined && phase.name === 'RESTING') {
      const replays = state.replays.filter((r) => r !== replay);
      return {
        state: { ...state, replays, phase: { name: 'REPLAYING', replay }, sinceAt: nowAt },
        effects: [{ kind: 'SEND_REPLAY', replay }],
      };
    }
    if (state.replays.some((r) => r.holdLane)) return { state, effects: [] };
  }
  return phase.name === 'RESTING' ? fromRest(state, nowAt, carry) : { state, effects: [] };
}

function dueReplay(state: LaneState, nowAt: number): ReplayOrder | undefined {
  return state.replays.filter((r) => r.notBeforeAt <= nowAt).sort((a, b) => a.sequenceNo - b.sequenceNo)[0];
}

function fromRest(state: LaneState, nowAt: number, carry: Carry): Decision {
  const head = nextSequenceNo(state.checkpoint);
  const outcome = windowGet(state.window, head);
  if (outcome === undefined) return awaitHead(state, head);
  if (outcome.status !== 'PROCESSED') return pass(state, nowAt, carry);
  const dependsOn = failedOrderOf(state, outcome.order.placerKeys);
  if (dependsOn !== undefined) return failDependent(state, head, outcome.order, dependsOn, nowAt);
  return send(state, head, outcome.order, nowAt);
}

/** Its outcome was heard of and not kept: read it again. Otherwise it is still in a stage, and news will come. */
function awaitHead(state: LaneState, head: SequenceNo): Decision {
  const forgotten = state.forgottenFrom !== null && head >= state.forgottenFrom;
  if (!forgotten || state.lookupFor === head) return { state, effects: [] };
  return {
    state: { ...state, lookupFor: head, forgottenFrom: null },
    effects: [{ kind: 'LOOK_UP', fromSequenceNo: head }],
  };
}

function send(state: LaneState, head: SequenceNo, order: ReadyOrder, nowAt: number): Decision {
  if (state.policy.onUnknown === 'hold' && state.granted < head) {
    return {
      state: { ...state, phase: { name: 'GRANTING', sequenceNo: head }, sinceAt: nowAt },
      effects: [{ kind: 'GRANT', sequenceNo: head }],
    };
  }
  const { tries } = state;
  const kind: AttemptKind = tries.maybeSent ? 'RESEND' : tries.attempts === 0 ? 'FIRST' : 'RETRY';
  const next: Send = {
    sequenceNo: head,
    order,
    attemptNo: tries.attempts + 1,
    kind,
    possibleDuplicate: tries.maybeSent,
    startedAt: nowAt,
  };
  return {
    state: { ...state, phase: { name: 'SENDING', send: next }, sinceAt: nowAt },
    effects: [{ kind: 'SEND', send: next }],
  };
}

function failedOrderOf(state: LaneState, placerKeys: readonly string[]): SequenceNo | undefined {
  if (state.policy.onFailure !== 'passWithOrder') return undefined;
  return placerKeys.map((key) => state.failedOrders.get(key)).find((n) => n !== undefined);
}

function failDependent(
  state: LaneState,
  head: SequenceNo,
  order: ReadyOrder,
  dependsOn: SequenceNo,
  nowAt: number,
): Decision {
  const code = 'LANE_DEPENDS_ON';
  const deadLetter = {
    messageId: order.messageId,
    code,
    detail: `#${dependsOn} of the same placer order failed`,
    attempts: 0,
    destinationId: order.destinationId,
    maybeDelivered: false,
  } as const;
  const end: Outcome = {
    status: 'FAILED',
    messageId: order.messageId,
    recordedAs: 'PROCESSED',
    code,
    deadLetter,
    placerKeys: order.placerKeys,
  };
  return pass({ ...state, window: windowSet(state.window, [{ n: head, value: end }]) }, nowAt, {});
}

interface Passing {
  checkpoint: SequenceNo;
  failedRun: number;
  failedRunCode: LaneState['failedRunCode'];
  failedOrders: ReadonlyMap<string, SequenceNo>;
  hold: {
    readonly sequenceNo: SequenceNo;
    readonly reason: HoldReason;
    readonly code: LaneState['failedRunCode'];
  } | null;
  readonly changes: SettleItem['changes'][number][];
  readonly deadLetters: SettleItem['deadLetters'][number][];
}

/** Passes every number from the head on that has an end, in one settlement, until one may not be passed. */
function pass(state: LaneState, nowAt: number, carry: Carry): Decision {
  const passing: Passing = {
    checkpoint: state.checkpoint,
    failedRun: state.failedRun,
    failedRunCode: state.failedRunCode,
    failedOrders: state.failedOrders,
    hold: null,
    changes: [],
    deadLetters: [],
  };
  for (let i = 0; i < state.policy.settleBatchMax; i++) {
    const n = sequenceNo(state.checkpoint + 1 + i);
    const outcome = windowGet(state.window, n);
    if (outcome === undefined || outcome.status === 'PROCESSED') break;
    const reason = holdReason(state, passing, n, outcome, carry);
    // Also of a number that is held, and recorded already: what a lane was told, Postgres must say before it holds for it.
    passing.changes.push({
      sequenceNo: n,
      messageId: outcome.messageId,
      from: outcome.recordedAs,
      to: outcome.status,
      settles: reason === null,
    });
    if (outcome.deadLetter !== null) passing.deadLetters.push({ ...outcome.deadLetter, sequenceNo: n });
    if (reason !== null) {
      passing.hold = { sequenceNo: n, reason, code: outcome.code };
      break;
    }
    count(state, passing, n, outcome);
  }
  return settle(state, passing, nowAt, carry);
}

function holdReason(
  state: LaneState,
  passing: Passing,
  n: SequenceNo,
  outcome: Outcome,
  carry: Carry,
): HoldReason | null {
  if (outcome.status !== 'FAILED' || outcome.code === 'LANE_DEPENDS_ON') return null;
  if (state.policy.onFailure === 'hold') return 'ON_FAILURE';
  const limit = state.policy.passLimit;
  if (limit === 0) return null;
  if (carry.forceHold === true && n === state.checkpoint + 1) return 'PASS_LIMIT';
  return passing.failedRunCode === outcome.code && passing.failedRun >= limit ? 'PASS_LIMIT' : null;
}

/** LANE_DEPENDS_ON neither counts nor interrupts: it says nothing about the destination. A skip by an operator likewise. */
function count(
  state: LaneState,
  passing: Passing,
  n: SequenceNo,
  outcome: Exclude<Outcome, { status: 'PROCESSED' }>,
): void {
  passing.checkpoint = n;
  if (outcome.status === 'FAILED' && outcome.code !== 'LANE_DEPENDS_ON') {
    passing.failedRun = passing.failedRunCode === outcome.code ? passing.failedRun + 1 : 1;
    passing.failedRunCode = outcome.code;
    passing.failedOrders = withFailedOrder(state.policy, passing.failedOrders, n, outcome.placerKeys);
  } else if (outcome.status === 'DELIVERED') {
    passing.failedRun = 0;
    passing.failedRunCode = null;
  }
}

function settle(state: LaneState, passing: Passing, nowAt: number, carry: Carry): Decision {
  const next = nextSequenceNo(passing.checkpoint);
  // A grant says "its bytes may leave now": not while something else comes first.
  const free = passing.hold === null && state.paused === null && state.enabled && state.commands.length === 0;
  const ready = free && windowGet(state.window, next)?.status === 'PROCESSED';
  const item: SettleItem = {
    interfaceId: state.interfaceId,
    expectedCheckpoint: state.checkpoint,
    checkpoint: passing.checkpoint,
    grantedThrough: ready && next > state.granted ? next : sequenceNo(Math.max(state.granted, passing.checkpoint)),
    changes: passing.changes,
    deadLetters: passing.deadLetters,
    attempts: carry.attempts ?? [],
    failedRun: passing.failedRun,
    failedRunCode: passing.failedRunCode,
    heldFor: passing.hold?.reason ?? null,
  };
  const phase: Phase = { name: 'SETTLING', item, hold: passing.hold };
  return {
    state: { ...state, phase, failedOrders: passing.failedOrders, sinceAt: nowAt },
    effects: [{ kind: 'SETTLE', item }],
  };
}

/** The orders that failed, now that `n` was passed FAILED: later numbers of the same ones depend on it. */
export function withFailedOrder(
  policy: LanePolicy,
  failedOrders: ReadonlyMap<string, SequenceNo>,
  n: SequenceNo,
  placerKeys: readonly string[],
): ReadonlyMap<string, SequenceNo> {
  if (policy.onFailure !== 'passWithOrder') return failedOrders;
  const fresh = placerKeys.filter((key) => !failedOrders.has(key));
  return fresh.length === 0 ? failedOrders : new Map([...failedOrders, ...fresh.map((key) => [key, n] as const)]);
}

/**
 * The head's outcome is unknown and a person decides (G8). Written down at once, so that a takeover and the console know of it.
 * `attempts`: of a send that nobody has written down yet.
 */
export function holdUnknown(state: LaneState, nowAt: number, attempts: readonly AttemptNote[] = []): Decision {
  const item: SettleItem = {
    interfaceId: state.interfaceId,
    expectedCheckpoint: state.checkpoint,
    checkpoint: state.checkpoint,
    grantedThrough: state.granted,
    changes: [],
    deadLetters: [],
    attempts,
    failedRun: state.failedRun,
    failedRunCode: state.failedRunCode,
    heldFor: 'UNKNOWN_OUTCOME',
  };
  const hold = { sequenceNo: nextSequenceNo(state.checkpoint), reason: 'UNKNOWN_OUTCOME', code: null } as const;
  return {
    state: { ...state, phase: { name: 'SETTLING', item, hold }, sinceAt: nowAt },
    effects: [{ kind: 'SETTLE', item }],
  };
}
