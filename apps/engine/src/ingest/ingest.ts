/**
 * Ingest: numbers each message, stores it, and only then lets it be accepted (G1, G2).
 *
 *   handle() ─▶ queue ─▶ take a batch ─▶ attribute ─▶ store ─▶ tell lanes and stages ─▶ settle
 *                 ▲            one batch at a time; the next gathers while it commits (no timers)
 *
 * What a failed store does, by what it means (`classify`):
 * - data: the batch is halved, in order, until the bad message stands alone; it goes to ingest_reject and is rejected.
 * - infrastructure, bug: the very same batch with the very same ids is repeated with back-off. Nothing is settled
 *   meanwhile, so the peer's credit runs out: that is how Postgres being away reaches the sender (G12).
 *
 * **Invariant:** the order of hand-over is the order of numbers of an interface: one queue, one batch at a time, halves
 * one after the other, and nothing is stored past a message that goes back to the peer. Whether the source lease is lost
 * Postgres alone says, in the statement that stores: what came over one link has one epoch, so all later ones go back too.
 * A lease that nobody could renew in time, and nobody took, is no reason to give anything back.
 */
import type { Clock, Disposition, ErrorCode, InboundHandler, InboundMessage, InstanceId } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { Logger } from 'pino';
import { classify, type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import {
  type Chunking,
  type IngestResult,
  type RejectRow,
  readOwn,
  storeBatch,
  storeRejects,
} from '../adapters/postgres/ingest-queries.ts';
import type { LaneInbox, Numbered } from '../delivery/inbox.ts';
import type { SiteCache } from '../site/site-cache.ts';
import type { StagedMessage, StageIntake } from '../stages/intake.ts';
import { chunkSizeOf } from '../stages/stage-queue.ts';
import { attribute } from './attribution.ts';
import { type Envelope, envelopeOf, type HandOver, rejectRowOf, rowsOf } from './envelope.ts';
import { accepted, type ReceiptLine, rejected } from './receipt.ts';

export interface IngestLimits {
  readonly payloadBytesMax: number;
  /** Rows in one statement; a message for more interfaces than that goes alone. */
  readonly ingestBatchMax: number;
  readonly ingestBatchBytesMax: number;
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
  /** How long a batch waits for stages that are behind before it is stored nevertheless. */
  readonly stageRoomWaitMs: number;
}

export const INGEST_LIMITS: IngestLimits = {
  payloadBytesMax: 10_485_760,
  ingestBatchMax: 500,
  ingestBatchBytesMax: 16_777_216,
  retryDelayMs: 100,
  retryDelayMsMax: 5000,
  stageRoomWaitMs: 1000,
};

export interface IngestDependencies {
  readonly database: Database;
  readonly site: Pick<SiteCache, 'source' | 'interfaceByCode' | 'interfaceById' | 'refresh'>;
  readonly lanes: LaneInbox;
  readonly stages: StageIntake;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly instance: InstanceId;
  readonly limits?: Partial<IngestLimits>;
  /** For metrics: how many messages one statement stored, and how long it took. */
  readonly onCommitted?: (messages: number, ms: number) => void;
}

/** Since the start; copies, not JMS messages, but for `rejected` and `released`. */
export interface IngestCounters {
  readonly stored: number;
  readonly duplicates: number;
  readonly idsReused: number;
  readonly rejected: number;
  readonly released: number;
  readonly batches: number;
}

export interface Ingest {
  readonly handle: InboundHandler;
  counters(): IngestCounters;
  /** Bytes handed over and not yet settled, for adapters that bound their credit by bytes (G19). */
  pendingBytes(): number;
  /** Ends after the batch under way; what waits goes back to the peer. */
  stop(): Promise<void>;
}

export function createIngest(dependencies: IngestDependencies): Ingest {
  return new BatchingIngest(dependencies);
}

class BatchingIngest implements Ingest {
  readonly #deps: IngestDependencies;
  readonly #limits: IngestLimits;
  readonly #counters = { stored: 0, duplicates: 0, idsReused: 0, rejected: 0, released: 0, batches: 0 };
  #queue: HandOver[] = [];
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #stopped = false;
  #wake = (): void => undefined;

  constructor(deps: IngestDependencies) {
    this.#deps = deps;
    this.#limits = { ...INGEST_LIMITS, ...deps.limits };
  }

  readonly handle: InboundHandler = (message) =>
    new Promise((resolve) => {
      if (this.#stopped) {
        this.#counters.released += 1;
        resolve({ kind: 'release' });
        return;
      }
      this.#pendingBytes += message.body.byteLength;
      this.#queue.push({ message, settle: (disposition) => this.#settled(message, disposition, resolve) });
      this.#running ??= this.#run();
    });

  counters(): IngestCounters {
    return { ...this.#counters };
  }

  pendingBytes(): number {
    return this.#pendingBytes;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    for (const handOver of this.#queue.splice(0)) handOver.settle({ kind: 'release' });
    await this.#running;
  }

  #settled(message: InboundMessage, disposition: Disposition, resolve: (disposition: Disposition) => void): void {
    this.#pendingBytes -= message.body.byteLength;
    if (disposition.kind === 'release') this.#counters.released += 1;
    if (disposition.kind === 'reject') this.#counters.rejected += 1;
    resolve(disposition);
  }

  async #run(): Promise<void> {
    // One turn of the event loop: what the peer handed over in one read goes into one batch.
    await new Promise(setImmediate);
    while (this.#queue.length > 0 && !this.#stopped) {
      await this.#waitForStages();
      const { envelopes, rejects } = await this.#take();
      if (envelopes.length > 0) await this.#store(envelopes, rejects);
      if (rejects.length > 0) await this.#reject(rejects);
    }
    this.#running = undefined;
  }

  /** Stages that are behind slow us down for a while; they never stop us, for a poison flood must not (G19). */
  async #waitForStages(): Promise<void> {
    const { stages } = this.#deps;
    if (stages.keeps() || this.#stopped) return;
    await Promise.race([stages.whenRoom(), this.#pause(this.#limits.stageRoomWaitMs)]);
  }

  /** The next batch, in order, with its refusals. */
  async #take(): Promise<{ envelopes: Envelope[]; rejects: Refusal[] }> {
    const envelopes: Envelope[] = [];
    const rejects: Refusal[] = [];
    let rows = 0;
    let bytes = 0;
    let refreshed = false;
    while (rejects.length < this.#limits.ingestBatchMax) {
      const handOver = this.#queue[0];
      if (handOver === undefined) break;
      const { message } = handOver;
      const found = attribute(this.#deps.site, message, this.#limits.payloadBytesMax);
      if (found.kind !== 'interfaces' && !refreshed && (found.kind === 'noSource' || found.mayBeStale)) {
        refreshed = true;
        await this.#refresh();
        continue;
      }
      const copies = found.kind === 'interfaces' ? found.interfaces.length : 0;
      const full =
        rows + copies > this.#limits.ingestBatchMax ||
        bytes + message.body.byteLength > this.#limits.ingestBatchBytesMax;
      if (full && envelopes.length + rejects.length > 0) break;
      this.#queue.shift();
      bytes += message.body.byteLength;
      rows += copies;
      if (found.kind === 'noSource') this.#giveBack(handOver);
      else if (found.kind === 'refused') rejects.push(refusal(handOver, found.code, found.detail));
      else envelopes.push(envelopeOf(handOver, found.interfaces, this.#deps.clock.wallMs()));
    }
    return { envelopes, rejects };
  }

  /** With all of its source that waits behind it: the source may be known again when their turn comes. */
  #giveBack(first: HandOver): void {
    const { sourceId } = first.message;
    const { same = [], other = [] } = Object.groupBy(this.#queue, (each) => {
      return each.message.sourceId === sourceId ? 'same' : 'other';
    });
    this.#queue = other;
    for (const handOver of [first, ...same]) handOver.settle({ kind: 'release' });
  }

  /** Nobody is refused on an old configuration: while Postgres is away this waits, as a store would. */
  async #refresh(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#deps.site.refresh();
      } catch (error) {
        this.#deps.logger.warn({ error: errorCodeOf(error), attempt }, 'configuration could not be read again');
      }
      if (!(await this.#backOff(attempt))) return;
    }
  }

  /** Stores the envelopes as one transaction, or as several in order where one of them is refused for its data. */
  async #store(envelopes: readonly Envelope[], rejects: Refusal[]): Promise<void> {
    const { database, instance, stages, logger } = this.#deps;
    // Also between two halves: once one went back, no later one may be stored.
    if (this.#stopped) return release(envelopes);
    const rows = rowsOf(envelopes);
    const chunking = chunkingOf(rows.length, stages.keeps());
    for (let attempt = 1; ; attempt++) {
      try {
        const beganMs = this.#deps.clock.monotonicMs();
        let results = await storeBatch(database, rows, instance, chunking);
        this.#deps.onCommitted?.(envelopes.length, this.#deps.clock.monotonicMs() - beganMs);
        if (attempt > 1) results = await this.#withOwn(rows, results);
        this.#counters.batches += 1;
        this.#finish(envelopes, results, chunking, rejects);
        return;
      } catch (error) {
        const kind = classify(error);
        if (kind === 'data') return await this.#halve(envelopes, rejects, errorCodeOf(error));
        const entry = { error: errorCodeOf(error), attempt, messages: envelopes.length };
        if (kind === 'bug') logger.error(entry, 'a batch cannot be stored; it is kept and tried again');
        else logger.warn(entry, 'Postgres is away; the batch is kept and tried again');
      }
      if (!(await this.#backOff(attempt))) return release(envelopes);
    }
  }

  async #halve(envelopes: readonly Envelope[], rejects: Refusal[], state: string): Promise<void> {
    const [first] = envelopes;
    if (envelopes.length === 1 && first !== undefined) {
      this.#deps.logger.warn(
        { state, source: first.handOver.message.sourceId },
        'Postgres refuses the data of a message',
      );
      rejects.push(
        refusal(first.handOver, 'STORE_DATA_REFUSED', `Postgres refuses the data of this message (SQLSTATE ${state})`),
      );
      return;
    }
    const middle = Math.ceil(envelopes.length / 2);
    await this.#store(envelopes.slice(0, middle), rejects);
    await this.#store(envelopes.slice(middle), rejects);
  }

  /** After a repeat: rows whose key is known may be ours, stored by a COMMIT whose answer was lost. */
  async #withOwn(rows: ReturnType<typeof rowsOf>, results: IngestResult[]): Promise<IngestResult[]> {
    const doubtful = rows.filter((_, index) => results[index]?.kind === 'known').map((row) => row.messageId);
    if (doubtful.length === 0) return results;
    const own = await readOwn(this.#deps.database, doubtful);
    return rows.map((row, index) => own.get(row.messageId) ?? results[index] ?? { kind: 'known' });
  }

  /** After the commit: lanes and stages hear of the numbers, then the peer of its messages. */
  #finish(
    envelopes: readonly Envelope[],
    results: readonly IngestResult[],
    chunking: Chunking,
    rejects: Refusal[],
  ): void {
    const numbers: Numbered[] = [];
    const staged: StagedMessage[] = [];
    const dispositions: (() => void)[] = [];
    let index = 0;
    for (const { handOver, copies } of envelopes) {
      const ends = new Set<IngestResult['kind']>();
      const first = index;
      for (const { to, messageId } of copies) {
        const result = results[index++] ?? { kind: 'known' };
        ends.add(result.kind);
        if (result.kind === 'known') this.#counters.duplicates += 1;
        if (result.kind !== 'stored') continue;
        const { sequenceNo, revision, receivedAt } = result;
        this.#counters.stored += 1;
        if (result.idReused) this.#counters.idsReused += 1;
        numbers.push({ interfaceId: to.interfaceId, messageId, sequenceNo, receivedAt });
        const raw = handOver.message.body;
        staged.push({
          messageId,
          interfaceId: to.interfaceId,
          sequenceNo,
          revision,
          format: to.format,
          raw,
          enriched: null,
          stage: 'VALIDATE',
          fresh: false,
          run: 1,
          receivedAt,
        });
      }
      if (ends.has('notOwner')) dispositions.push(() => handOver.settle({ kind: 'release' }));
      else if (ends.size === 1 && ends.has('noInterface')) {
        rejects.push(refusal(handOver, 'INGEST_UNKNOWN_INTERFACE', 'The interface is not set up: it has no counter'));
      } else
        dispositions.push(() =>
          handOver.settle(accepted(handOver.message, () => receiptLines(copies, results, first))),
        );
    }
    if (numbers.length > 0) this.#deps.lanes.numbered(numbers);
    if (staged.length > 0) this.#handOn(staged, chunking);
    for (const settle of dispositions) settle();
  }

  /** Chunks as the statement cut them: in the order of the batch, of what was numbered. */
  #handOn(staged: readonly StagedMessage[], { claimIds, size, kept }: Chunking): void {
    const chunks = claimIds.map((claimId, index) => ({ claimId, own: staged.slice(index * size, (index + 1) * size) }));
    const used = chunks.filter((chunk) => chunk.own.length > 0);
    if (kept) for (const { claimId, own } of used) this.#deps.stages.received(own, claimId);
    else this.#deps.stages.offered(used.map(({ claimId, own }) => ({ claimId, messages: own.length })));
  }

  /** Keeps the envelopes, then tells the peer. */
  async #reject(refusals: readonly Refusal[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await storeRejects(
          this.#deps.database,
          refusals.map((each) => each.row),
        );
        for (const { handOver, row, code } of refusals) {
          handOver.settle(rejected(handOver.message, code, row.detail));
        }
        return;
      } catch (error) {
        this.#deps.logger.warn(
          { error: errorCodeOf(error), attempt },
          'refused messages could not be kept; tried again',
        );
      }
      if (!(await this.#backOff(attempt))) return release(refusals);
    }
  }

  /** @returns false: we are stopping. */
  async #backOff(attempt: number): Promise<boolean> {
    const { retryDelayMs, retryDelayMsMax } = this.#limits;
    if (!this.#stopped) await this.#pause(Math.min(retryDelayMsMax, retryDelayMs * 2 ** (attempt - 1)));
    return !this.#stopped;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.schedule(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** For our own stages one chunk, which its workers share; else chunks that others may share. */
function chunkingOf(rows: number, kept: boolean): Chunking {
  const size = kept ? Math.max(1, rows) : chunkSizeOf(rows);
  return { claimIds: Array.from({ length: Math.ceil(rows / size) }, () => uuidv7()), size, kept };
}

interface Refusal {
  readonly handOver: HandOver;
  readonly code: ErrorCode;
  readonly row: RejectRow;
}

/** An interface without a counter took nothing and has no line. */
function receiptLines(copies: Envelope['copies'], results: readonly IngestResult[], first: number): ReceiptLine[] {
  return copies.flatMap(({ to }, at) => {
    const result = results[first + at];
    if (result === undefined || result.kind === 'notOwner' || result.kind === 'noInterface') return [];
    return { interfaceCode: to.code, sequenceNo: result.kind === 'stored' ? result.sequenceNo : null };
  });
}

function release(each: readonly { readonly handOver: HandOver }[]): void {
  for (const { handOver } of each) handOver.settle({ kind: 'release' });
}

function refusal(handOver: HandOver, code: ErrorCode, detail: string): Refusal {
  return { handOver, code, row: rejectRowOf(handOver.message, code, detail) };
}
