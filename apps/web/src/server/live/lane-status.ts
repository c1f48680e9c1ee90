import {
  epoch,
  instanceId,
  interfaceId,
  LANE_STATES,
  type LaneStatus,
  sequenceNo,
  type WaitingFor,
} from '@inorder/core';
import { z } from 'zod';

const count = z.number().int().min(0).catch(0);
const at = z.number();
/** The parts that `explain()` and the board read; the rest of a kind passes as its owner wrote it. */
const waitingFor = z.looseObject({ kind: z.enum(['STAGE', 'ACK', 'COMMIT', 'RETRY', 'ENDPOINT', 'HOLD', 'PAUSE']) });

const laneStatus = z.object({
  interfaceId: z.string().transform(interfaceId),
  state: z.enum(LANE_STATES),
  sinceAt: at,
  checkpoint: z.number().transform(sequenceNo),
  highWater: z.number().transform(sequenceNo),
  waitingFor: waitingFor.nullable(),
  oldestAt: at.nullable(),
  readyAhead: count,
  gaps: count,
  inPerMinute: z.number().catch(0),
  outPerMinute: z.number().catch(0),
  epoch: z.number().transform(epoch),
  instance: z.string().transform(instanceId),
});

/** Our own engine's writing, of this version or another: what cannot be read is left out, one row never spoils the rest. */
export function parseLaneStatuses(values: readonly unknown[]): LaneStatus[] {
  const statuses: LaneStatus[] = [];
  for (const value of values) {
    const parsed = safely(() => laneStatus.safeParse(value));
    if (parsed?.success !== true) continue;
    // The kind was checked; its other members are the engine's own WaitingFor.
    statuses.push({ ...parsed.data, waitingFor: parsed.data.waitingFor as WaitingFor | null });
  }
  return statuses;
}

/** JSON array of statuses, as on the channel and the stream. */
export function parseStatusText(text: string): LaneStatus[] {
  const value = safely((): unknown => JSON.parse(text));
  return Array.isArray(value) ? parseLaneStatuses(value) : [];
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
