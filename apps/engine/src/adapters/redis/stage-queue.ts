/**
 * Hints about chunks over BullMQ, one queue per stage.
 *
 * Natural batching: what is offered while one addBulk is under way goes with the next. A hint is dropped and counted in
 * `lost` where Redis is away, does not take it in time, or has more waiting than anybody will take soon: the chunk is a
 * committed row, and whoever hosts the stage looks for rows anyway (G11).
 */
import { randomUUID } from 'node:crypto';
import type { PipelineStage } from '@inorder/core';
import type { Queue } from 'bullmq';
import { z } from 'zod';
import type { OfferedChunk, StageQueue } from '../../stages/stage-queue.ts';
import { type BullQueues, stageQueueName } from './bull-queues.ts';
import { type BullWorker, startBullWorker } from './bull-worker.ts';

/** Hints in one addBulk. */
const BULK_MAX = 500;
/** Hints that wait here while Redis is slow. */
const BUFFER_MAX = 10_000;
/** Hints of one stage that wait in Redis: about 10 MB. More wait only where nobody serves the stage. */
const WAITING_MAX = 20_000;
/** Redis is asked how many wait at most this often. */
const COUNT_EVERY_MS = 1000;
/** Chunks that one instance takes at a time, per stage. */
const TAKES_MAX = 8;

const JOB_NAME = 'chunk';
/** The board can make jobs, and so can anyone who reaches Redis: what is not a chunk fails. */
const chunkSchema = z.object({ claimId: z.uuid() });

export interface RedisStageQueueOptions {
  readonly queues: BullQueues;
  /** Default TAKES_MAX. */
  readonly takesMax?: number;
  /** Default WAITING_MAX. */
  readonly waitingMax?: number;
  /** A chunk whose instance died is offered to another within two of these; default 10,000. */
  readonly lockMs?: number;
}

export class RedisStageQueue implements StageQueue {
  private readonly options: RedisStageQueueOptions;
  private readonly offers = new Map<PipelineStage, StageOffers>();
  private readonly workers = new Map<PipelineStage, BullWorker>();
  private closed = false;

  constructor(options: RedisStageQueueOptions) {
    this.options = options;
  }

  get lost(): number {
    let lost = 0;
    for (const offers of this.offers.values()) lost += offers.lost;
    return lost;
  }

  /** Whether chunks of all served stages can come. */
  get isReady(): boolean {
    return this.options.queues.isReady && [...this.workers.values()].every((worker) => worker.isReady);
  }

  offer(stage: PipelineStage, chunks: readonly OfferedChunk[]): void {
    let offers = this.offers.get(stage);
    if (offers === undefined) {
      const { queues, waitingMax = WAITING_MAX } = this.options;
      offers = new StageOffers(queues, stageQueueName(stage), waitingMax);
      this.offers.set(stage, offers);
    }
    if (this.closed) offers.lost += chunks.length;
    else offers.add(chunks);
  }

  serve(stage: PipelineStage, take: (claimId: string) => Promise<void>): void {
    if (this.workers.has(stage)) throw new Error(`stage ${stage} is served already`);
    if (this.closed) return;
    const { queues, takesMax = TAKES_MAX, lockMs } = this.options;
    const worker = startBullWorker({
      queues,
      name: stageQueueName(stage),
      jobsMax: takesMax,
      ...(lockMs === undefined ? {} : { lockMs }),
      work: async (job) => take(chunkSchema.parse(job.data).claimId),
    });
    this.workers.set(stage, worker);
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.workers.values()].map((worker) => worker.close()));
  }
}

/** What is said of one stage. */
class StageOffers {
  lost = 0;
  private readonly queues: BullQueues;
  private readonly name: string;
  private readonly waitingMax: number;
  private buffer: OfferedChunk[] = [];
  private sending = false;
  private countedAt = Number.NEGATIVE_INFINITY;
  private full = false;

  constructor(queues: BullQueues, name: string, waitingMax: number) {
    this.queues = queues;
    this.name = name;
    this.waitingMax = waitingMax;
  }

  add(chunks: readonly OfferedChunk[]): void {
    if (!this.queues.isReady) {
      this.lost += chunks.length;
      return;
    }
    const taken = chunks.slice(0, BUFFER_MAX - this.buffer.length);
    this.lost += chunks.length - taken.length;
    this.buffer.push(...taken);
    if (this.sending) return;
    this.sending = true;
    // What else is offered in this turn of the loop goes along.
    setImmediate(() => void this.send());
  }

  private async send(): Promise<void> {
    const queue = this.queues.queue(this.name);
    while (this.buffer.length > 0) {
      const batch = this.buffer.splice(0, BULK_MAX);
      try {
        if (await this.hasRoom(queue)) await queue.addBulk(batch.map(jobOf));
        else this.lost += batch.length;
        this.queues.answered();
      } catch (error) {
        this.queues.failed(error);
        // What waited behind it has waited as long: by now the watchdog has looked.
        this.lost += batch.length + this.buffer.length;
        this.buffer = [];
      }
    }
    this.sending = false;
  }

  private async hasRoom(queue: Queue): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.countedAt >= COUNT_EVERY_MS) {
      this.countedAt = nowMs;
      this.full = (await queue.getWaitingCount()) >= this.waitingMax;
    }
    return !this.full;
  }
}

/**
 * Ids of our own: BullMQ's counter starts again after FLUSHALL, and a worker would mistake a new job for one it has.
 * Not the claim's: a chunk offered twice is to come twice.
 */
function jobOf(chunk: OfferedChunk): Parameters<Queue['addBulk']>[0][number] {
  return {
    name: JOB_NAME,
    data: { claimId: chunk.claimId, messages: chunk.messages },
    opts: { jobId: randomUUID(), stackTraceLimit: 0 },
  };
}
