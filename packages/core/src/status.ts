/**
 * The words that code, SQL, CLI and screen share. Each list is the single source of its union type.
 * Source: docs/glossary.md.
 */

/** `message_tracking.status`. The last four are outcomes; once at or below the checkpoint they are settled for good. */
export const MESSAGE_STATUSES = [
  'RECEIVED',
  'VALIDATED',
  'ENRICHED',
  'PROCESSED',
  'DELIVERED',
  'FAILED',
  'SKIPPED',
  'FILTERED',
] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** The four ends a number can have (G5). */
export type SettledStatus = 'DELIVERED' | 'FAILED' | 'SKIPPED' | 'FILTERED';

/** `delivery_attempt.outcome`: what is known of one send. */
export const ATTEMPT_OUTCOMES = [
  'SENT',
  'ACKED',
  'NACKED',
  'UNKNOWN',
  'ENDPOINT_FAILED',
  'CONFIRMED_BY_OPERATOR',
  'CONFIRMED_BY_DUPLICATE',
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** `delivery_attempt.kind`: why it was sent. */
export const ATTEMPT_KINDS = ['FIRST', 'RETRY', 'REPLAY', 'RESEND'] as const;
export type AttemptKind = (typeof ATTEMPT_KINDS)[number];

/** The lane's own state, as `explain()` words it. Health is another column and lives in the console. */
export const LANE_STATES = [
  'FLOWING',
  'WAITING',
  'RETRYING',
  'ENDPOINT_DOWN',
  'HOLDING',
  'PAUSED',
  'IDLE',
  'DISABLED',
] as const;
export type LaneStateName = (typeof LANE_STATES)[number];

/** Stages in their order; a dead letter names the one it died in. DELIVER is the lane. */
export const STAGES = ['INGEST', 'VALIDATE', 'ENRICH', 'ROUTE', 'DELIVER'] as const;
export type StageName = (typeof STAGES)[number];

/** The stages between ingest and the lane, in their order: what an instance may host. */
export const PIPELINE_STAGES = ['VALIDATE', 'ENRICH', 'ROUTE'] as const;
export type PipelineStage = (typeof PIPELINE_STAGES)[number];

/**
 * `source_protection.verdict`: whether the broker gives a source's queue to one reader at a time (G3), as its reader saw
 * it. NOT_CHECKED: the broker does not show it, or was not to be asked.
 */
export const PROTECTION_VERDICTS = ['PROTECTED', 'NOT_PROTECTED', 'NOT_CHECKED'] as const;
export type ProtectionVerdict = (typeof PROTECTION_VERDICTS)[number];

export const COMMAND_KINDS = [
  'SKIP',
  'REPLAY',
  'PAUSE',
  'RESUME',
  'RESOLVE_UNKNOWN',
  'RESTAGE_FROM',
  'STEP',
  'RELEASE_UNTIL',
] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

export const COMMAND_STATUSES = ['PENDING', 'RUNNING', 'DONE', 'REFUSED', 'EXPIRED'] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

/** Why an owner refused a command. */
export const REFUSAL_CODES = [
  'PLAN_CHANGED',
  'ALREADY_SETTLED',
  'NOT_SETTLED',
  'NOT_PERMITTED',
  'NOTHING_TO_DO',
  'UNKNOWN_NUMBER',
  'NO_UNKNOWN_OUTCOME',
  'NOT_PAUSED',
  'ALREADY_PAUSED',
  'NOT_SUPPORTED',
  'REPLAY_FAILED',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** How the payload of a message is written. */
export const PAYLOAD_FORMATS = ['HL7V2', 'FHIR_JSON'] as const;
export type PayloadFormat = (typeof PAYLOAD_FORMATS)[number];

/** HL7 order control codes (table 0119) whose order towards each other is a matter of patient safety. */
export const CANCELLING_ORDER_CONTROLS: readonly string[] = ['CA', 'OC', 'DC', 'OD', 'CR'];
