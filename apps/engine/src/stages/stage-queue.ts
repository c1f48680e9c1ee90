/**
 * How an instance tells the others that a chunk waits for a stage. The chunk itself is a committed `stage_claim` row
 * that nobody has taken yet: what is said here is only a hint that it is there, and may be lost (G11). Whoever hosts the
 * stage looks for open claims each `reconcileIntervalMs` anyway.
 */
import type { PipelineStage } from '@inorder/core';

/** A `stage_claim` row without an instance. Ids and numbers only, never payload (G18). */
export interface OfferedChunk {
  /** UUIDv7. */
  readonly claimId: string;
  readonly messages: number;
}

export interface StageQueue {
  /** After the commit that wrote the claims. Never throws; what cannot be said is counted in `lost`. */
  offer(stage: PipelineStage, chunks: readonly OfferedChunk[]): void;
  /**
   * Hands chunks offered for `stage` to this instance, at most once per call of `offer` over all instances that serve it
   * while all is well; again where an instance died with them. `take` resolves when the chunk has been taken here or
   * had been taken before; where it rejects the hint is lost. Called at most once per stage.
   */
  serve(stage: PipelineStage, take: (claimId: string) => Promise<void>): void;
  /** Hints that could not be said, since the start. */
  readonly lost: number;
  /** Takes no more; ends when what is being taken is taken. */
  close(): Promise<void>;
}

/** Bytes that came in, of the messages of a chunk that is handed over. */
export const CHUNK_BYTES_MAX = 4_194_304;
/** Messages in a chunk at most. */
const CHUNK_MAX = 64;
/** Chunks that a batch is cut into where it is large enough: so many workers can share it. */
const CHUNKS_PER_BATCH = 8;

/** One id when it is quiet, many under load. */
export function chunkSizeOf(messages: number): number {
  return Math.max(1, Math.min(CHUNK_MAX, Math.ceil(messages / CHUNKS_PER_BATCH)));
}
