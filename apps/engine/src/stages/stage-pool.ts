/**
 * The worker threads of the stages: chunks out, outcomes in, and what to do when a worker dies (G16).
 *
 * A chunk is what waits when a worker is free: one message when it is quiet, up to `chunkMax` under load, shared evenly
 * among the free workers. When a worker dies or a message runs over, the message it was at becomes a *suspect* and the
 * others go back to the front of the queue. A suspect runs alone in a worker of its own, made for it and thrown away,
 * beside the others; only what happens there is charged to it. Where the worker died between messages nobody is named:
 * the chunk runs again, and the second time each of its messages runs alone.
 *
 * **Invariant:** every work given ends in `onOutcome` exactly once, or stays with us until `stop`.
 */
import { type Clock, fault, type PipelineStage } from '@inorder/core';
import type { Logger } from 'pino';
import type { StagedMessage } from './intake.ts';
import type { StageOutcome, StageResult } from './pipeline.ts';
import { type Chunk, type ChunkResult, StageWorker, type StageWorkerOptions } from './stage-worker.ts';

/** One message in the stages. The pool keeps its notes on it. */
export interface Work {
  readonly message: StagedMessage;
  /** To run over it. */
  readonly stages: readonly PipelineStage[];
  /** Runs only alone: a worker died or hung at it. */
  suspect: boolean;
  /** Workers that died between messages while it was in their chunk. */
  deathsNearby: number;
}

export interface StagePoolOptions<W extends Work> {
  readonly entry: URL;
  /** Workers when all is well. */
  readonly size: number;
  /** They start at once; else with the first work. */
  readonly eager: boolean;
  /** Workers at most while some are stuck at a message. */
  readonly sizeMax: number;
  readonly chunkMax: number;
  readonly chunkBytesMax: number;
  readonly timeLimitMs: number;
  readonly heapMbMax: number;
  /** A message at it for longer lets another worker start, if others wait. */
  readonly stallMs: number;
  /** Pause after a worker that did not even start. */
  readonly startRetryMs: number;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly codes: StageWorkerOptions['codes'];
  /**
   * Documents and tables of these works. Works it leaves out are its own affair (it has ended them). Waits while
   * Postgres is away; never rejects.
   */
  readonly prepare: (works: readonly W[]) => Promise<{ readonly works: readonly W[]; readonly chunk: Chunk }>;
  readonly onOutcome: (work: W, outcome: StageResult) => void;
}

export class StagePool<W extends Work> {
  readonly #options: StagePoolOptions<W>;
  readonly #workers = new Set<StageWorker>();
  /** Workers with a chunk, or being given one. */
  readonly #busy = new Set<StageWorker>();
  #queue: W[] = [];
  #suspects: W[] = [];
  #quarantine: Promise<void> | undefined;
  #alone: StageWorker | undefined;
  #begun = false;
  #stopped = false;
  #cancelStall: (() => void) | undefined;
  #cancelStart = (): void => undefined;

  constructor(options: StagePoolOptions<W>) {
    this.#options = options;
    if (options.eager) this.#begin();
  }

  add(works: readonly W[]): void {
    this.#begin();
    for (const work of works) (work.suspect ? this.#suspects : this.#queue).push(work);
    this.#dispatch();
  }

  /** Ends the workers. What has no outcome yet never gets one here. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelStall?.();
    this.#cancelStart();
    await Promise.all(
      [...this.#workers, ...(this.#alone === undefined ? [] : [this.#alone])].map((each) => each.end()),
    );
    await this.#quarantine;
  }

  #workerOptions(handlers: Pick<StageWorkerOptions, 'onDeath' | 'onReady'>): StageWorkerOptions {
    const { entry, timeLimitMs, heapMbMax, clock, codes } = this.#options;
    return { entry, timeLimitMs, heapMbMax, clock, codes, ...handlers };
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#fill();
  }

  #fill(): void {
    while (!this.#stopped && this.#workers.size < this.#options.size) this.#start();
  }

  #start(): void {
    const worker = new StageWorker(
      this.#workerOptions({ onReady: () => this.#dispatch(), onDeath: (dead, ready) => this.#buried(dead, ready) }),
    );
    this.#workers.add(worker);
  }

  #buried(worker: StageWorker, ready: boolean): void {
    this.#workers.delete(worker);
    this.#busy.delete(worker);
    if (this.#stopped) return;
    if (ready) {
      this.#fill();
      return;
    }
    this.#options.logger.error({}, 'a stage worker does not start');
    this.#cancelStart();
    this.#cancelStart = this.#options.clock.schedule(this.#options.startRetryMs, () => this.#fill());
  }

  #dispatch(): void {
    if (this.#stopped) return;
    if (this.#suspects.length > 0) this.#quarantine ??= this.#runSuspects();
    const free = [...this.#workers].filter((worker) => worker.idle && !this.#busy.has(worker));
    for (const [index, worker] of free.entries()) {
      if (this.#queue.length === 0) {
        if (this.#workers.size > this.#options.size) this.#retire(worker);
        continue;
      }
      void this.#runChunk(worker, this.#take(Math.ceil(this.#queue.length / (free.length - index))));
    }
    if (this.#queue.length > 0) this.#watchStalls();
  }

  /** Helped out while others were stuck; not needed any more. */
  #retire(worker: StageWorker): void {
    this.#workers.delete(worker);
    void worker.end();
  }

  #take(count: number): W[] {
    const { chunkMax, chunkBytesMax } = this.#options;
    let taken = 0;
    let bytes = 0;
    for (const { message } of this.#queue.slice(0, Math.min(count, chunkMax))) {
      bytes += message.raw.byteLength;
      if (taken > 0 && bytes > chunkBytesMax) break;
      taken += 1;
    }
    return this.#queue.splice(0, taken);
  }

  async #runChunk(worker: StageWorker, taken: readonly W[]): Promise<void> {
    this.#busy.add(worker);
    const { works, chunk } = await this.#options.prepare(taken);
    if (works.length > 0) this.#settle(works, worker.idle ? await worker.run(chunk) : undefined);
    this.#busy.delete(worker);
    this.#dispatch();
  }

  /** `result` undefined: the worker died before it was given the chunk. */
  #settle(works: readonly W[], result: ChunkResult | undefined): void {
    if (this.#stopped) return;
    if (result?.kind === 'done') {
      for (const [index, work] of works.entries()) this.#ended(work, result.outcomes[index]);
      return;
    }
    if (result !== undefined) {
      this.#options.logger.warn({ cause: result.cause, messages: works.length }, 'a stage worker died');
      for (const work of result.at === null ? works : []) {
        work.deathsNearby += 1;
        work.suspect = work.deathsNearby > 1;
      }
      const named = result.at === null ? undefined : works[result.at];
      if (named !== undefined) named.suspect = true;
    }
    this.#suspects.push(...works.filter((work) => work.suspect));
    this.#queue.unshift(...works.filter((work) => !work.suspect));
  }

  #ended(work: W, outcome: StageResult | undefined): void {
    if (outcome === undefined) throw new Error('a worker answered with fewer outcomes than messages');
    this.#options.onOutcome(work, outcome);
  }

  async #runSuspects(): Promise<void> {
    while (!this.#stopped) {
      const [work] = this.#suspects;
      if (work === undefined) break;
      const prepared = await this.#options.prepare([work]);
      const result = prepared.works.length === 0 ? undefined : await this.#runAlone(prepared.chunk);
      if (this.#stopped) return;
      if (result === 'NOT_STARTED') continue;
      this.#suspects.shift();
      if (result?.kind === 'done') this.#ended(work, result.outcomes[0]);
      if (result?.kind === 'died') this.#options.onOutcome(work, charged(result.cause, work.message.stage));
    }
    this.#quarantine = undefined;
  }

  /** A fresh worker for one message: nothing that ran before it can be what kills it. */
  async #runAlone(chunk: Chunk): Promise<ChunkResult | 'NOT_STARTED'> {
    const started = Promise.withResolvers<boolean>();
    const worker = new StageWorker(
      this.#workerOptions({ onReady: () => started.resolve(true), onDeath: () => started.resolve(false) }),
    );
    this.#alone = worker;
    try {
      if (await started.promise) return await worker.run(chunk);
      this.#options.logger.error({}, 'a stage worker does not start');
      if (!this.#stopped) {
        await new Promise<void>((resolve) => this.#options.clock.schedule(this.#options.startRetryMs, resolve));
      }
      return 'NOT_STARTED';
    } finally {
      this.#alone = undefined;
      await worker.end();
    }
  }

  /** While messages wait and every worker is stuck at one, one more worker helps out, up to `sizeMax`. */
  #watchStalls(): void {
    const { clock, stallMs, sizeMax } = this.#options;
    this.#cancelStall ??= clock.schedule(stallMs, () => {
      this.#cancelStall = undefined;
      if (this.#stopped || this.#queue.length === 0) return;
      const stuck = [...this.#workers].every((worker) => worker.stalledMs() >= stallMs);
      if (stuck && this.#workers.size < sizeMax) this.#start();
      this.#watchStalls();
    });
  }
}

function charged(cause: 'CRASHED' | 'TIME_LIMIT', stage: PipelineStage): StageOutcome {
  const what =
    cause === 'CRASHED'
      ? fault('STAGE_CRASHED', 'The message stopped the worker in which it ran alone')
      : fault('STAGE_TIME_LIMIT', 'The message ran longer than stageTimeLimitMs, alone in its worker');
  return { kind: 'FAILED', stage, fault: what, faults: [what], controlId: null, keys: [] };
}
