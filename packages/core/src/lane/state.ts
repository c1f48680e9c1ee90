/**
 * The lane as a value. `decide` takes one and gives the next; the shell carries out the effects.
 *
 * Phases, and what stands between them:
 *
 *   RESTING ──head ready──▶ (GRANTING ▶) SENDING ──ACK──▶ SETTLING ──commit──▶ RESTING
 *      ▲                                   │ NACK, retries left      ▲
 *      │                                   ├──▶ BACKOFF ──time──▶ SENDING
 *      │                                   ├──▶ ENDPOINT_DOWN ──breaker──▶ SENDING
 *      │                                   └──retries used up──▶ SETTLING (dead letter, pass or hold)
 *      ├──command──▶ COMMANDING ──done──▶ where it was
 *      ├──late replay──▶ REPLAYING ──recorded──▶ RESTING
 *      └── HELD: the head has an end but may not be passed, or its outcome is unknown; a command releases it
 *
 * **Invariant:** at most one send and one settlement of a lane are under way at any time.
 */
import type { ErrorCode } from '../codes.ts';
import type { CommandId, DestinationId, Epoch, InterfaceId, MessageId, SequenceNo } from '../ids.ts';
import type { DeliveryResult } from '../ports.ts';
import type {
  AttemptKind,
  AttemptOutcome,
  CommandKind,
  MessageStatus,
  PayloadFormat,
  SettledStatus,
} from '../status.ts';
import type { HoldReason } from './explain.ts';
import type { Window } from './window.ts';

/** What the interface document says about delivery. Times in milliseconds. */
export interface LanePolicy {
  readonly onFailure: 'pass' | 'hold' | 'passWithOrder';
  readonly failurePolicy: 'classes' | 'literal';
  readonly onUnknown: 'resend' | 'hold';
  readonly retries: number;
  readonly retryDelayMs: readonly number[];
  readonly unknownResendsMax: number;
  /** 0 = off. */
  readonly passLimit: number;
  /** How many outcomes above the checkpoint are kept in memory; those beyond are read again when their turn comes. */
  readonly windowEntriesMax: number;
  /** How many numbers one settlement may pass. */
  readonly settleBatchMax: number;
}

/** A message that is ready to be sent. The bytes are the shell's. */
export interface ReadyOrder {
  readonly messageId: MessageId;
  readonly destinationId: DestinationId;
  readonly controlId: string;
  readonly format: PayloadFormat;
  /** Hex of the keyed hashes of its placer order numbers. */
  readonly placerKeys: readonly string[];
}

/** What is written to `dead_letter` when a delivery failed for good. Null for stage failures: they wrote their own. */
export interface DeadLetterNote {
  readonly messageId: MessageId;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly attempts: number;
  readonly destinationId: DestinationId | null;
  readonly maybeDelivered: boolean;
}

/** What is known of a number above the checkpoint. `recordedAs` is what Postgres says now. */
export type Outcome =
  | { readonly status: 'PROCESSED'; readonly order: ReadyOrder }
  | {
      readonly status: SettledStatus;
      readonly messageId: MessageId;
      readonly recordedAs: MessageStatus;
      readonly code: ErrorCode | null;
      readonly deadLetter: DeadLetterNote | null;
      readonly placerKeys: readonly string[];
    };

/** One row of `delivery_attempt`. */
export interface AttemptNote {
  readonly sequenceNo: SequenceNo;
  readonly messageId: MessageId;
  readonly attemptNo: number;
  readonly kind: AttemptKind;
  readonly outcome: AttemptOutcome;
  readonly destinationId: DestinationId | null;
  readonly code: ErrorCode | null;
  readonly ackCode: string | null;
  readonly detail: string | null;
  readonly controlId: string | null;
  readonly response: Uint8Array | null;
  readonly durationMs: number;
}

/** One lane's part of the settle statement. */
export interface SettleItem {
  readonly interfaceId: InterfaceId;
  readonly expectedCheckpoint: SequenceNo;
  /** Equal to the expected one when outcomes are recorded but not passed. */
  readonly checkpoint: SequenceNo;
  readonly grantedThrough: SequenceNo;
  readonly changes: readonly {
    readonly sequenceNo: SequenceNo;
    readonly messageId: MessageId;
    readonly from: MessageStatus;
    readonly to: SettledStatus;
    readonly settles: boolean;
  }[];
  readonly deadLetters: readonly (DeadLetterNote & { readonly sequenceNo: SequenceNo })[];
  readonly attempts: readonly AttemptNote[];
  readonly failedRun: number;
  readonly failedRunCode: ErrorCode | null;
  readonly heldFor: HoldReason | null;
}

/** What has been tried with the present head. */
export interface HeadTries {
  /** Sends of any kind. */
  readonly attempts: number;
  /** Failures that count against `retries`. */
  readonly counted: number;
  readonly unknowns: number;
  readonly firstUnknownAt: number | null;
  /** A copy may be at the destination. */
  readonly maybeSent: boolean;
  /** The endpoint failure that is written down already; more of the same are not. */
  readonly endpointNoted: ErrorCode | null;
}

export interface Send {
  readonly sequenceNo: SequenceNo;
  readonly order: ReadyOrder;
  readonly attemptNo: number;
  readonly kind: AttemptKind;
  readonly possibleDuplicate: boolean;
  readonly startedAt: number;
}

/** A late replay waiting for its turn, or under way. */
export interface ReplayOrder {
  readonly replayId: string;
  readonly sequenceNo: SequenceNo;
  readonly messageId: MessageId;
  readonly attempts: number;
  readonly notBeforeAt: number;
  /** In-order sends wait until it has ended. */
  readonly holdLane: boolean;
}

export interface PendingCommand {
  readonly commandId: CommandId;
  readonly kind: CommandKind;
}

export type RestingPhase = { readonly name: 'RESTING' };
export type WaitingPhase =
  | RestingPhase
  | {
      readonly name: 'BACKOFF';
      readonly sequenceNo: SequenceNo;
      readonly code: ErrorCode;
      readonly nextAttemptAt: number;
    }
  | {
      readonly name: 'ENDPOINT_DOWN';
      readonly sequenceNo: SequenceNo;
      readonly code: ErrorCode;
      readonly destinationId: DestinationId;
      readonly sinceAt: number;
      readonly nextAttemptAt: number;
    }
  | {
      readonly name: 'HELD';
      readonly sequenceNo: SequenceNo;
      readonly reason: HoldReason;
      readonly code: ErrorCode | null;
    };
export type Phase =
  | WaitingPhase
  | { readonly name: 'GRANTING'; readonly sequenceNo: SequenceNo }
  | { readonly name: 'SENDING'; readonly send: Send }
  | {
      readonly name: 'SETTLING';
      readonly item: SettleItem;
      readonly hold: {
        readonly sequenceNo: SequenceNo;
        readonly reason: HoldReason;
        readonly code: ErrorCode | null;
      } | null;
    }
  | { readonly name: 'COMMANDING'; readonly command: PendingCommand; readonly before: WaitingPhase }
  | { readonly name: 'REPLAYING'; readonly replay: ReplayOrder };
export type PhaseName = Phase['name'];

export interface LaneState {
  readonly interfaceId: InterfaceId;
  readonly epoch: Epoch;
  readonly policy: LanePolicy;
  readonly enabled: boolean;
  readonly checkpoint: SequenceNo;
  readonly granted: SequenceNo;
  /** The highest number that Postgres is known to have given; the window may hold outcomes above it. */
  readonly highWater: SequenceNo;
  readonly window: Window<Outcome>;
  /** Lowest number whose outcome was heard of and not kept, because the window was full. */
  readonly forgottenFrom: SequenceNo | null;
  readonly phase: Phase;
  readonly sinceAt: number;
  readonly paused: { readonly by: string; readonly sinceAt: number } | null;
  readonly tries: HeadTries;
  readonly failedRun: number;
  readonly failedRunCode: ErrorCode | null;
  /** placer key → the number of that order that failed; only under passWithOrder. */
  readonly failedOrders: ReadonlyMap<string, SequenceNo>;
  readonly commands: readonly PendingCommand[];
  readonly replays: readonly ReplayOrder[];
  /** A look-up of this head is under way. */
  readonly lookupFor: SequenceNo | null;
}

export const NO_TRIES: HeadTries = {
  attempts: 0,
  counted: 0,
  unknowns: 0,
  firstUnknownAt: null,
  maybeSent: false,
  endpointNoted: null,
};

/** Hears of what happened. Time and ids arrive in events; nothing here reads a clock. */
export type LaneEvent =
  | { readonly kind: 'NUMBERED'; readonly highWater: SequenceNo; readonly nowAt: number }
  | {
      readonly kind: 'OUTCOMES';
      readonly outcomes: readonly { readonly sequenceNo: SequenceNo; readonly outcome: Outcome }[];
      /** More outcomes stand in the store from here on; they were not read. */
      readonly moreFrom?: SequenceNo;
      readonly nowAt: number;
    }
  | {
      readonly kind: 'SEND_RESULT';
      readonly result: DeliveryResult;
      readonly nowAt: number;
      /** When the destination last answered any other message; null = never seen. */
      readonly lastAnswerAt: number | null;
      /** Numbers in a row, over all lanes of this instance, that ended FAILED with this code at this destination. */
      readonly destinationFailedRun: number;
      /** Since when the endpoint has not answered anybody here; null = it does. */
      readonly endpointSinceAt: number | null;
      /** When the breaker lets someone try again. */
      readonly retryAt: number;
    }
  | {
      readonly kind: 'BLOCKED';
      readonly code: ErrorCode;
      readonly sinceAt: number;
      readonly retryAt: number;
      readonly nowAt: number;
    }
  | { readonly kind: 'SETTLED'; readonly nowAt: number }
  | { readonly kind: 'GRANTED'; readonly nowAt: number }
  | { readonly kind: 'WAKE'; readonly nowAt: number }
  | { readonly kind: 'ENDPOINT_TRY'; readonly nowAt: number }
  | { readonly kind: 'COMMAND'; readonly command: PendingCommand; readonly nowAt: number }
  | { readonly kind: 'COMMAND_DONE'; readonly changes: CommandChanges; readonly nowAt: number }
  | {
      readonly kind: 'REPLAY_RECORDED';
      readonly again: ReplayOrder | null;
      /** As in LaneRecord, read after a replay that may have healed an order; only under passWithOrder. */
      readonly failedOrders?: ReadonlyMap<string, SequenceNo>;
      readonly nowAt: number;
    }
  | { readonly kind: 'CONFIGURED'; readonly policy: LanePolicy; readonly enabled: boolean; readonly nowAt: number };
export type LaneEventKind = LaneEvent['kind'];

/** What a command that was carried out in Postgres means for the lane. */
export interface CommandChanges {
  /** undefined = no outcome any more: it is in the stages again. */
  readonly outcomes: readonly { readonly sequenceNo: SequenceNo; readonly outcome: Outcome | undefined }[];
  readonly paused?: { readonly by: string; readonly sinceAt: number } | null;
  /** The hold is over, and the run of failures begins again (G20). */
  readonly release?: boolean;
  /** Committed with the command: the head the lane held before, as `settlementOf` gave it. */
  readonly settled?: SettleItem;
  /** The head's outcome stays unknown, and it goes out once more (G8). */
  readonly sendAgain?: boolean;
  readonly replays?: readonly ReplayOrder[];
}

export type Effect =
  | { readonly kind: 'SEND'; readonly send: Send }
  | { readonly kind: 'SETTLE'; readonly item: SettleItem }
  | { readonly kind: 'GRANT'; readonly sequenceNo: SequenceNo }
  | { readonly kind: 'NOTE_ATTEMPT'; readonly attempt: AttemptNote }
  | { readonly kind: 'LOOK_UP'; readonly fromSequenceNo: SequenceNo }
  | { readonly kind: 'RUN_COMMAND'; readonly command: PendingCommand }
  | { readonly kind: 'SEND_REPLAY'; readonly replay: ReplayOrder };

export interface Decision {
  readonly state: LaneState;
  readonly effects: readonly Effect[];
}
