/**
 * The inside of a stage worker: runs the pipeline over chunks and answers with their outcomes. It holds documents and
 * the codes it has met; a code it has not met is asked for, and the messages that met it run again (the pipeline is
 * pure). It writes down, in shared memory, which message it works on: that is what is left of it when it dies.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { InterfaceDocument } from '@inorder/shared';
import type { CodeTables, StageInput, StageResult } from './pipeline.ts';
import {
  type ChunkTable,
  type CodeTarget,
  type FromWorker,
  joinBytes,
  PROGRESS_BEGUN,
  PROGRESS_ITEM,
  type ToWorker,
  type WorkerData,
  type WorkerOutcome,
} from './worker-protocol.ts';

export type Pipeline = (input: StageInput, tables: CodeTables) => StageResult;

type Chunk = Extract<ToWorker, { kind: 'chunk' }>;

/** Serves until the thread ends. Called once, at the top of a worker's entry. @throws outside a worker thread. */
export function serveStages(pipeline: Pipeline): void {
  const port = parentPort;
  if (isMainThread || port === null) throw new Error('stages run in a worker thread');
  // Our own start-up value: StageWorker gives it.
  const progress = new Int32Array((workerData as WorkerData).progress);
  const documents = new Map<number, InterfaceDocument>();
  const codes = new Map<string, Map<string, CodeTarget | null>>();
  const say = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let run: ChunkRun | undefined;

  port.on('message', (message: ToWorker) => {
    if (message.kind === 'codes') {
      for (const [key, code, found] of message.entries) tableOf(codes, key).set(code, found);
    } else {
      if (message.forget) {
        documents.clear();
        codes.clear();
      }
      for (const [key, document] of message.documents) documents.set(key, document);
      run = new ChunkRun(message, documents, codes);
    }
    const wanted = run?.go(pipeline, progress) ?? [];
    if (wanted.length > 0) {
      say({ kind: 'codes', wanted });
      return;
    }
    const ended = run?.ended();
    run = undefined;
    if (ended !== undefined) say({ kind: 'done', ...ended }, [ended.bytes.buffer]);
  });
  say({ kind: 'ready' });
}

function tableOf(codes: Map<string, Map<string, CodeTarget | null>>, key: string): Map<string, CodeTarget | null> {
  const known = codes.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, CodeTarget | null>();
  codes.set(key, made);
  return made;
}

class ChunkRun {
  readonly #chunk: Chunk;
  readonly #documents: ReadonlyMap<number, InterfaceDocument>;
  readonly #codes: Map<string, Map<string, CodeTarget | null>>;
  readonly #tables: ReadonlyMap<string, ChunkTable>;
  readonly #outcomes: (StageResult | undefined)[];

  constructor(
    chunk: Chunk,
    documents: ReadonlyMap<number, InterfaceDocument>,
    codes: Map<string, Map<string, CodeTarget | null>>,
  ) {
    this.#chunk = chunk;
    this.#documents = documents;
    this.#codes = codes;
    this.#tables = new Map(chunk.tables.map((table) => [table.name, table]));
    this.#outcomes = chunk.items.map(() => undefined);
  }

  /** Runs what has no outcome yet. @returns codes it could not know; empty = every item has its outcome. */
  go(pipeline: Pipeline, progress: Int32Array): [table: string, codes: string[]][] {
    const wanted = new Map<string, Set<string>>();
    for (const [index, item] of this.#chunk.items.entries()) {
      if (this.#outcomes[index] !== undefined) continue;
      const document = this.#documents.get(item.document);
      if (document === undefined) throw new Error('a chunk came without its document');
      Atomics.store(progress, PROGRESS_ITEM, index + 1);
      Atomics.add(progress, PROGRESS_BEGUN, 1);
      const unknown: (readonly [string, string])[] = [];
      const { messageId, interfaceId, sequenceNo, stages, start, length } = item;
      const raw = this.#chunk.bytes.subarray(start, start + length);
      const outcome = pipeline({ messageId, interfaceId, sequenceNo, raw, document, stages }, this.#lookup(unknown));
      if (unknown.length === 0) this.#outcomes[index] = outcome;
      for (const [table, code] of unknown) {
        const own = wanted.get(table) ?? new Set();
        wanted.set(table, own.add(code));
      }
    }
    Atomics.store(progress, PROGRESS_ITEM, 0);
    return [...wanted].map(([table, codes]) => [table, [...codes]]);
  }

  /** Look-ups that note what they could not answer; their run is thrown away. */
  #lookup(unknown: (readonly [string, string])[]): CodeTables {
    return {
      lookup: (name, code) => {
        const table = this.#tables.get(name);
        if (table === undefined) return 'TABLE_MISSING';
        const found = tableOf(this.#codes, table.key).get(code);
        if (found === undefined) {
          unknown.push([name, code]);
          return undefined;
        }
        return found === null ? undefined : { ...found, targetSystem: table.targetSystem };
      },
    };
  }

  ended(): { outcomes: WorkerOutcome[]; bytes: Uint8Array<ArrayBuffer> } {
    const parts: Uint8Array[] = [];
    let at = 0;
    const outcomes = this.#outcomes.map((outcome): WorkerOutcome => {
      if (outcome === undefined) throw new Error('a message of the chunk has no outcome');
      if ((outcome.kind !== 'PROCESSED' && outcome.kind !== 'HANDED_ON') || outcome.processed === null)
        return { outcome, processed: null };
      const start = at;
      const length = outcome.processed.byteLength;
      parts.push(outcome.processed);
      at += length;
      return { outcome: { ...outcome, processed: null }, processed: { start, length } };
    });
    return { outcomes, bytes: joinBytes(parts) };
  }
}
