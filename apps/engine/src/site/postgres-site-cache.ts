/**
 * The site cache over Postgres: one whole site at a time, and beside it the documents and codes that were asked for. It
 * follows Postgres by NOTIFY `inorder_config`, and each `refreshMs` by comparing one short text, for a NOTIFY that was not
 * heard. One look is under way at a time. What nothing may rest on here, `site-cache.ts` says.
 */
import type { Clock, InterfaceId, SourceId } from '@inorder/core';
import { CONFIG_CHANNEL } from '@inorder/shared';
import type { Logger } from 'pino';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import { readSite, readSiteVersion } from '../adapters/postgres/site-queries.ts';
import { CodeCache } from './code-cache.ts';
import { DocumentCache } from './document-cache.ts';
import { emptySite, type ReadingOptions, type Site, siteOf } from './loaded-site.ts';
import type {
  CodeEntry,
  DocumentRef,
  SharedDocument,
  SiteCache,
  SiteCodeTable,
  SiteConnection,
  SiteDestination,
  SiteInterface,
  SiteSource,
} from './site-cache.ts';

export interface SiteCacheOptions extends ReadingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly refreshMs?: number;
  /** (interface, revision) pairs kept. */
  readonly documentsMax?: number;
  /** Code-table entries kept, over all tables. */
  readonly codesMax?: number;
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
  readonly #documents: DocumentCache;
  readonly #codes: CodeCache;
  #site: Site = emptySite();
  #version = 0;
  #refreshing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #cancelTimer = (): void => undefined;
  #unlisten = async (): Promise<void> => undefined;
  #forgotten = false;
  #closed = false;

  constructor(options: SiteCacheOptions) {
    this.#options = options;
    this.#refreshMs = options.refreshMs ?? 30_000;
    const { database, logger, documentsMax = 100_000, codesMax = 100_000 } = options;
    this.#documents = new DocumentCache({ database, logger, documentsMax });
    this.#codes = new CodeCache({ database, codesMax });
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
    return this.#documents.get(id, revision);
  }

  loadDocuments(wanted: readonly DocumentRef[]): Promise<void> {
    return this.#documents.load(wanted);
  }

  codes(table: SiteCodeTable, codes: readonly string[]): Promise<Map<string, CodeEntry | null>> {
    return this.#codes.get(table, codes);
  }

  forget(): void {
    this.#documents.forget();
    this.#codes.forget();
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
    this.#site = siteOf(await readSite(database), this.#options);
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
}
