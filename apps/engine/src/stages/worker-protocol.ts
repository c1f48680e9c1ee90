/**
 * What the thread that owns the stages and its workers say to each other. Payloads travel as one transferred buffer a
 * chunk: cloning a view would copy the whole buffer behind it.
 */
import type { PipelineStage } from '@inorder/core';
import type { InterfaceDocument } from '@inorder/shared';
import type { StageResult } from './pipeline.ts';

export interface ChunkItem {
  readonly messageId: string;
  readonly interfaceId: string;
  readonly sequenceNo: number;
  /** Key of the document, sent with this chunk or an earlier one. */
  readonly document: number;
  /** To run over it. */
  readonly stages: readonly PipelineStage[];
  readonly start: number;
  readonly length: number;
}

/** A code table as this chunk sees it. `key` names table and version. */
export interface ChunkTable {
  readonly name: string;
  readonly key: string;
  readonly targetSystem: string;
}

export interface CodeTarget {
  readonly target: string;
  readonly display: string;
}

export type ToWorker =
  | {
      readonly kind: 'chunk';
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly items: readonly ChunkItem[];
      readonly documents: readonly (readonly [number, InterfaceDocument])[];
      /** Tables that exist; a name that is not among them is a missing table. */
      readonly tables: readonly ChunkTable[];
      /** Drop documents and codes of earlier chunks first. */
      readonly forget: boolean;
    }
  /** Answer to `codes`: null = that version does not know the code. */
  | {
      readonly kind: 'codes';
      readonly entries: readonly (readonly [key: string, code: string, found: CodeTarget | null])[];
    };

export type FromWorker =
  | { readonly kind: 'ready' }
  /** Codes it has not heard of; it goes on when they have come. */
  | { readonly kind: 'codes'; readonly wanted: readonly (readonly [table: string, codes: readonly string[]])[] }
  | {
      readonly kind: 'done';
      /** One per item. `processed` stands apart, in `bytes`. */
      readonly outcomes: readonly WorkerOutcome[];
      readonly bytes: Uint8Array<ArrayBuffer>;
    };

export interface WorkerOutcome {
  /** PROCESSED and HANDED_ON with `processed: null`; the bytes are at `processed` below, if any. */
  readonly outcome: StageResult;
  readonly processed: { readonly start: number; readonly length: number } | null;
}

/** Given to a worker at its start. */
export interface WorkerData {
  /** Two Int32: the item under way (from 1; 0 = none), and how many were begun since the start. */
  readonly progress: SharedArrayBuffer;
}

export const PROGRESS_ITEM = 0;
export const PROGRESS_BEGUN = 1;

/** Copies the parts one behind the other into a buffer of its own, to be transferred. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.byteLength;
  }
  return joined;
}
