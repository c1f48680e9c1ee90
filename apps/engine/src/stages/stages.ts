/**
 * The stages of one instance: takes numbered messages with their payload, runs the pipeline in worker threads, writes
 * the outcomes, tells the lanes. Any order, many at once: the lanes put them in order again.
 *
 *   received / offered ─▶ pool of workers ─▶ outcome ─┬─ retry later (internal, transient) ─▶ pool
 *                                                     └─ writer ─▶ commit ─┬─▶ lanes
 *                                                                          └─▶ the next stage, where it runs elsewhere
 *
 * Death of the process charges nobody at first: what has no outcome is in a chunk that others take once it is seen to be
 * dead. What dies with process after process goes alone, and is charged in the end (ADR 18).
 */
import { availableParallelism } from 'node:os';
import {
  type Clock,
  type ErrorClass,
  errorClass,
  fault,
  type InstanceId,
  type MessageId,
  PIPELINE_STAGES,
  type PipelineStage,
} from '@inorder/core';
import type { KeyKind } from '@inorder/db';
import type { Logger } from 'pino';
import { RELEASE_CLAIMS, readStaged } from '../adapters/postgres/claim-queries.ts';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import type { OutcomeRow } from '../adapters/postgres/outcome-queries.ts';
import type { LaneInbox } from '../delivery/inbox.ts';
import { ALONE_FROM_DEATHS, ChunkIntake } from './chunk-intake.ts';
import { ChunkPreparation, type StageSite } from './chunk-preparation.ts';
import { ClaimTouches } from './claim-touches.ts';
import type { StagedMessage, StageIntake } from './intake.ts';
import { handedOnRow, outcomeRow } from './outcome-row.ts';
import { type Ending, OutcomeWriter } from './outcome-writer.ts';
import type { StageOutcome, StageResult } from './pipeline.ts';
import { StagePool, type Work } from './stage-pool.ts';
import type { OfferedChunk, StageQueue } from './stage-queue.ts';
import type { Chunk } from './stage-worker.ts';

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

export function createStages(dependencies: StagesDependencies): Stages {
  return new WorkerStages(dependencies);
}

interface StageWork extends Work {
  /** Its chunk was offered by another, or by us to all. */
  readonly offered: boolean;
  /** null = detached. */
  readonly claimId: string | null;
  readonly detached: PromiseWithResolvers<StageOutcome> | null;
  /** Tries that failed and count. */
  failures: number;
}

/** Deaths of processes, in ever smaller company, after which a message is charged (G16, ADR 18). */
const PROCESS_DEATHS_MAX = 5;

/** Classes that are tried again and counted; of the rest, `endpoint` and `infrastructure` wait and are not counted. */
const COUNTED: ReadonlySet<ErrorClass> = new Set<ErrorClass>(['internal', 'transient']);
const WAITS: ReadonlySet<ErrorClass> = new Set<ErrorClass>(['endpoint', 'infrastructure']);

class WorkerStages implements Stages {
  readonly #deps: StagesDependencies;
  readonly #limits: StageLimits;
  readonly #preparation: ChunkPreparation;
  readonly #pool: StagePool<StageWork>;
  readonly #writer: OutcomeWriter;
  /** By their message as it was taken: two runs of one may be here after a repair. */
  readonly #held = new Map<StagedMessage, StageWork>();
  readonly #detached = new Set<StageWork>();
  readonly #delays = new Set<() => void>();
  readonly #intake: ChunkIntake;
  readonly #touches: ClaimTouches;
  readonly #counters = { processed: 0, failed: 0, filtered: 0, handedOn: 0, retried: 0 };
  readonly #waiting = new Set<() => void>();
  #bytes = 0;
  /** Of those in hand, taken from others' offers. */
  #offered = 0;
  #stopped = false;

  constructor(deps: StagesDependencies) {
    this.#deps = deps;
    const limits = { ...STAGE_LIMITS, ...deps.limits };
    this.#limits = limits;
    const { clock, logger, site } = deps;
    this.#touches = new ClaimTouches({ queries: deps.database, instance: deps.instance, logger });
    this.#preparation = new ChunkPreparation({ site, clock, logger, retryDelayMs: limits.storeRetryDelayMs });
    this.#writer = new OutcomeWriter({
      queries: deps.database,
      lanes: deps.lanes,
      queue: deps.queue,
      instance: deps.instance,
      clock,
      logger,
      batchMax: limits.outcomeBatchMax,
      batchBytesMax: limits.outcomeBatchBytesMax,
      retryDelayMs: limits.storeRetryDelayMs,
      retryDelayMsMax: limits.storeRetryDelayMsMax,
      onDone: (endings) => this.#done(endings),
    });
    this.#pool = new StagePool<StageWork>({
      entry: deps.workerEntry ?? new URL('./worker.ts', import.meta.url),
      size: limits.stageWorkers,
      eager: deps.hosts.length > 0,
      sizeMax: limits.stageWorkers + 2,
      chunkMax: limits.stageChunkMax,
      chunkBytesMax: limits.stageChunkBytesMax,
      timeLimitMs: limits.stageTimeLimitMs,
      heapMbMax: limits.stageHeapMbMax,
      stallMs: limits.stageStallMs,
      startRetryMs: 1000,
      clock,
      logger,
      codes: (table, codes) => this.#preparation.codes(table, codes),
      prepare: (works) => this.#prepare(works),
      onOutcome: (work, outcome) => this.#outcome(work, outcome),
    });
    this.#intake = new ChunkIntake({
      queries: deps.database,
      queue: deps.queue,
      clock,
      logger,
      instance: deps.instance,
      hosts: deps.hosts,
      leaseMs: deps.leaseMs,
      living: deps.living,
      pollMs: deps.reconcileIntervalMs,
      hintGraceMs: limits.hintGraceMs,
      bytesMax: limits.outcomeBatchBytesMax,
      room: () => this.#mayTake(),
      whenRoom: () => this.#when(() => this.#mayTake()),
      known: () => this.#writer.openClaims(),
      refresh: () => site.refresh(),
      received: (messages, claimId, deaths) => this.#take(messages, claimId, true, deaths),
    });
  }

  start(): void {
    this.#intake.start();
  }

  received(messages: readonly StagedMessage[], claimId: string): void {
    this.#take(messages, claimId, false, 0);
  }

  #take(messages: readonly StagedMessage[], claimId: string, offered: boolean, deaths: number): void {
    // A chunk that was slow to come may have been taken once more.
    if (this.#stopped || this.#writer.has(claimId)) return;
    const { hosts } = this.#deps;
    const suspect = deaths >= ALONE_FROM_DEATHS;
    const works = messages.map(
      (message): StageWork => ({
        ...workOf(message, stagesFrom(message.stage, hosts), claimId, null),
        offered,
        suspect,
      }),
    );
    if (offered) this.#offered += works.length;
    this.#writer.openClaim(claimId, works.length);
    for (const work of works) {
      this.#held.set(work.message, work);
      this.#bytes += work.message.raw.byteLength;
    }
    if (deaths < PROCESS_DEATHS_MAX) this.#pool.add(works);
    else for (const work of works) this.#charge(work, deaths);
  }

  /** It is not run once more: it would end this process as well. */
  #charge(work: StageWork, deaths: number): void {
    const { messageId, stage } = work.message;
    this.#deps.logger.error({ messageId, deaths }, 'a message that processes died with is dead-lettered');
    const what = fault('STAGE_PROCESS_DIED', `${deaths} processes died while they had this message`);
    work.failures = this.#limits.retries;
    this.#outcome(work, { kind: 'FAILED', stage, fault: what, faults: [what], controlId: null, keys: [] });
  }

  keeps(): boolean {
    return this.#deps.hosts.includes('VALIDATE') && this.#isBelow(this.#limits.stageBacklogMax);
  }

  offered(chunks: readonly OfferedChunk[]): void {
    this.#deps.queue.offer('VALIDATE', chunks);
  }

  whenRoom(): Promise<void> {
    if (this.#deps.othersHelp()) return Promise.resolve();
    return this.#when(() => this.#isBelow(this.#limits.stageBacklogMax));
  }

  #isBelow(messages: number): boolean {
    return this.#held.size < messages && this.#bytes < this.#limits.stageBacklogBytesMax;
  }

  /** Counted apart from what ingest keeps: a busy ingest must not leave the chunks of others lying. */
  #mayTake(): boolean {
    return this.#offered < this.#limits.stageAheadMax && this.#bytes < this.#limits.stageBacklogBytesMax;
  }

  #when(holds: () => boolean): Promise<void> {
    if (holds() || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.#stopped && !holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  runDetached(given: DetachedMessage): Promise<StageOutcome> {
    const message: StagedMessage = { ...given, stage: 'VALIDATE', enriched: null, fresh: true, run: 1 };
    const detached = Promise.withResolvers<StageOutcome>();
    const work = workOf(message, PIPELINE_STAGES, null, detached);
    if (this.#stopped) detached.reject(new Error('the stages have stopped'));
    else {
      this.#detached.add(work);
      this.#pool.add([work]);
    }
    return detached.promise;
  }

  async readMessage(id: MessageId): Promise<StagedMessage | undefined> {
    await this.#deps.site.refresh();
    const [message] = await readStaged(this.#deps.database, [id]);
    return message;
  }

  counters(): StageCounters {
    const { taken, found } = this.#intake;
    return {
      ...this.#counters,
      chunksTaken: taken,
      chunksFound: found,
      waiting: this.#held.size,
      waitingBytes: this.#bytes,
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#preparation.stop();
    for (const cancel of this.#delays) cancel();
    for (const look of this.#waiting) look();
    await this.#intake.stop();
    await this.#pool.stop();
    await this.#writer.stop();
    for (const work of this.#detached) work.detached?.reject(new Error('the stages have stopped'));
    await this.#touches.settled();
    await this.#release(this.#writer.openClaims());
  }

  /** What cannot be given back is taken by others once our name is not heard any more. */
  async #release(claims: readonly string[]): Promise<void> {
    const { database, instance, logger } = this.#deps;
    if (claims.length === 0) return;
    try {
      await database.query(RELEASE_CLAIMS, [claims, instance]);
    } catch (error) {
      logger.warn({ error: errorCodeOf(error), claims: claims.length }, 'stage claims were not given back');
    }
  }

  async #prepare(works: readonly StageWork[]): Promise<{ works: StageWork[]; chunk: Chunk }> {
    const prepared = await this.#preparation.prepare(works);
    for (const work of this.#stopped ? [] : prepared.without) {
      const { revision } = work.message;
      const what = fault('CONFIG_INVALID', `Revision ${revision} of the interface does not exist or is not valid`);
      this.#outcome(work, {
        kind: 'FAILED',
        stage: 'VALIDATE',
        fault: what,
        faults: [what],
        controlId: null,
        keys: [],
      });
    }
    return prepared;
  }

  #outcome(work: StageWork, given: StageResult): void {
    if (given.kind === 'HANDED_ON') {
      if (work.claimId === null) throw new Error('a detached run goes through every stage');
      this.#writer.write({ row: handedOnRow(work.message, given), claimId: work.claimId });
      return;
    }
    const outcome = this.#routed(given);
    const kind = outcome.kind === 'FAILED' ? errorClass(outcome.fault.code) : undefined;
    if (kind !== undefined && (COUNTED.has(kind) || WAITS.has(kind))) {
      if (COUNTED.has(kind)) work.failures += 1;
      if (WAITS.has(kind) || work.failures <= this.#limits.retries) {
        this.#later(work, kind);
        return;
      }
    }
    if (work.detached !== null) {
      this.#detached.delete(work);
      work.detached.resolve(outcome);
      return;
    }
    if (work.claimId !== null)
      this.#writer.write({ row: this.#rowOf(work, work.claimId, outcome), claimId: work.claimId });
  }

  /** A destination that does not exist is a failure of the route, whoever ran it. */
  #routed(outcome: StageOutcome): StageOutcome {
    if (outcome.kind !== 'PROCESSED' || this.#deps.site.destination(outcome.destination) !== undefined) return outcome;
    const what = fault('ROUTE_DESTINATION_MISSING', `There is no destination ${outcome.destination}`);
    const { controlId, keys } = outcome;
    return { kind: 'FAILED', stage: 'ROUTE', fault: what, faults: [what], controlId, keys };
  }

  #later(work: StageWork, kind: ErrorClass): void {
    const { retryDelayMs, storeRetryDelayMsMax } = this.#limits;
    const delayMs = WAITS.has(kind)
      ? storeRetryDelayMsMax
      : (retryDelayMs[work.failures - 1] ?? retryDelayMs.at(-1) ?? 0);
    this.#counters.retried += 1;
    const cancel = this.#deps.clock.schedule(delayMs, () => {
      this.#delays.delete(cancel);
      this.#pool.add([work]);
    });
    this.#delays.add(cancel);
    if (work.claimId !== null) this.#touches.add(work.claimId);
  }

  #rowOf(work: StageWork, claimId: string, outcome: StageOutcome): OutcomeRow {
    const { site, hashKey } = this.#deps;
    return outcomeRow({ message: work.message, failures: work.failures, claimId, outcome, site, hashKey });
  }

  #done(endings: readonly Ending[]): void {
    for (const { row } of endings) {
      const { raw } = row.message;
      if (this.#held.get(row.message)?.offered === true) this.#offered -= 1;
      this.#held.delete(row.message);
      this.#bytes -= raw.byteLength;
      if (row.status === 'PROCESSED') this.#counters.processed += 1;
      else if (row.status === 'FAILED') this.#counters.failed += 1;
      else if (row.status === 'FILTERED') this.#counters.filtered += 1;
      else this.#counters.handedOn += 1;
    }
    for (const look of this.#waiting) look();
  }
}

/** From the next stage on as far as this instance hosts them one behind the other. */
function stagesFrom(next: PipelineStage, hosts: readonly PipelineStage[]): PipelineStage[] {
  const ahead = PIPELINE_STAGES.slice(PIPELINE_STAGES.indexOf(next));
  const stranger = ahead.findIndex((stage) => !hosts.includes(stage));
  return stranger < 0 ? ahead : ahead.slice(0, stranger);
}

function workOf(
  message: StagedMessage,
  stages: readonly PipelineStage[],
  claimId: string | null,
  detached: PromiseWithResolvers<StageOutcome> | null,
): StageWork {
  return { message, stages, offered: false, claimId, detached, suspect: false, deathsNearby: 0, failures: 0 };
}
