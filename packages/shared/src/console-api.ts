/**
 * What the command line reads of the console's tRPC answers. The CLI checks every answer against these; the console
 * may answer more, never less. Kept here, because no app may import another.
 */
import {
  ATTEMPT_KINDS,
  ATTEMPT_OUTCOMES,
  COMMAND_KINDS,
  COMMAND_STATUSES,
  MESSAGE_STATUSES,
  UNKNOWN_RESOLUTIONS,
} from '@inorder/core';
import { z } from 'zod';

const number = z.int().min(1);
const range = { fromSequenceNo: number.nullable(), toSequenceNo: number.nullable() };

/** One act on one lane, as `commands.plan` takes it. */
export const laneActSchema = z.object({
  kind: z.enum(COMMAND_KINDS),
  interfaceCode: z.string(),
  ...range,
  resolution: z.enum(UNKNOWN_RESOLUTIONS).nullable(),
  /** REPLAY: in-order sends wait until what is sent late has ended. */
  holdLane: z.boolean().exactOptional(),
});
export type LaneAct = z.infer<typeof laneActSchema>;

const warningSchema = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.literal('AFTER_CANCEL'),
    sequenceNo: number,
    orderControl: z.string(),
    cancelSequenceNo: number,
    cancelOrderControl: z.string(),
  }),
  z.looseObject({ kind: z.literal('OVERTAKEN'), sequenceNo: number, count: z.int() }),
  z.looseObject({ kind: z.literal('MAYBE_DELIVERED'), sequenceNo: number }),
  z.looseObject({ kind: z.literal('LATER_OF_SAME_ORDER'), sequenceNo: number, laterSequenceNo: number }),
]);
export type PlannedWarning = z.infer<typeof warningSchema>;

const counted = z.record(z.string(), z.int());

/** `commands.plan`: one for each act. */
export const plannedActSchema = z.looseObject({
  command: laneActSchema,
  hash: z.string(),
  refusal: z.string().nullable(),
  before: z.looseObject({
    checkpoint: z.int(),
    highWater: z.int(),
    paused: z.boolean(),
    heldFor: z.string().nullable(),
  }),
  effects: counted,
  excluded: counted,
  /** The first ones. */
  warnings: z.array(warningSchema),
  warningsTotal: z.int(),
});
export type PlannedAct = z.infer<typeof plannedActSchema>;

/** `commands.get`, and part of `commands.request`. */
export const actProgressSchema = z.looseObject({
  commandId: z.uuid(),
  interfaceCode: z.string(),
  kind: z.enum(COMMAND_KINDS),
  ...range,
  status: z.enum(COMMAND_STATUSES),
  refusalCode: z.string().nullable(),
  result: z.unknown(),
});
export type ActProgress = z.infer<typeof actProgressSchema>;

/** `commands.request`. Not ok: nothing was written, and these plans are another thing than what was agreed to. */
export const requestedActsSchema = z.discriminatedUnion('ok', [
  z.looseObject({ ok: z.literal(true), commands: z.array(actProgressSchema) }),
  z.looseObject({ ok: z.literal(false), changed: z.array(plannedActSchema) }),
]);

/** `lanes.restored`: after a restore or a fail-over lanes hold until they are released (G21). */
export const restoredSchema = z.looseObject({
  heldAt: z.date().nullable(),
  generation: z.int(),
  lanes: z.int(),
  paused: z.int(),
});
export type RestoredLanes = z.infer<typeof restoredSchema>;

/** `commands.releaseRestored`. */
export const releasedSchema = z.looseObject({ lanes: z.int() });

/** `messages.get`. */
export const tracedMessageSchema = z.looseObject({
  interfaceCode: z.string(),
  interfaceName: z.string(),
  sequenceNo: number,
  status: z.enum(MESSAGE_STATUSES),
  revision: z.int(),
  possibleTwin: z.boolean(),
  receivedAt: z.date(),
  settledAt: z.date().nullable(),
  checkpoint: z.int(),
  highWater: z.int(),
  paused: z.boolean(),
  heldFor: z.string().nullable(),
  orderControls: z.array(z.string()),
  destination: z.string().nullable(),
  controlId: z.string().nullable(),
  deadLetter: z
    .looseObject({
      stage: z.string(),
      errorCode: z.string(),
      path: z.string().nullable(),
      value: z.string().nullable(),
      detail: z.string(),
      maybeDelivered: z.boolean(),
      createdAt: z.date(),
      resolvedAt: z.date().nullable(),
      resolution: z.string().nullable(),
    })
    .nullable(),
  attempts: z.array(
    z.looseObject({
      attemptNo: z.int(),
      kind: z.enum(ATTEMPT_KINDS),
      outcome: z.enum(ATTEMPT_OUTCOMES),
      destination: z.string().nullable(),
      errorCode: z.string().nullable(),
      ackCode: z.string().nullable(),
      detail: z.string().nullable(),
      endedAt: z.date(),
      durationMs: z.int(),
    }),
  ),
  replays: z.array(
    z.looseObject({
      state: z.string(),
      attempts: z.int(),
      errorCode: z.string().nullable(),
      actor: z.string(),
      reason: z.string(),
      requestedAt: z.date(),
      doneAt: z.date().nullable(),
    }),
  ),
  commands: z.array(
    z.looseObject({
      kind: z.enum(COMMAND_KINDS),
      status: z.enum(COMMAND_STATUSES),
      refusalCode: z.string().nullable(),
      actor: z.string(),
      reason: z.string(),
      requestedAt: z.date(),
    }),
  ),
  related: z.array(
    z.looseObject({
      interfaceCode: z.string(),
      sequenceNo: number,
      status: z.enum(MESSAGE_STATUSES),
      orderControl: z.string().nullable(),
      receivedAt: z.date(),
    }),
  ),
});
export type TracedMessage = z.infer<typeof tracedMessageSchema>;

/** `deadLetters.group`. */
export const deadLetterGroupsSchema = z.looseObject({
  total: z.int(),
  partial: z.boolean(),
  groups: z.array(
    z.looseObject({
      signature: z.string(),
      errorCode: z.string(),
      stage: z.string(),
      path: z.string().nullable(),
      value: z.string().nullable(),
      count: z.int(),
      interfaces: z.int(),
      interfaceCodes: z.array(z.string()),
      maybeDelivered: z.int(),
      lastAt: z.date(),
    }),
  ),
});

/** `deadLetters.list`. */
export const deadLetterPageSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      interfaceCode: z.string(),
      sequenceNo: number,
      errorCode: z.string(),
      stage: z.string(),
      path: z.string().nullable(),
      value: z.string().nullable(),
      maybeDelivered: z.boolean(),
      createdAt: z.date(),
      passed: z.boolean(),
    }),
  ),
  next: z.string().nullable(),
});

/** `config.list`. */
export const interfaceListSchema = z.array(
  z.looseObject({
    code: z.string(),
    name: z.string(),
    site: z.string(),
    tags: z.array(z.string()),
    enabled: z.boolean(),
    destinations: z.array(z.string()),
  }),
);

const appliedKind = z.looseObject({
  created: z.array(z.string()),
  updated: z.array(z.string()),
  unchanged: z.int(),
});

/** `config.publish`. */
export const publishedSchema = z.discriminatedUnion('ok', [
  z.looseObject({ ok: z.literal(true), changes: z.record(z.string(), appliedKind) }),
  z.looseObject({ ok: z.literal(false), problems: z.array(z.looseObject({ path: z.string(), message: z.string() })) }),
]);
export type Published = z.infer<typeof publishedSchema>;

/** Health of a lane, worst first; the snapshot names them by position. */
export const LANE_HEALTHS = ['STOPPED', 'GAP', 'STALLED', 'BREACH', 'SLOW', 'QUIET', 'OK'] as const;

/** GET, console: every lane in columns; position = lane. */
export const LAG_SNAPSHOT_PATH = '/api/lag/snapshot';
export const lagSnapshotSchema = z.looseObject({
  /** The server's clock, epoch milliseconds. */
  at: z.number(),
  feed: z.looseObject({ source: z.string(), stale: z.boolean(), engines: z.int() }),
  names: z.looseObject({ code: z.array(z.string()), name: z.array(z.string()), to: z.array(z.string()) }),
  columns: z.looseObject({
    state: z.array(z.int()),
    checkpoint: z.array(z.int()),
    highWater: z.array(z.int()),
    /** `WaitingFor` of core; null: nothing. */
    waitingFor: z.array(z.unknown()),
    oldestAt: z.array(z.number().nullable()),
    inPerMinute: z.array(z.number()),
    outPerMinute: z.array(z.number()),
    health: z.array(z.int()),
    dead: z.array(z.int()),
  }),
});
export type LagSnapshot = z.infer<typeof lagSnapshotSchema>;
