import { COMMAND_KINDS, UNKNOWN_RESOLUTIONS } from '@inorder/core';
import { COMMAND_NUMBERS_MAX } from '@inorder/db';
import { z } from 'zod';

const number = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** One command as a dialog or the CLI asks for it. */
export const commandInput = z
  .strictObject({
    kind: z.enum(COMMAND_KINDS),
    interfaceCode: z.string().max(32),
    fromSequenceNo: number.nullable().default(null),
    toSequenceNo: number.nullable().default(null),
    resolution: z.enum(UNKNOWN_RESOLUTIONS).nullable().default(null),
    /** In-order sends wait until what is sent late has ended. */
    holdLane: z.boolean().exactOptional(),
  })
  .refine(
    ({ fromSequenceNo: from, toSequenceNo: to }) => (from === null) === (to === null) && (from ?? 0) <= (to ?? 0),
    {
      message: 'needs both ends of a range, in order, or neither',
    },
  )
  .refine(({ fromSequenceNo: from, toSequenceNo: to }) => (to ?? 0) - (from ?? 0) < COMMAND_NUMBERS_MAX, {
    message: `covers more than ${COMMAND_NUMBERS_MAX} numbers`,
  })
  .refine(({ kind, fromSequenceNo }) => (kind !== 'SKIP' && kind !== 'REPLAY') || fromSequenceNo !== null, {
    message: 'needs the numbers it is about',
  })
  .refine(({ kind, resolution }) => (kind === 'RESOLVE_UNKNOWN') === (resolution !== null), {
    message: 'needs a resolution for RESOLVE_UNKNOWN and for nothing else',
  })
  .refine(({ kind, holdLane }) => kind === 'REPLAY' || holdLane !== true, {
    message: 'holds the lane for REPLAY and for nothing else',
  });
export type CommandInput = z.infer<typeof commandInput>;

/** Commands that one request may hold. */
export const COMMANDS_MAX = 1000;
