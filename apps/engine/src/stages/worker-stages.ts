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
import { errorClass, fault, type MessageId, PIPELINE_STAGES } from '@inorder/core';
import { RELEASE_CLAIMS, readStaged } from '../adapters/postgres/claim-queries.ts';
import { errorCodeOf } from '../adapters/postgres/database.ts';
import type { OutcomeRow } from '../adapters/postgres/outcome-queries.ts';
import { ALONE_FROM_DEATHS, ChunkIntake } from './chunk-intake.ts';
import { ChunkPreparation } from './chunk-preparation.ts';
import { ClaimTouches } from './claim-touches.ts';
import type { StagedMessage } from './intake.ts';
import { handedOnRow, outcomeRow } from './outcome-row.ts';
import { type Ending, OutcomeWriter } from './outcome-writer.ts';
import type { StageOutcome, StageResult } from './pipeline.ts';
import { StageBacklog } from './stage-backlog.ts';
import { STAGE_LIMITS, type StageLimits } from './stage-limits.ts';
import { StagePool } from './stage-pool.ts';
import type { OfferedChunk } from './stage-queue.ts';
import { StageRetries } from './stage-retries.ts';
import { type StageWork, stagesFrom, workOf } from './stage-work.ts';
import type { Chunk } from './stage-worker.ts';
import type { DetachedMessage, StageCounters, Stages, StagesDependencies } from './stages.ts';

/** Deaths of processes, in ever smaller company, after which a message is charged (G16, ADR 18). */
const PROCESS_DEATHS_MAX = 5;

export function createStages(dependencies: StagesDependencies): Stages {
  return new WorkerStages(dependencies);
}

class WorkerStages implements Stages {
  readonly #deps: StagesDependencies;
  readonly #limits: StageLimits;
  readonly #preparation: ChunkPreparation;
  readonly #pool: StagePool<StageWork>;
  readonly #writer: OutcomeWriter;
  readonly #backlog: StageBacklog;
  readonly #retries: StageRetries;
  readonly #detached = new Set<StageWork>();
  readonly #intake: ChunkIntake;
  readonly #touches: ClaimTouches;
  readonly #counters = { processed: 0, failed: 0, filtered: 0, handedOn: 0 };
  #stopped = false;

  constructor(deps: StagesDependencies) {
    this.#deps = deps;
    const limits = { ...STAGE_LIMITS, ...deps.limits };
    this.#limits = limits;
    const { clock, logger, site } = deps;
    this.#backlog = new StageBacklog(limits);
    this.#retries = new StageRetries({ clock, limits, again: (work) => this.#pool.add([work]) });
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
      room: () => this.#backlog.mayTake(),
      whenRoom: () => this.#backlog.whenMayTake(),
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
    this.#writer.openClaim(claimId, works.length);
    this.#backlog.add(works);
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
    return this.#deps.hosts.includes('VALIDATE') && this.#backlog.mayKeep();
  }

  offered(chunks: readonly OfferedChunk[]): void {
    this.#deps.queue.offer('VALIDATE', chunks);
  }

  whenRoom(): Promise<void> {
    if (this.#deps.othersHelp()) return Promise.resolve();
    return this.#backlog.whenMayKeep();
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
      retried: this.#retries.count,
      chunksTaken: taken,
      chunksFound: found,
      waiting: this.#backlog.messages,
      waitingBytes: this.#backlog.bytes,
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#preparation.stop();
    this.#retries.stop();
    this.#backlog.stop();
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
    if (outcome.kind === 'FAILED' && this.#retries.failed(work, errorClass(outcome.fault.code))) {
      if (work.claimId !== null) this.#touches.add(work.claimId);
      return;
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

  #rowOf(work: StageWork, claimId: string, outcome: StageOutcome): OutcomeRow {
    const { site, hashKey } = this.#deps;
    return outcomeRow({ message: work.message, failures: work.failures, claimId, outcome, site, hashKey });
  }

  #done(endings: readonly Ending[]): void {
    for (const { row } of endings) {
      if (row.status === 'PROCESSED') this.#counters.processed += 1;
      else if (row.status === 'FAILED') this.#counters.failed += 1;
      else if (row.status === 'FILTERED') this.#counters.filtered += 1;
      else this.#counters.handedOn += 1;
    }
    this.#backlog.remove(endings.map(({ row }) => row.message));
  }
}
