/**
 * `decide(state, event) → { state, effects }`. Pure. The table below names a handler for every pair of phase and event;
 * a missing pair does not compile. What a phase is, and what stands between them: state.ts.
 */
import { errorClass } from '../codes.ts';
import { nextSequenceNo, type SequenceNo } from '../ids.ts';
import { advance, noOutcome, rest, withOutcomes } from './advance.ts';
import { verdict } from './retry.ts';
import {
  type AttemptNote,
  type Decision,
  type Effect,
  type HeadTries,
  type LaneEvent,
  type LaneEventKind,
  type LaneState,
  NO_TRIES,
  type Outcome,
  type Phase,
  type PhaseName,
  type Send,
  type WaitingPhase,
} from './state.ts';
import { windowDropThrough, windowGet } from './window.ts';

type Of<K extends LaneEventKind> = Extract<LaneEvent, { kind: K }>;
type In<P extends PhaseName> = LaneState & { readonly phase: Extract<Phase, { name: P }> };
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

function settled(state: In<'SETTLING'>, event: Of<'SETTLED'>): Decision {
  const { item, hold } = state.phase;
  const moved = item.checkpoint > item.expectedCheckpoint;
  // What was recorded but not passed stands in Postgres now.
  const recorded = item.changes
    .filter((c) => c.sequenceNo > item.checkpoint)
    .flatMap((c) => {
      const outcome = windowGet(state.window, c.sequenceNo);
      return outcome === undefined || outcome.status === 'PROCESSED'
        ? []
        : [{ sequenceNo: c.sequenceNo, outcome: { ...outcome, recordedAs: c.to, deadLetter: null } }];
    });
  const base: LaneState = {
    ...withOutcomes(state, recorded),
    checkpoint: item.checkpoint,
    granted: item.grantedThrough,
    failedRun: item.failedRun,
    failedRunCode: item.failedRunCode,
    tries: moved ? NO_TRIES : state.tries,
    released: state.released !== null && state.released <= item.checkpoint ? null : state.released,
    lookupFor: moved ? null : state.lookupFor,
  };
  const kept: LaneState = { ...base, window: windowDropThrough(base.window, item.checkpoint) };
  const phase: Phase = hold === null ? { name: 'RESTING' } : { name: 'HELD', ...hold };
  return advance({ ...kept, phase, sinceAt: event.nowAt }, event.nowAt);
}

function sendAgain(state: LaneState, event: { readonly nowAt: number }): Decision {
  return advance(rest(state, event.nowAt), event.nowAt);
}

function backoffWake(state: In<'BACKOFF'>, event: Of<'WAKE'>): Decision {
  return event.nowAt >= state.phase.nextAttemptAt ? sendAgain(state, event) : advance(state, event.nowAt);
}

function sendResult(state: In<'SENDING'>, event: Of<'SEND_RESULT'>): Decision {
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
  if (event.result.ok) return ignore(state);
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
        sinceAt: event.nowAt,
        nextAttemptAt: event.retryAt,
      };
      return add(advance({ ...state, phase, tries: seen, sinceAt: event.nowAt }, event.nowAt), note);
    }
    case 'HOLD_UNKNOWN':
      return add(
        holdUnknown({ ...state, tries: { ...seen, unknowns: before.unknowns + 1 } }, send.sequenceNo, event),
        note,
      );
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

/** The hold is written down at once, so that a takeover and the console know of it. */
function holdUnknown(state: In<'SENDING'>, sequenceNo: SequenceNo, event: { readonly nowAt: number }): Decision {
  const item = {
    interfaceId: state.interfaceId,
    expectedCheckpoint: state.checkpoint,
    checkpoint: state.checkpoint,
    grantedThrough: state.granted,
    changes: [],
    deadLetters: [],
    attempts: [],
    failedRun: state.failedRun,
    failedRunCode: state.failedRunCode,
    heldFor: 'UNKNOWN_OUTCOME',
  } as const;
  const hold = { sequenceNo, reason: 'UNKNOWN_OUTCOME', code: null } as const;
  return {
    state: { ...state, phase: { name: 'SETTLING', item, hold }, sinceAt: event.nowAt },
    effects: [{ kind: 'SETTLE', item }],
  };
}

function blocked(state: In<'SENDING'>, event: Of<'BLOCKED'>): Decision {
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

function blockedWhileWaiting(state: In<'ENDPOINT_DOWN'>, event: Of<'BLOCKED'>): Decision {
  return { state: { ...state, phase: { ...state.phase, nextAttemptAt: event.retryAt } }, effects: [] };
}

function granted(state: In<'GRANTING'>, event: Of<'GRANTED'>): Decision {
  return advance({ ...rest(state, event.nowAt), granted: state.phase.sequenceNo }, event.nowAt);
}

function commandDone(state: In<'COMMANDING'>, event: Of<'COMMAND_DONE'>): Decision {
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
  const released = changes.release === true && before.name === 'HELD';
  const phase: WaitingPhase = released || touchesHead ? { name: 'RESTING' } : before;
  const next: LaneState = {
    ...cleared,
    phase,
    sinceAt: event.nowAt,
    tries: touchesHead ? NO_TRIES : cleared.tries,
    released: released ? head : cleared.released,
    failedRun: released ? 0 : cleared.failedRun,
    failedRunCode: released ? null : cleared.failedRunCode,
  };
  return advance(next, event.nowAt);
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
    return advance({ ...state, phase: before, sinceAt: nowAt }, nowAt);
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

function replayRecorded(state: In<'REPLAYING'>, event: Of<'REPLAY_RECORDED'>): Decision {
  const replays = event.again === null ? state.replays : [...state.replays, event.again];
  return advance({ ...rest(state, event.nowAt), replays }, event.nowAt);
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
    SETTLED: settled,
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
