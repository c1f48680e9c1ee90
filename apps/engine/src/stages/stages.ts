/**
 * The stages of one instance as its other parts see them: what they are given, what they do for ingest and delivery, and
 * what they count. How they do it: `worker-stages.ts`.
 */
import type { Clock, InstanceId, MessageId, PipelineStage } from '@inorder/core';
import type { KeyKind } from '@inorder/db';
import type { Logger } from 'pino';
import type { Database } from '../adapters/postgres/database.ts';
import type { LaneInbox } from '../delivery/inbox.ts';
import type { StageSite } from './chunk-preparation.ts';
import type { StagedMessage, StageIntake } from './intake.ts';
import type { StageOutcome } from './pipeline.ts';
import type { StageLimits } from './stage-limits.ts';
import type { StageQueue } from './stage-queue.ts';

export interface StagesDependencies {
  readonly database: Database;
  readonly site: StageSite;
  readonly lanes: LaneInbox;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly instance: InstanceId;
  /** Stages this instance runs, in any order; none where it only delivers, and then only detached runs are made. */
  readonly hosts: readonly PipelineStage[];
  readonly queue: StageQueue;
  /** Other living instances that host the first stage may help: no need to wait for our own. */
  readonly othersHelp: () => boolean;
  readonly leaseMs: number;
  /** Names of the instances that live, this one among them; chunks of others are taken. */
  readonly living: () => readonly string[];
  /** How often open chunks are looked for that no hint told of. */
  readonly reconcileIntervalMs: number;
  /** `messageKeyHasher` of packages/db. */
  readonly hashKey: (kind: KeyKind, value: string) => Buffer;
  readonly limits?: Partial<StageLimits>;
  /** Module whose top calls `serveStages` with a pipeline. Default: the product's. */
  readonly workerEntry?: URL;
}

/** Since the start, but for `waiting`. */
export interface StageCounters {
  readonly processed: number;
  readonly failed: number;
  readonly filtered: number;
  /** Gone on to a stage of another instance. */
  readonly handedOn: number;
  /** Chunks taken that were offered, and those of them that no hint had told of. */
  readonly chunksTaken: number;
  readonly chunksFound: number;
  readonly retried: number;
  /** Messages without an outcome now, and their bytes. */
  readonly waiting: number;
  readonly waitingBytes: number;
}

/** A message that is run through all stages from the bytes that came in. */
export type DetachedMessage = Omit<StagedMessage, 'enriched' | 'stage' | 'fresh' | 'run'>;

export interface Stages extends StageIntake {
  /** Begins to take chunks that are offered. */
  start(): void;
  /**
   * Runs the stages over a message and writes nothing: for a late replay, whose settled end stands (G14). Retried as
   * any other. Rejects only when we stop.
   */
  runDetached(message: DetachedMessage): Promise<StageOutcome>;
  /** As it is stored, for `runDetached`; undefined = no such payload. @throws what `classify` understands. */
  readMessage(id: MessageId): Promise<StagedMessage | undefined>;
  counters(): StageCounters;
  /** Gives back what has no outcome. */
  stop(): Promise<void>;
}
