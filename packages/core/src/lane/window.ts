/**
 * The outcomes above a lane's checkpoint, as a persistent sparse vector: setting one entry copies one chunk and the
 * list of chunks, never the whole window, so that `decide` can stay a pure function at 10,000 entries.
 */
import { type SequenceNo, sequenceNo } from '../ids.ts';

const CHUNK = 64;

export interface Window<T> {
  /** Chunk number of `chunks[0]`; chunk n holds the numbers n·64 … n·64+63. */
  readonly firstChunk: number;
  readonly chunks: readonly (readonly (T | undefined)[] | undefined)[];
  readonly size: number;
}

export function emptyWindow<T>(): Window<T> {
  return { firstChunk: 0, chunks: [], size: 0 };
}

export function windowGet<T>(window: Window<T>, n: SequenceNo): T | undefined {
  return window.chunks[Math.floor(n / CHUNK) - window.firstChunk]?.[n % CHUNK];
}

/** Sets (or with undefined removes) several entries at once. */
export function windowSet<T>(
  window: Window<T>,
  entries: readonly { readonly n: SequenceNo; readonly value: T | undefined }[],
): Window<T> {
  if (entries.length === 0) return window;
  let firstChunk = window.firstChunk;
  const chunks: (readonly (T | undefined)[] | undefined)[] = window.chunks.slice();
  const copied = new Map<number, (T | undefined)[]>();
  let size = window.size;
  for (const { n, value } of entries) {
    const at = Math.floor(n / CHUNK);
    if (chunks.length === 0) firstChunk = at;
    while (at < firstChunk) {
      chunks.unshift(undefined);
      firstChunk -= 1;
    }
    while (at - firstChunk >= chunks.length) chunks.push(undefined);
    let chunk = copied.get(at);
    if (chunk === undefined) {
      chunk = chunks[at - firstChunk]?.slice() ?? new Array<T | undefined>(CHUNK).fill(undefined);
      copied.set(at, chunk);
      chunks[at - firstChunk] = chunk;
    }
    const before = chunk[n % CHUNK];
    if (before === undefined && value !== undefined) size += 1;
    if (before !== undefined && value === undefined) size -= 1;
    chunk[n % CHUNK] = value;
  }
  return { firstChunk, chunks, size };
}

/** Forgets every number up to and with `n`. */
export function windowDropThrough<T>(window: Window<T>, n: SequenceNo): Window<T> {
  const keepFrom = Math.floor((n + 1) / CHUNK);
  const whole = Math.min(Math.max(0, keepFrom - window.firstChunk), window.chunks.length);
  let size = window.size;
  for (let i = 0; i < whole; i++) size -= countOf(window.chunks[i]);
  const chunks = window.chunks.slice(whole);
  const firstChunk = window.firstChunk + whole;
  const first = firstChunk === keepFrom ? chunks[0] : undefined;
  if (first !== undefined) {
    const trimmed = first.slice();
    for (let i = 0; i < (n + 1) % CHUNK; i++) {
      if (trimmed[i] !== undefined) size -= 1;
      trimmed[i] = undefined;
    }
    chunks[0] = trimmed;
  }
  return chunks.length === 0 ? emptyWindow() : { firstChunk, chunks, size };
}

/** The entries in order of number. */
export function* windowEntries<T>(window: Window<T>): Generator<{ n: SequenceNo; value: T }> {
  for (const [i, chunk] of window.chunks.entries()) {
    if (chunk === undefined) continue;
    for (const [j, value] of chunk.entries()) {
      if (value !== undefined) yield { n: sequenceNo((window.firstChunk + i) * CHUNK + j), value };
    }
  }
}

function countOf(chunk: readonly unknown[] | undefined): number {
  return chunk === undefined ? 0 : chunk.reduce<number>((sum, v) => (v === undefined ? sum : sum + 1), 0);
}
