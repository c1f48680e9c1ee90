/**
 * What a lane waits for, and the one sentence about it. Owner, console and CLI use this file, so that screen and
 * behaviour cannot disagree.
 */
import { ERROR_CODES, type ErrorCode } from '../codes.ts';
import type { Epoch, InstanceId, InterfaceId, SequenceNo } from '../ids.ts';
import type { LaneStateName, MessageStatus } from '../status.ts';

/** Why a lane holds although its head could go. PASS_LIMIT: G20 · ON_FAILURE: policy · UNKNOWN_OUTCOME: G8 · RESTORED: G21. */
export const HOLD_REASONS = ['PASS_LIMIT', 'ON_FAILURE', 'UNKNOWN_OUTCOME', 'RESTORED'] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

/** What stands between the lane and its next send. Times ending in `At` are epoch milliseconds. */
export type WaitingFor =
  | {
      readonly kind: 'STAGE';
      readonly sequenceNo: SequenceNo;
      readonly status: MessageStatus | null;
      readonly sinceAt: number;
    }
  | {
      readonly kind: 'ACK';
      readonly sequenceNo: SequenceNo;
      readonly destination: string;
      readonly attempt: number;
      readonly sinceAt: number;
    }
  | { readonly kind: 'COMMIT'; readonly sequenceNo: SequenceNo }
  | {
      readonly kind: 'RETRY';
      readonly sequenceNo: SequenceNo;
      readonly code: ErrorCode;
      /** The try that comes next, and how many there are in all. */
      readonly attempt: number;
      readonly attemptsMax: number;
      readonly nextAttemptAt: number;
    }
  | {
      readonly kind: 'ENDPOINT';
      readonly sequenceNo: SequenceNo;
      readonly destination: string;
      readonly code: ErrorCode;
      readonly sinceAt: number;
      readonly nextAttemptAt: number;
    }
  | {
      readonly kind: 'HOLD';
      readonly sequenceNo: SequenceNo;
      readonly reason: HoldReason;
      readonly code: ErrorCode | null;
    }
  | { readonly kind: 'PAUSE'; readonly by: string; readonly sinceAt: number };

/** One lane as its owner sees it; what `LaneStatusFeed` carries. */
export interface LaneStatus {
  readonly interfaceId: InterfaceId;
  readonly state: LaneStateName;
  /** Since when it is in this state. */
  readonly sinceAt: number;
  readonly checkpoint: SequenceNo;
  readonly highWater: SequenceNo;
  readonly waitingFor: WaitingFor | null;
  /** When the oldest unsettled number was received; null at lag 0. */
  readonly oldestAt: number | null;
  /** Numbers above the head that are ready or have an end already. */
  readonly readyAhead: number;
  /** Runs of numbers without an outcome below the highest one that has an outcome. */
  readonly gaps: number;
  /** Over the last minute. */
  readonly inPerMinute: number;
  readonly outPerMinute: number;
  readonly epoch: Epoch;
  readonly instance: InstanceId;
}

export function lag(status: Pick<LaneStatus, 'checkpoint' | 'highWater'>): number {
  return status.highWater - status.checkpoint;
}

const STAGE_WORDS: Record<MessageStatus, string> = {
  RECEIVED: 'validate',
  VALIDATED: 'enrich',
  ENRICHED: 'route',
  PROCESSED: 'deliver',
  DELIVERED: 'deliver',
  FAILED: 'deliver',
  SKIPPED: 'deliver',
  FILTERED: 'deliver',
};

/** Why a lane holds, in words that follow a colon. */
export const HOLD_WORDS: Record<HoldReason, string> = {
  PASS_LIMIT: 'too many numbers in a row failed with one error',
  ON_FAILURE: 'this interface holds when a message fails',
  UNKNOWN_OUTCOME: 'it is not known whether it arrived',
  RESTORED: 'the database was restored or failed over',
};

/** "4 s", "3 min", "2 h 5 min", "4 d": coarse on purpose, for sentences. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/**
 * The sentence: "waits for #123, in enrich for 4 s". Never patient data, never a full stop.
 * `nowAt` is epoch milliseconds of whoever reads it.
 */
export function explain(
  status: Pick<LaneStatus, 'state' | 'checkpoint' | 'highWater' | 'waitingFor'>,
  nowAt: number,
): string {
  const waiting = status.waitingFor;
  if (status.state === 'DISABLED') return `disabled; ${lag(status)} waiting`;
  if (waiting === null) {
    if (status.highWater === 0) return 'no message yet';
    return status.highWater === 1 ? 'its one number is settled' : `all ${status.highWater} numbers are settled`;
  }
  switch (waiting.kind) {
    case 'STAGE':
      return waiting.status === null
        ? `waits for #${waiting.sequenceNo}, not seen in a stage yet`
        : `waits for #${waiting.sequenceNo}, in ${STAGE_WORDS[waiting.status]} for ${durationText(nowAt - waiting.sinceAt)}`;
    case 'ACK':
      return `sent #${waiting.sequenceNo} to ${waiting.destination}${waiting.attempt > 1 ? `, try ${waiting.attempt}` : ''}, waits for its answer since ${durationText(nowAt - waiting.sinceAt)}`;
    case 'COMMIT':
      return `writes down what came of #${waiting.sequenceNo}`;
    case 'RETRY':
      return `#${waiting.sequenceNo} failed (${ERROR_CODES[waiting.code].title}), try ${waiting.attempt} of ${waiting.attemptsMax} in ${durationText(waiting.nextAttemptAt - nowAt)}`;
    case 'ENDPOINT':
      return `${waiting.destination} cannot be used since ${durationText(nowAt - waiting.sinceAt)} (${ERROR_CODES[waiting.code].title}); #${waiting.sequenceNo} waits, next try in ${durationText(waiting.nextAttemptAt - nowAt)}`;
    case 'HOLD':
      return `holds before #${waiting.sequenceNo}: ${HOLD_WORDS[waiting.reason]}${waiting.code === null ? '' : ` (${waiting.code})`}`;
    case 'PAUSE':
      return `paused by ${waiting.by} since ${durationText(nowAt - waiting.sinceAt)}; ${lag(status)} waiting`;
  }
}
