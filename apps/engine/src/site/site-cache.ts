/**
 * The configuration in memory: what ingest, stages and lanes ask on every message, without a query. It follows Postgres
 * by NOTIFY `inorder_config`, and each `refreshMs` by comparing one short text, for a NOTIFY that was not heard.
 *
 * A cache nothing rests on: the revision a message gets is stamped by Postgres (G2), documents of a revision never
 * change, and what looks unknown here is looked up again before anybody is refused.
 */
import { createHash } from 'node:crypto';
import {
  type Clock,
  type DestinationId,
  destinationId,
  type InterfaceCode,
  type InterfaceId,
  interfaceCode,
  interfaceId,
  type PayloadFormat,
  type Shard,
  type SourceId,
  shard,
  sourceId,
} from '@inorder/core';
import {
  CONFIG_CHANNEL,
  type ConnectionDocument,
  connectionDocumentSchema,
  type DestinationDocument,
  destinationDocumentSchema,
  type InterfaceDocument,
  interfaceDocumentSchema,
  type SourceDocument,
  sourceDocumentSchema,
} from '@inorder/shared';
import type { Logger } from 'pino';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import {
  readCodes,
  readDocuments,
  readSite,
  readSiteVersion,
  type SiteRows,
  type SiteWireRow,
} from '../adapters/postgres/site-queries.ts';
import { BoundedMap } from './bounded-map.ts';

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

export interface SiteCacheOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /**
   * Puts the sealed secrets back into a stored document; `ownerId` is the row's id. Left out: documents are taken as
   * they are stored.
   */
  readonly openDocument?: (document: unknown, sealed: Uint8Array | null, ownerId: string) => unknown;
  readonly refreshMs?: number;
  /** (interface, revision) pairs kept. */
  readonly documentsMax?: number;
  /** Code-table entries kept, over all tables. */
  readonly codesMax?: number;
}

interface Site {
  readonly version: string;
  readonly interfaces: readonly SiteInterface[];
  readonly byId: ReadonlyMap<string, SiteInterface>;
  readonly byCode: ReadonlyMap<string, SiteInterface>;
  readonly sources: readonly SiteSource[];
  readonly connections: readonly SiteConnection[];
  readonly destinations: readonly SiteDestination[];
  readonly destinationByKey: ReadonlyMap<string, SiteDestination>;
  readonly codeTables: ReadonlyMap<string, SiteCodeTable>;
}

/** Loads the configuration and follows it. @throws when the first load fails. */
export async function openSiteCache(options: SiteCacheOptions): Promise<SiteCache> {
  const cache = new PostgresSiteCache(options);
  await cache.refresh();
  cache.follow();
  return cache;
}

class PostgresSiteCache implements SiteCache {
  readonly #options: SiteCacheOptions;
  readonly #refreshMs: number;
  readonly #listeners = new Set<() => void>();
  readonly #documents: BoundedMap<string, SharedDocument>;
  readonly #shared: BoundedMap<string, SharedDocument>;
  readonly #codes: BoundedMap<string, CodeEntry | null>;
  #site: Site = emptySite();
  #version = 0;
  #documentKeys = 0;
  #refreshing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #cancelTimer = (): void => undefined;
  #unlisten = async (): Promise<void> => undefined;
  #forgotten = false;
  #closed = false;

  constructor(options: SiteCacheOptions) {
    this.#options = options;
    this.#refreshMs = options.refreshMs ?? 30_000;
    this.#documents = new BoundedMap(options.documentsMax ?? 100_000);
    this.#shared = new BoundedMap(options.documentsMax ?? 100_000);
    this.#codes = new BoundedMap(options.codesMax ?? 100_000);
  }

  get version(): number {
    return this.#version;
  }

  interfaceByCode(code: string): SiteInterface | undefined {
    return this.#site.byCode.get(code);
  }

  interfaceById(id: InterfaceId): SiteInterface | undefined {
    return this.#site.byId.get(id);
  }

  interfaces(): readonly SiteInterface[] {
    return this.#site.interfaces;
  }

  source(id: SourceId): SiteSource | undefined {
    return this.#site.sources.find((source) => source.sourceId === id);
  }

  sources(): readonly SiteSource[] {
    return this.#site.sources;
  }

  connections(): readonly SiteConnection[] {
    return this.#site.connections;
  }

  destination(idOrName: string): SiteDestination | undefined {
    return this.#site.destinationByKey.get(idOrName);
  }

  destinations(): readonly SiteDestination[] {
    return this.#site.destinations;
  }

  codeTable(name: string): SiteCodeTable | undefined {
    return this.#site.codeTables.get(name);
  }

  document(id: InterfaceId, revision: number): SharedDocument | undefined {
    return this.#documents.get(`${id}:${revision}`);
  }

  async loadDocuments(wanted: readonly DocumentRef[]): Promise<void> {
    const missing = new Map<string, DocumentRef>();
    for (const each of wanted) {
      const key = `${each.interfaceId}:${each.revision}`;
      if (this.#documents.get(key) === undefined) missing.set(key, each);
    }
    if (missing.size === 0) return;
    for (const row of await readDocuments(this.#options.database, [...missing.values()])) {
      const shared = this.#share(row.document);
      if (shared !== undefined) this.#documents.set(`${row.interface_id}:${row.revision}`, shared);
      else
        this.#options.logger.error({ interfaceId: row.interface_id, revision: row.revision }, 'revision is not valid');
    }
  }

  #share(text: string): SharedDocument | undefined {
    const hash = createHash('sha256').update(text).digest('base64');
    const known = this.#shared.get(hash);
    if (known !== undefined) return known;
    const parsed = interfaceDocumentSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return undefined;
    const shared = { key: ++this.#documentKeys, document: parsed.data };
    this.#shared.set(hash, shared);
    return shared;
  }

  async codes(table: SiteCodeTable, codes: readonly string[]): Promise<Map<string, CodeEntry | null>> {
    const found = new Map<string, CodeEntry | null>();
    const missing: string[] = [];
    const keyOf = (code: string): string => `${table.codeTableId}:${table.version}:${code}`;
    for (const code of new Set(codes)) {
      const entry = this.#codes.get(keyOf(code));
      if (entry === undefined) missing.push(code);
      else found.set(code, entry);
    }
    if (missing.length === 0) return found;
    const { codeTableId, version } = table;
    // A code that no text column can hold is in no table.
    const askable = missing.filter((code) => !code.includes('\0'));
    const rows = await readCodes(
      this.#options.database,
      askable.map((code) => ({ codeTableId, version, code })),
    );
    for (const row of rows) found.set(row.code, { target: row.target, display: row.display });
    for (const code of missing) {
      const entry = found.get(code) ?? null;
      found.set(code, entry);
      this.#codes.set(keyOf(code), entry);
    }
    return found;
  }

  forget(): void {
    this.#documents.clear();
    this.#shared.clear();
    this.#codes.clear();
    this.#forgotten = true;
  }

  refresh(): Promise<void> {
    // A look under way may have begun before the change the caller knows of: it waits for the next one, shared by all.
    if (this.#refreshing !== undefined) {
      this.#next ??= this.#refreshing
        .catch(() => undefined)
        .then(() => {
          this.#next = undefined;
          return this.refresh();
        });
      return this.#next;
    }
    this.#refreshing = this.#look().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #look(): Promise<void> {
    const { database } = this.#options;
    const known = this.#version > 0 && !this.#forgotten;
    if (known && (await readSiteVersion(database)) === this.#site.version) return;
    this.#forgotten = false;
    this.#site = this.#read(await readSite(database));
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  /** NOTIFY, and a look each `refreshMs`. Errors are logged: what is known stays in use. */
  follow(): void {
    const look = (): void => {
      this.refresh().catch((error: unknown) => {
        this.#options.logger.warn({ error: errorCodeOf(error) }, 'configuration could not be read');
      });
    };
    const tick = (): void => {
      if (this.#closed) return;
      look();
      this.#cancelTimer = this.#options.clock.schedule(this.#refreshMs, tick);
    };
    this.#cancelTimer = this.#options.clock.schedule(this.#refreshMs, tick);
    this.#unlisten = this.#options.database.listen(CONFIG_CHANNEL, look);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#unlisten();
    await this.#refreshing?.catch(() => undefined);
  }

  #read(rows: SiteRows): Site {
    const interfaces = rows.interfaces.map(
      (row): SiteInterface => ({
        interfaceId: interfaceId(row.interface_id),
        code: interfaceCode(row.code),
        shard: shard(row.shard),
        enabled: row.enabled,
        revision: row.revision,
        format: row.format === 'FHIR_JSON' ? 'FHIR_JSON' : 'HL7V2',
      }),
    );
    const connections = this.#wires(rows.connections, (id, name, opened): SiteConnection => {
      return { connectionId: id, name, document: connectionDocumentSchema.parse(opened) };
    });
    const destinations = this.#wires(rows.destinations, (id, name, opened): SiteDestination => {
      const document = destinationDocumentSchema.parse(opened);
      const connection = document.kind === 'JMS' ? connections.find((each) => each.name === document.connection) : null;
      return { destinationId: destinationId(id), name, document, connection: connection?.document ?? null };
    });
    return {
      version: rows.version,
      interfaces,
      byId: new Map(interfaces.map((each) => [each.interfaceId, each])),
      byCode: new Map(interfaces.map((each) => [each.code, each])),
      sources: rows.sources.flatMap((row): SiteSource[] => {
        const document = sourceDocumentSchema.safeParse(row.document);
        if (!document.success) {
          this.#options.logger.error({ source: row.name }, 'source is not valid and is left out');
          return [];
        }
        const interfaceIds = row.interface_ids.map(interfaceId);
        const fed = new Set(interfaceIds);
        return [
          {
            sourceId: sourceId(row.source_id),
            name: row.name,
            connectionId: row.connection_id,
            document: document.data,
            interfaceIds,
            feeds: (id) => fed.has(id),
          },
        ];
      }),
      connections,
      destinations,
      destinationByKey: new Map([
        ...destinations.map((each): [string, SiteDestination] => [each.name, each]),
        ...destinations.map((each): [string, SiteDestination] => [each.destinationId, each]),
      ]),
      codeTables: new Map(
        rows.codeTables.map((row) => [
          row.name,
          {
            codeTableId: row.code_table_id,
            name: row.name,
            targetSystem: row.target_system,
            version: row.current_version,
          },
        ]),
      ),
    };
  }

  /** One wire that cannot be read must not take the others along: it is left out, loudly. */
  #wires<T>(rows: readonly SiteWireRow[], read: (id: string, name: string, opened: unknown) => T): T[] {
    const open = this.#options.openDocument ?? ((document: unknown) => document);
    return rows.flatMap((row) => {
      try {
        return [read(row.id, row.name, open(row.document, row.secrets, row.id))];
      } catch (error) {
        const reason = error instanceof Error ? error.name : 'unknown';
        this.#options.logger.error(
          { name: row.name, reason },
          'connection or destination is not usable and is left out',
        );
        return [];
      }
    });
  }
}

function emptySite(): Site {
  return {
    version: '',
    interfaces: [],
    byId: new Map(),
    byCode: new Map(),
    sources: [],
    connections: [],
    destinations: [],
    destinationByKey: new Map(),
    codeTables: new Map(),
  };
}
