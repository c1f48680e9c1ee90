/**
 * `decide(state, event) → { state, effects }`. Pure. The table below names a handler for every pair of phase and event;
 * a missing pair does not compile. What a phase is, and what stands between them: state.ts.
 */
import { advance, rest, withOutcomes } from './advance.ts';
import { commandDone } from './command-done.ts';
import type { In, Of } from './events.ts';
import { passedOnly } from './open.ts';
import { blocked, sendResult } from './send-result.ts';
import { settled } from './settled.ts';
import type { Decision, LaneEvent, LaneEventKind, LaneState, PhaseName } from './state.ts';

type Handler<P extends PhaseName, K extends LaneEventKind> = (state: In<P>, event: Of<K>) => Decision;
type Table = { readonly [P in PhaseName]: { readonly [K in LaneEventKind]: Handler<P, K> } };

/** The lane goes on by itself where it can after every event. */
export function decide(state: LaneState, event: LaneEvent): Decision {
  // The table is indexed by two unions at once, which TypeScript cannot follow; the row type above is the proof.
  const handler = TABLE[state.phase.name][event.kind] as (s: LaneState, e: LaneEvent) => Decision;
  return handler(state, event);
}

/** A result or answer that belongs to no send of this phase: a promise of another time. It changes nothing. */
const ignore = (state: LaneState): Decision => ({ state, effects: [] });

const numbered = (state: LaneState, event: Of<'NUMBERED'>): LaneState =>
  event.highWater > state.highWater ? { ...state, highWater: event.highWater } : state;

const noteNumbered = (state: LaneState, event: Of<'NUMBERED'>): Decision => ({
  state: numbered(state, event),
  effects: [],
});
const heard = (state: LaneState, event: Of<'OUTCOMES'>): LaneState => {
  const known = withOutcomes(state, event.outcomes);
  const { moreFrom } = event;
  return moreFrom === undefined || (known.forgottenFrom !== null && known.forgottenFrom <= moreFrom)
    ? known
    : { ...known, forgottenFrom: moreFrom };
};
const noteOutcomes = (state: LaneState, event: Of<'OUTCOMES'>): Decision => ({
  state: heard(state, event),
  effects: [],
});
const goOnNumbered = (state: LaneState, event: Of<'NUMBERED'>): Decision =>
  advance(numbered(state, event), event.nowAt);
const goOnOutcomes = (state: LaneState, event: Of<'OUTCOMES'>): Decision => advance(heard(state, event), event.nowAt);
const goOn = (state: LaneState, event: { readonly nowAt: number }): Decision => advance(state, event.nowAt);

const queueCommand = (state: LaneState, event: Of<'COMMAND'>): Decision =>
  state.commands.some((c) => c.commandId === event.command.commandId) || isRunning(state, event.command.commandId)
    ? ignore(state)
    : { state: { ...state, commands: [...state.commands, event.command] }, effects: [] };
const startCommand = (state: LaneState, event: Of<'COMMAND'>): Decision =>
  advance(queueCommand(state, event).state, event.nowAt);

function isRunning(state: LaneState, id: string): boolean {
  return state.phase.name === 'COMMANDING' && state.phase.command.commandId === id;
}

const configure = (state: LaneState, event: Of<'CONFIGURED'>): LaneState => ({
  ...state,
  policy: event.policy,
  enabled: event.enabled,
});
const noteConfigured = (state: LaneState, event: Of<'CONFIGURED'>): Decision => ({
  state: configure(state, event),
  effects: [],
});
const goOnConfigured = (state: LaneState, event: Of<'CONFIGURED'>): Decision =>
  advance(configure(state, event), event.nowAt);

function sendAgain(state: LaneState, event: { readonly nowAt: number }): Decision {
  return advance(rest(state, event.nowAt), event.nowAt);
}

function backoffWake(state: In<'BACKOFF'>, event: Of<'WAKE'>): Decision {
  return event.nowAt >= state.phase.nextAttemptAt ? sendAgain(state, event) : advance(state, event.nowAt);
}

function blockedWhileWaiting(state: In<'ENDPOINT_DOWN'>, event: Of<'BLOCKED'>): Decision {
  return { state: { ...state, phase: { ...state.phase, nextAttemptAt: event.retryAt } }, effects: [] };
}

function granted(state: In<'GRANTING'>, event: Of<'GRANTED'>): Decision {
  return advance({ ...rest(state, event.nowAt), granted: state.phase.sequenceNo }, event.nowAt);
}
function replayRecorded(state: In<'REPLAYING'>, event: Of<'REPLAY_RECORDED'>): Decision {
  // A replay that has to be tried again holds nobody any more: its destination may be down for hours.
  const replays = event.again === null ? state.replays : [...state.replays, { ...event.again, holdLane: false }];
  const failedOrders =
    event.failedOrders === undefined ? state.failedOrders : passedOnly(event.failedOrders, state.checkpoint);
  return advance({ ...rest(state, event.nowAt), replays, failedOrders }, event.nowAt);
}

const TABLE: Table = {
  RESTING: {
    NUMBERED: goOnNumbered,
    OUTCOMES: goOnOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: goOn,
    ENDPOINT_TRY: goOn,
    COMMAND: startCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: goOnConfigured,
  },
  GRANTING: {
    NUMBERED: noteNumbered,
    OUTCOMES: noteOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: ignore,
    GRANTED: granted,
    WAKE: ignore,
    ENDPOINT_TRY: ignore,
    COMMAND: queueCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: noteConfigured,
  },
  SENDING: {
    NUMBERED: noteNumbered,
    OUTCOMES: noteOutcomes,
    SEND_RESULT: sendResult,
    BLOCKED: blocked,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: ignore,
    ENDPOINT_TRY: ignore,
    COMMAND: queueCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: noteConfigured,
  },
  SETTLING: {
    NUMBERED: noteNumbered,
    OUTCOMES: noteOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: (state, event) => settled(state, event.nowAt),
    GRANTED: ignore,
    WAKE: ignore,
    ENDPOINT_TRY: ignore,
    COMMAND: queueCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: noteConfigured,
  },
  BACKOFF: {
    NUMBERED: goOnNumbered,
    OUTCOMES: goOnOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: backoffWake,
    ENDPOINT_TRY: ignore,
    COMMAND: startCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: goOnConfigured,
  },
  ENDPOINT_DOWN: {
    NUMBERED: goOnNumbered,
    OUTCOMES: goOnOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: blockedWhileWaiting,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: goOn,
    ENDPOINT_TRY: sendAgain,
    COMMAND: startCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: goOnConfigured,
  },
  HELD: {
    NUMBERED: goOnNumbered,
    OUTCOMES: goOnOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: goOn,
    ENDPOINT_TRY: ignore,
    COMMAND: startCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: ignore,
    CONFIGURED: goOnConfigured,
  },
  COMMANDING: {
    NUMBERED: noteNumbered,
    OUTCOMES: noteOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: ignore,
    ENDPOINT_TRY: ignore,
    COMMAND: queueCommand,
    COMMAND_DONE: commandDone,
    REPLAY_RECORDED: ignore,
    CONFIGURED: noteConfigured,
  },
  REPLAYING: {
    NUMBERED: noteNumbered,
    OUTCOMES: noteOutcomes,
    SEND_RESULT: ignore,
    BLOCKED: ignore,
    SETTLED: ignore,
    GRANTED: ignore,
    WAKE: ignore,
    ENDPOINT_TRY: ignore,
    COMMAND: queueCommand,
    COMMAND_DONE: ignore,
    REPLAY_RECORDED: replayRecorded,
    CONFIGURED: noteConfigured,
  },
};
