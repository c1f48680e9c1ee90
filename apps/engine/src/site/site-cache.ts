/**
 * The configuration in memory, as its readers see it: what ingest, stages and lanes ask on every message, without a
 * query. How it follows Postgres: `postgres-site-cache.ts`.
 *
 * A cache nothing rests on: the revision a message gets is stamped by Postgres (G2), documents of a revision never
 * change, and what looks unknown here is looked up again before anybody is refused.
 */
import type { DestinationId, InterfaceCode, InterfaceId, PayloadFormat, Shard, SourceId } from '@inorder/core';
import type { ConnectionDocument, DestinationDocument, InterfaceDocument, SourceDocument } from '@inorder/shared';

export interface SiteInterface {
  readonly interfaceId: InterfaceId;
  readonly code: InterfaceCode;
  readonly shard: Shard;
  /** false: it goes on numbering and storing; its lane waits. */
  readonly enabled: boolean;
  /** Revision at the last refresh. The one that counts is stamped on each message. */
  readonly revision: number;
  /** Of that revision. */
  readonly format: PayloadFormat;
}

export interface SiteSource {
  readonly sourceId: SourceId;
  readonly name: string;
  readonly connectionId: string;
  readonly document: SourceDocument;
  /** Interfaces it feeds, in the order of their codes. */
  readonly interfaceIds: readonly InterfaceId[];
  feeds(id: InterfaceId): boolean;
}

export interface SiteConnection {
  readonly connectionId: string;
  readonly name: string;
  /** With its secrets. */
  readonly document: ConnectionDocument;
}

export interface SiteDestination {
  readonly destinationId: DestinationId;
  readonly name: string;
  /** With its secrets. */
  readonly document: DestinationDocument;
  /** Of a JMS destination: the connection it names, with its secrets; null where that cannot be used. Else null. */
  readonly connection: ConnectionDocument | null;
}

/** A document parsed once for all interfaces that share it. `key` is the same for equal documents, in this process. */
export interface SharedDocument {
  readonly key: number;
  readonly document: InterfaceDocument;
}

export interface SiteCodeTable {
  readonly codeTableId: string;
  readonly name: string;
  /** Coding system of the targets (HL7 table 0396). */
  readonly targetSystem: string;
  /** Versions are immutable; this is the one for messages that enter the stages now. */
  readonly version: number;
}

export interface CodeEntry {
  readonly target: string;
  readonly display: string;
}

export interface SiteCache {
  /** Grows whenever a refresh found a change. */
  readonly version: number;
  interfaceByCode(code: string): SiteInterface | undefined;
  interfaceById(id: InterfaceId): SiteInterface | undefined;
  interfaces(): readonly SiteInterface[];
  source(id: SourceId): SiteSource | undefined;
  sources(): readonly SiteSource[];
  connections(): readonly SiteConnection[];
  /** By id or by name. */
  destination(idOrName: string): SiteDestination | undefined;
  destinations(): readonly SiteDestination[];
  codeTable(name: string): SiteCodeTable | undefined;
  /** The document of one revision if it is at hand; else `loadDocuments` first. */
  document(id: InterfaceId, revision: number): SharedDocument | undefined;
  /**
   * Reads what is missing, in one batch. Afterwards `document` knows them, but for those that do not exist or are not
   * valid. @throws what `classify` understands.
   */
  loadDocuments(wanted: readonly DocumentRef[]): Promise<void>;
  /**
   * Entries by code, null where that version does not know the code; what is missing is read in one batch.
   * @throws what `classify` understands.
   */
  codes(table: SiteCodeTable, codes: readonly string[]): Promise<Map<string, CodeEntry | null>>;
  /** What was read so far is of another Postgres: documents, codes and versions are read again when they are needed (G21). */
  forget(): void;
  /** Compares versions and loads if they differ. Calls at once share one look. @throws what `classify` understands. */
  refresh(): Promise<void>;
  /** Called after each refresh that found a change. The returned function takes the listener back. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface DocumentRef {
  readonly interfaceId: InterfaceId;
  readonly revision: number;
}
