/** How much the stages of one instance take on, how long they let a message run, and how often they try again. */
import { availableParallelism } from 'node:os';

export interface StageLimits {
  /** Worker threads when all is well; one core is for the thread that owns the lanes. */
  readonly stageWorkers: number;
  readonly stageTimeLimitMs: number;
  /** Old-generation heap of one worker. */
  readonly stageHeapMbMax: number;
  readonly stageChunkMax: number;
  readonly stageChunkBytesMax: number;
  readonly stageStallMs: number;
  /** Messages and bytes that ingest may hand to the stages of its own instance; beyond it they are offered to all. */
  readonly stageBacklogMax: number;
  readonly stageBacklogBytesMax: number;
  /** Messages up to which offered chunks are taken: so far ahead of the workers, and no further from others. */
  readonly stageAheadMax: number;
  /** Time that a hint of an offered chunk may take before others look for the chunk. */
  readonly hintGraceMs: number;
  readonly outcomeBatchMax: number;
  readonly outcomeBatchBytesMax: number;
  /** After the first try, for internal and transient failures; the last delay repeats. */
  readonly retries: number;
  readonly retryDelayMs: readonly number[];
  /** Pause between tries while Postgres is away or a look-up is down. */
  readonly storeRetryDelayMs: number;
  readonly storeRetryDelayMsMax: number;
}

export const STAGE_LIMITS: StageLimits = {
  stageWorkers: Math.max(1, availableParallelism() - 1),
  stageTimeLimitMs: 5000,
  stageHeapMbMax: 256,
  stageChunkMax: 64,
  stageChunkBytesMax: 4_194_304,
  stageStallMs: 200,
  stageBacklogMax: 10_000,
  stageBacklogBytesMax: 67_108_864,
  stageAheadMax: 512,
  hintGraceMs: 0,
  outcomeBatchMax: 500,
  outcomeBatchBytesMax: 16_777_216,
  retries: 3,
  retryDelayMs: [500, 1000, 2000],
  storeRetryDelayMs: 100,
  storeRetryDelayMsMax: 5000,
};
