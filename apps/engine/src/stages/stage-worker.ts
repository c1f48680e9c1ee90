/**
 * One worker thread as its owner sees it: give it a chunk, get the outcomes or the news of its death. One chunk at a
 * time. A message has `timeLimitMs`; waiting for codes does not count, because that is our time, not the message's.
 *
 *   STARTING ─ready─▶ IDLE ─run─▶ RUNNING ─done─▶ IDLE          any ─exit, time limit─▶ DEAD (for good)
 *                                  ▲  │ codes
 *                                  └──┘ answered
 */
import { Worker } from 'node:worker_threads';
import type { Clock, PipelineStage } from '@inorder/core';
import type { InterfaceDocument } from '@inorder/shared';
import type { CodeEntry, SharedDocument, SiteCodeTable } from '../site/site-cache.ts';
import type { StagedMessage } from './intake.ts';
import type { StageResult } from './pipeline.ts';
import {
  type ChunkItem,
  type FromWorker,
  joinBytes,
  PROGRESS_BEGUN,
  PROGRESS_ITEM,
  type ToWorker,
  type WorkerData,
} from './worker-protocol.ts';

/** Messages with all that a worker needs to know. */
export interface Chunk {
  readonly messages: readonly {
    readonly message: StagedMessage;
    readonly document: SharedDocument;
    readonly stages: readonly PipelineStage[];
  }[];
  /** The tables that the documents name and that exist. */
  readonly tables: readonly SiteCodeTable[];
}

export type ChunkResult =
  /** One outcome per message. */
  | { readonly kind: 'done'; readonly outcomes: readonly StageResult[] }
  | {
      readonly kind: 'died';
      readonly cause: 'CRASHED' | 'TIME_LIMIT';
      /** Index of the message it was at; null = between messages. */
      readonly at: number | null;
    };

export interface StageWorkerOptions {
  /** Module whose top calls `serveStages`. */
  readonly entry: URL;
  readonly timeLimitMs: number;
  readonly heapMbMax: number;
  readonly clock: Clock;
  /** Waits while Postgres is away; never rejects. */
  readonly codes: (table: SiteCodeTable, codes: readonly string[]) => Promise<Map<string, CodeEntry | null>>;
  /** Called once, after a run's `died` was answered. `ready` = it had started well. */
  readonly onDeath: (worker: StageWorker, ready: boolean) => void;
  readonly onReady: (worker: StageWorker) => void;
}

/** Documents a worker is given before it is told to forget them. */
const DOCUMENTS_MAX = 10_000;
/** Codes it may have asked for before it is told to forget them. */
const CODES_MAX = 50_000;

export class StageWorker {
  readonly #options: StageWorkerOptions;
  readonly #worker: Worker;
  readonly #progress: Int32Array;
  readonly #documents = new Set<number>();
  #codes = 0;
  #state: 'STARTING' | 'IDLE' | 'RUNNING' | 'DEAD' = 'STARTING';
  #started = false;
  #run: { readonly chunk: Chunk; readonly resolve: (result: ChunkResult) => void } | undefined;
  #cause: 'CRASHED' | 'TIME_LIMIT' = 'CRASHED';
  #cancelWatch = (): void => undefined;
  #begun = 0;
  #begunAt = 0;

  constructor(options: StageWorkerOptions) {
    this.#options = options;
    const shared = new SharedArrayBuffer(8);
    this.#progress = new Int32Array(shared);
    const workerData: WorkerData = { progress: shared };
    this.#worker = new Worker(options.entry, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMbMax },
      // What a pipeline prints is nobody's business: it may be a payload (G18).
      stdout: true,
      stderr: true,
    });
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#worker.on('message', (message: FromWorker) => this.#hear(message));
    // Every error is followed by exit; the error itself may quote a payload and is not looked at.
    this.#worker.on('error', () => undefined);
    this.#worker.on('exit', () => this.#died());
  }

  get idle(): boolean {
    return this.#state === 'IDLE';
  }

  get dead(): boolean {
    return this.#state === 'DEAD';
  }

  /** How long the message under way has been at it; 0 when none is. */
  stalledMs(): number {
    return this.#state === 'RUNNING' ? this.#sinceBegun() : 0;
  }

  /** Runs one chunk. Never rejects. Only when idle. */
  run(chunk: Chunk): Promise<ChunkResult> {
    if (this.#state !== 'IDLE') throw new Error('a stage worker takes one chunk at a time');
    this.#state = 'RUNNING';
    const forget = this.#documents.size > DOCUMENTS_MAX || this.#codes > CODES_MAX;
    if (forget) {
      this.#documents.clear();
      this.#codes = 0;
    }
    const documents: [number, InterfaceDocument][] = [];
    const items: ChunkItem[] = [];
    let start = 0;
    for (const { message, document, stages } of chunk.messages) {
      if (!this.#documents.has(document.key)) {
        this.#documents.add(document.key);
        documents.push([document.key, document.document]);
      }
      const { messageId, interfaceId, sequenceNo } = message;
      const length = startOf(message).byteLength;
      items.push({ messageId, interfaceId, sequenceNo, document: document.key, stages, start, length });
      start += length;
    }
    const bytes = joinBytes(chunk.messages.map((each) => startOf(each.message)));
    const tables = chunk.tables.map((table) => ({
      name: table.name,
      key: `${table.codeTableId}:${table.version}`,
      targetSystem: table.targetSystem,
    }));
    return new Promise((resolve) => {
      this.#run = { chunk, resolve };
      this.#say({ kind: 'chunk', bytes, items, documents, tables, forget }, [bytes.buffer]);
      this.#begunAt = this.#options.clock.monotonicMs();
      this.#watch();
    });
  }

  /** Ends the thread; a run under way is answered `died`. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #say(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#state = 'IDLE';
        this.#started = true;
        this.#options.onReady(this);
        return;
      case 'codes':
        this.#cancelWatch();
        void this.#answer(message.wanted);
        return;
      case 'done': {
        this.#cancelWatch();
        const run = this.#run;
        this.#run = undefined;
        this.#state = 'IDLE';
        const { bytes } = message;
        run?.resolve({
          kind: 'done',
          // A copy of its own for each: a view would keep the whole chunk alive in whoever keeps one of them.
          outcomes: message.outcomes.map(({ outcome, processed }) =>
            (outcome.kind === 'PROCESSED' || outcome.kind === 'HANDED_ON') && processed !== null
              ? { ...outcome, processed: bytes.slice(processed.start, processed.start + processed.length) }
              : outcome,
          ),
        });
        return;
      }
    }
  }

  async #answer(wanted: readonly (readonly [string, readonly string[]])[]): Promise<void> {
    const tables = new Map(this.#run?.chunk.tables.map((table) => [table.name, table]));
    const entries: [string, string, CodeEntry | null][] = [];
    for (const [name, codes] of wanted) {
      const table = tables.get(name);
      if (table === undefined) continue;
      const found = await this.#options.codes(table, codes);
      for (const code of codes) entries.push([`${table.codeTableId}:${table.version}`, code, found.get(code) ?? null]);
    }
    if (this.#state !== 'RUNNING') return;
    this.#codes += entries.length;
    this.#say({ kind: 'codes', entries });
    this.#begunAt = this.#options.clock.monotonicMs();
    this.#watch();
  }

  #sinceBegun(): number {
    const begun = Atomics.load(this.#progress, PROGRESS_BEGUN);
    const now = this.#options.clock.monotonicMs();
    if (begun !== this.#begun) {
      this.#begun = begun;
      this.#begunAt = now;
    }
    return now - this.#begunAt;
  }

  #watch(): void {
    this.#cancelWatch();
    const { timeLimitMs, clock } = this.#options;
    this.#cancelWatch = clock.schedule(Math.max(5, Math.min(200, timeLimitMs / 5)), () => {
      if (this.#state !== 'RUNNING') return;
      if (this.#sinceBegun() < timeLimitMs) {
        this.#watch();
        return;
      }
      this.#cause = 'TIME_LIMIT';
      void this.end();
    });
  }

  #died(): void {
    this.#cancelWatch();
    this.#state = 'DEAD';
    const run = this.#run;
    this.#run = undefined;
    const item = Atomics.load(this.#progress, PROGRESS_ITEM);
    run?.resolve({ kind: 'died', cause: this.#cause, at: item === 0 ? null : item - 1 });
    this.#options.onDeath(this, this.#started);
  }
}

/** What the next stage starts from. */
function startOf(message: StagedMessage): Uint8Array {
  return message.enriched ?? message.raw;
}
