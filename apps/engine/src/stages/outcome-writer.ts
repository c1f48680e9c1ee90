/**
 * Writes what the stages made of messages, in natural batches, and tells the lanes afterwards: commit first, tell
 * second. One statement in flight. A batch refused for its data is halved until the message stands alone; that one ends
 * FAILED, STORE_DATA_REFUSED (G16). While Postgres is away the batch waits and is repeated as it is (G12).
 */
import { type Clock, fault, type InstanceId, type MessageId, type PipelineStage } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { Logger } from 'pino';
import { classify, errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import {
  type HandOver,
  type OutcomeRow,
  readOwnOutcomes,
  writeOutcomes,
} from '../adapters/postgres/outcome-queries.ts';
import type { LaneInbox, StageEnd } from '../delivery/inbox.ts';
import { CHUNK_BYTES_MAX, chunkSizeOf, type StageQueue } from './stage-queue.ts';

/** A row with the claim its message is under. */
export interface Ending {
  readonly row: OutcomeRow;
  readonly claimId: string;
}

export interface OutcomeWriterOptions {
  readonly queries: Queries;
  readonly lanes: LaneInbox;
  /** Where messages go on whose next stage runs elsewhere. */
  readonly queue: Pick<StageQueue, 'offer'>;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly batchMax: number;
  readonly batchBytesMax: number;
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
  /** Called once per ending when we are done with it, written or not. */
  readonly onDone: (endings: readonly Ending[]) => void;
}

export class OutcomeWriter {
  readonly #options: OutcomeWriterOptions;
  /** Messages still out, by claim. */
  readonly #claims = new Map<string, number>();
  #queue: Ending[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;
  #wake = (): void => undefined;

  constructor(options: OutcomeWriterOptions) {
    this.#options = options;
  }

  /** The claim's row goes with the last of its `count` messages. */
  openClaim(claimId: string, count: number): void {
    this.#claims.set(claimId, count);
  }

  has(claimId: string): boolean {
    return this.#claims.has(claimId);
  }

  openClaims(): string[] {
    return [...this.#claims.keys()];
  }

  write(ending: Ending): void {
    if (this.#stopped) return;
    this.#queue.push(ending);
    this.#running ??= this.#run();
  }

  /** Ends after the statement under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0 && !this.#stopped) await this.#write(this.#take());
    this.#running = undefined;
  }

  #take(): Ending[] {
    let taken = 0;
    let bytes = 0;
    const messages = new Set<MessageId>();
    for (const { row } of this.#queue.slice(0, this.#options.batchMax)) {
      bytes += row.processed?.byteLength ?? 0;
      // Two runs of one message are told apart in two statements.
      if (messages.has(row.message.messageId) || (taken > 0 && bytes > this.#options.batchBytesMax)) break;
      messages.add(row.message.messageId);
      taken += 1;
    }
    return this.#queue.splice(0, taken);
  }

  async #write(endings: readonly Ending[]): Promise<void> {
    const rows = endings.map((ending) => ending.row);
    const handOvers = handOversOf(rows);
    for (let attempt = 1; !this.#stopped; attempt++) {
      try {
        const finished = this.#finishedClaims(endings);
        const changed = await writeOutcomes(this.#options.queries, rows, finished, handOvers, this.#options.instance);
        const own = attempt === 1 ? changed : await this.#withOwn(rows, changed);
        return this.#written(endings, handOvers, own, changed);
      } catch (error) {
        const kind = classify(error);
        if (kind === 'data') return await this.#halve(endings, errorCodeOf(error));
        const entry = { error: errorCodeOf(error), attempt, messages: rows.length };
        if (kind === 'bug') this.#options.logger.error(entry, 'outcomes cannot be written; kept and tried again');
        else this.#options.logger.warn(entry, 'Postgres is away; outcomes are kept and tried again');
      }
      await this.#backOff(attempt);
    }
  }

  #written(
    endings: readonly Ending[],
    handOvers: readonly HandOver[],
    own: ReadonlySet<MessageId>,
    changed: ReadonlySet<MessageId>,
  ): void {
    this.#done(endings);
    const rows = endings.map((ending) => ending.row).filter((row) => own.has(row.message.messageId) && !goesOn(row));
    // What stands as ours after a repeat may have been written by a second run with other bytes: those are to be read.
    const ends = rows.map((row) => stageEndOf(row, changed.has(row.message.messageId)));
    if (ends.length > 0) this.#tell(ends);
    this.#offer(handOvers.filter((each) => own.has(each.messageId)));
  }

  /** A lane that breaks on what it is told is no failure of the write, and is found behind by the watchdog. */
  #tell(ends: readonly StageEnd[]): void {
    try {
      this.#options.lanes.stageEnded(ends);
    } catch (error) {
      this.#options.logger.error(
        { error: errorCodeOf(error), ends: ends.length },
        'lanes broke on outcomes they were told',
      );
    }
  }

  /** After a repeat: rows that did not change now may have been changed by a COMMIT whose answer was lost. */
  async #withOwn(rows: readonly OutcomeRow[], changed: ReadonlySet<MessageId>): Promise<ReadonlySet<MessageId>> {
    const doubtful = rows.filter((row) => !changed.has(row.message.messageId));
    if (doubtful.length === 0) return changed;
    return new Set([...changed, ...(await readOwnOutcomes(this.#options.queries, doubtful))]);
  }

  async #halve(endings: readonly Ending[], state: string): Promise<void> {
    const [only] = endings;
    if (endings.length === 1 && only !== undefined) {
      if (only.row.deadLetter?.fault.code === 'STORE_DATA_REFUSED') {
        // Not even the plain words can be stored: nothing of the message is in them, so this is ours to repair.
        this.#options.logger.error({ state, messageId: only.row.message.messageId }, 'a dead letter cannot be written');
        this.#done(endings);
        return;
      }
      await this.#write([{ ...only, row: refusedRow(only.row, state) }]);
      return;
    }
    const middle = Math.ceil(endings.length / 2);
    await this.#write(endings.slice(0, middle));
    await this.#write(endings.slice(middle));
  }

  #finishedClaims(endings: readonly Ending[]): string[] {
    return [...countByClaim(endings)].flatMap(([claimId, count]) =>
      this.#claims.get(claimId) === count ? [claimId] : [],
    );
  }

  #done(endings: readonly Ending[]): void {
    for (const [claimId, count] of countByClaim(endings)) {
      const left = (this.#claims.get(claimId) ?? 0) - count;
      if (left > 0) this.#claims.set(claimId, left);
      else this.#claims.delete(claimId);
    }
    this.#options.onDone(endings);
  }

  #offer(handOvers: readonly HandOver[]): void {
    for (const [stage, own] of Map.groupBy(handOvers, (each) => each.stage)) {
      const chunks = [...Map.groupBy(own, (each) => each.claimId)];
      this.#options.queue.offer(
        stage,
        chunks.map(([claimId, messages]) => ({ claimId, messages: messages.length })),
      );
    }
  }

  #backOff(attempt: number): Promise<void> {
    const { clock, retryDelayMs, retryDelayMsMax } = this.#options;
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.schedule(Math.min(retryDelayMsMax, retryDelayMs * 2 ** (attempt - 1)), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function goesOn(row: OutcomeRow): boolean {
  return row.status === 'VALIDATED' || row.status === 'ENRICHED';
}

/** Chunks for the next stage, cut from what goes on in this batch. */
function handOversOf(rows: readonly OutcomeRow[]): HandOver[] {
  const goOn = Map.groupBy(
    rows.filter(goesOn),
    (row): PipelineStage => (row.status === 'VALIDATED' ? 'ENRICH' : 'ROUTE'),
  );
  return [...goOn].flatMap(([stage, own]) => {
    const size = chunkSizeOf(own.length);
    let claimId = '';
    let messages = size;
    let bytes = 0;
    return own.map((row): HandOver => {
      const { messageId, fresh, raw } = row.message;
      if (messages >= size || bytes + raw.byteLength > CHUNK_BYTES_MAX) [claimId, messages, bytes] = [uuidv7(), 0, 0];
      messages += 1;
      bytes += raw.byteLength;
      return { messageId, claimId, stage, fresh };
    });
  });
}

function countByClaim(endings: readonly Ending[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { claimId } of endings) counts.set(claimId, (counts.get(claimId) ?? 0) + 1);
  return counts;
}

function refusedRow(row: OutcomeRow, state: string): OutcomeRow {
  const what = fault('STORE_DATA_REFUSED', `Postgres refuses what the stages made of this message (SQLSTATE ${state})`);
  const attempts = row.deadLetter?.attempts ?? 1;
  return {
    message: row.message,
    status: 'FAILED',
    destinationId: null,
    controlId: null,
    format: row.format,
    filterRule: null,
    processed: null,
    deadLetter: { stage: row.deadLetter?.stage ?? 'ROUTE', fault: what, faults: [what], attempts },
    keys: [],
  };
}

function stageEndOf(row: OutcomeRow, withPayload: boolean): StageEnd {
  const { message } = row;
  const end = {
    interfaceId: message.interfaceId,
    messageId: message.messageId,
    sequenceNo: message.sequenceNo,
    placerKeys: row.keys.flatMap((key) => (key.kind === 'PLACER' ? [key.hash.toString('hex')] : [])),
  };
  if (row.status === 'FILTERED') return { ...end, status: 'FILTERED' };
  if (row.status === 'FAILED') return { ...end, status: 'FAILED', code: row.deadLetter?.fault.code ?? 'STAGE_FAILED' };
  if (row.status !== 'PROCESSED' || row.destinationId === null || row.controlId === null)
    throw new Error('PROCESSED without destination or control id');
  const { destinationId, controlId, format } = row;
  return {
    ...end,
    status: 'PROCESSED',
    destinationId,
    controlId,
    format,
    payload: withPayload ? (row.processed ?? message.raw) : null,
  };
}
