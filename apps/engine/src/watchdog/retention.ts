/**
 * What goes by age: settled numbers below a floor, and payloads a day at a time. docs/operations/retention.md has the
 * rules; retention-queries.ts says why none of it stops a lane.
 *
 * **Invariant:** the floor passes numbers in order and only settled ones; nothing at or above it is deleted (G5, G13).
 * **Invariant:** what is deleted below the floor has no open dead letter and no replay that has not ended.
 * **Invariant:** each step commits on its own and leaves nothing half done: a run that is cut off is gone on with by looking.
 */
import { type InterfaceId, type MessageId, sequenceNo } from '@inorder/core';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import {
  cleanPayloads,
  dropPartition,
  keepPayloads,
  type PayloadPartition,
  passNumbers,
  readFloors,
  readNeeded,
  readOldPartitions,
  removeNumbers,
} from '../adapters/postgres/retention-queries.ts';

/** Rows that one statement looks at or takes along. */
export interface RetentionBatches {
  readonly interfacesMax: number;
  /** Numbers the floor passes in one statement; it takes the counter's row at its end. */
  readonly passMax: number;
  /** Numbers removed in one transaction, each with its attempts, keys, dead letter and replays. */
  readonly removeMax: number;
  readonly payloadPageMax: number;
  readonly keepMax: number;
  readonly keepBytesMax: number;
  /** Payloads that may still have to move while readers of payloads stand still; with more of them the day stays. */
  readonly leftoversMax: number;
}

export const RETENTION_BATCHES: RetentionBatches = {
  interfacesMax: 1000,
  passMax: 5000,
  removeMax: 500,
  payloadPageMax: 5000,
  keepMax: 100,
  keepBytesMax: 8 * 1024 * 1024,
  leftoversMax: 200,
};

export interface RetentionOptions {
  readonly database: Database;
  readonly payloadDays: number;
  readonly settledDays: number;
  readonly batches?: RetentionBatches;
  /** false: stop after the step under way. */
  readonly goOn: () => boolean;
}

export interface SettledResult {
  readonly passed: number;
  readonly removed: number;
  /** Codes of interfaces with a number at the floor that has no row, although it is settled (G5). */
  readonly broken: readonly string[];
}

/** Moves every floor over what is older than `settledDays`, and removes what nobody needs below it. */
export async function retainSettled(options: RetentionOptions): Promise<SettledResult> {
  const { database, settledDays, batches = RETENTION_BATCHES, goOn } = options;
  const total = { passed: 0, removed: 0 };
  const broken: string[] = [];
  let after: InterfaceId | null = null;
  while (goOn()) {
    const page = await readFloors(database, after, batches.interfacesMax, settledDays);
    for (const lane of page) {
      if (lane.missing) broken.push(lane.code);
      if (lane.due) total.passed += await passAll(options, batches, lane.interfaceId);
      if (lane.due || lane.below) total.removed += await removeAll(options, batches, lane.interfaceId);
      if (!goOn()) break;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < batches.interfacesMax) break;
    after = last.interfaceId;
  }
  return { ...total, broken };
}

async function passAll(options: RetentionOptions, batches: RetentionBatches, id: InterfaceId): Promise<number> {
  let total = 0;
  let passed = batches.passMax;
  while (passed === batches.passMax && options.goOn()) {
    passed = await passNumbers(options.database, id, batches.passMax, options.settledDays);
    total += passed;
  }
  return total;
}

async function removeAll(options: RetentionOptions, batches: RetentionBatches, id: InterfaceId): Promise<number> {
  let total = 0;
  for (let after = sequenceNo(0); options.goOn(); ) {
    const { removed, next } = await removeNumbers(options.database, id, after, batches.removeMax, options.settledDays);
    total += removed;
    if (next === null) break;
    after = next;
  }
  return total;
}

export interface PayloadsResult {
  readonly partitionsDropped: number;
  /** Left for the next run: readers did not give way, or too much of the day is still in the stages. */
  readonly partitionsLeft: number;
  readonly kept: number;
  readonly removed: number;
}

/** Drops the days older than `payloadDays` after moving what is needed, and what was moved once it is needed no more. */
export async function retainPayloads(options: RetentionOptions): Promise<PayloadsResult> {
  const { database, payloadDays, batches = RETENTION_BATCHES, goOn } = options;
  let partitionsDropped = 0;
  let partitionsLeft = 0;
  let kept = 0;
  for (const partition of await readOldPartitions(database, payloadDays)) {
    if (!goOn()) return { partitionsDropped, partitionsLeft, kept, removed: 0 };
    const emptied = await emptyPartition(options, batches, partition);
    kept += emptied.kept;
    if (emptied.leftovers === null) {
      partitionsLeft += 1;
      continue;
    }
    const moved = await dropUnlessBusy(database, partition, emptied.leftovers);
    if (moved === 'BUSY') partitionsLeft += 1;
    else if (moved !== null) {
      partitionsDropped += 1;
      kept += moved;
    }
  }
  let removed = 0;
  for (const table of ['kept', 'default'] as const) {
    for (let after: string | null = null; goOn(); ) {
      const page = await cleanPayloads(database, table, after, batches.payloadPageMax, payloadDays);
      removed += page.removed;
      if (page.next === null) break;
      after = page.next;
    }
  }
  return { partitionsDropped, partitionsLeft, kept, removed };
}

/** `leftovers`: what has to move with the drop itself; null: too many, or told to stop. */
async function emptyPartition(
  options: RetentionOptions,
  batches: RetentionBatches,
  partition: PayloadPartition,
): Promise<{ readonly kept: number; readonly leftovers: readonly MessageId[] | null }> {
  const leftovers: MessageId[] = [];
  let kept = 0;
  for (let after: string | null = partition.from; after !== null; ) {
    if (!options.goOn() || leftovers.length > batches.leftoversMax) return { kept, leftovers: null };
    const page = await readNeeded(options.database, after, partition.to, batches.payloadPageMax);
    leftovers.push(...page.inStages);
    for (let from = 0; from < page.movable.length; from += batches.keepMax) {
      const ids = page.movable.slice(from, from + batches.keepMax);
      for (let more = true; more && options.goOn(); ) {
        const moved = await keepPayloads(options.database, ids, batches.keepBytesMax);
        kept += moved.moved;
        more = moved.more;
        if (!more) leftovers.push(...moved.busy);
      }
    }
    after = page.next;
  }
  return { kept, leftovers: leftovers.length > batches.leftoversMax || !options.goOn() ? null : leftovers };
}

async function dropUnlessBusy(
  database: Database,
  partition: PayloadPartition,
  leftovers: readonly MessageId[],
): Promise<number | null | 'BUSY'> {
  try {
    return await dropPartition(database, partition.day, leftovers);
  } catch (error) {
    // 55P03: readers did not give way in time; 40P01: they wait for one another. Nothing has changed.
    if (['55P03', '40P01'].includes(errorCodeOf(error))) return 'BUSY';
    throw error;
  }
}
