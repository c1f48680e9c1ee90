/**
 * What a chunk needs beside its messages: the documents of their revisions and the code tables these name. All of it
 * is in the site cache; Postgres is read on a miss only, and waited for while it is away.
 */
import type { Clock } from '@inorder/core';
import type { InterfaceDocument } from '@inorder/shared';
import type { Logger } from 'pino';
import { errorCodeOf } from '../adapters/postgres/database.ts';
import type { CodeEntry, SharedDocument, SiteCache, SiteCodeTable } from '../site/site-cache.ts';
import type { Work } from './stage-pool.ts';
import type { Chunk } from './stage-worker.ts';

/** The part of the site cache that the stages use. */
export type StageSite = Pick<
  SiteCache,
  'document' | 'loadDocuments' | 'codeTable' | 'codes' | 'destination' | 'refresh' | 'version'
>;

export class ChunkPreparation {
  readonly #site: StageSite;
  readonly #clock: Clock;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #retryDelayMs: number;
  readonly #names = new WeakMap<InterfaceDocument, Names>();
  #stopped = false;

  constructor(options: { site: StageSite; clock: Clock; logger: Pick<Logger, 'warn'>; retryDelayMs: number }) {
    this.#site = options.site;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#retryDelayMs = options.retryDelayMs;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** `without` are works whose revision does not exist or is not valid. */
  async prepare<W extends Work>(works: readonly W[]): Promise<{ works: W[]; chunk: Chunk; without: W[] }> {
    if (works.some((work) => this.#document(work) === undefined)) {
      await this.#persist(() => this.#site.loadDocuments(works.map((work) => work.message)));
    }
    const found: W[] = [];
    const messages: { message: W['message']; document: SharedDocument; stages: W['stages'] }[] = [];
    const without: W[] = [];
    const tables = new Set<string>();
    const destinations = new Set<string>();
    for (const work of works) {
      const document = this.#document(work);
      if (document === undefined) {
        without.push(work);
        continue;
      }
      found.push(work);
      messages.push({ message: work.message, document, stages: work.stages });
      const names = this.#namesOf(document.document);
      for (const name of names.tables) tables.add(name);
      for (const name of names.destinations) destinations.add(name);
    }
    const missing =
      [...tables].some((name) => this.#site.codeTable(name) === undefined) ||
      [...destinations].some((name) => this.#site.destination(name) === undefined);
    // Nobody is dead-lettered for what an older configuration did not have.
    if (missing) await this.#persist(() => this.#site.refresh());
    const known = [...tables].flatMap((name) => this.#site.codeTable(name) ?? []);
    return { works: found, chunk: { messages, tables: known }, without };
  }

  /** As the site cache's, but waits while Postgres is away. */
  async codes(table: SiteCodeTable, codes: readonly string[]): Promise<Map<string, CodeEntry | null>> {
    return (await this.#persist(() => this.#site.codes(table, codes))) ?? new Map<string, CodeEntry | null>();
  }

  #document(work: Work): SharedDocument | undefined {
    return this.#site.document(work.message.interfaceId, work.message.revision);
  }

  #namesOf(document: InterfaceDocument): Names {
    const known = this.#names.get(document);
    if (known !== undefined) return known;
    const names = {
      tables: new Set(document.enrich.map((rule) => rule.codeTable)),
      destinations: new Set(document.route.flatMap((rule) => rule.to ?? [])),
    };
    this.#names.set(document, names);
    return names;
  }

  /** Tries until it works. @returns undefined only when we are stopping, and then nothing comes of the chunk. */
  async #persist<T>(read: () => Promise<T>): Promise<T | undefined> {
    while (!this.#stopped) {
      try {
        return await read();
      } catch (error) {
        this.#logger.warn({ error: errorCodeOf(error) }, 'configuration cannot be read; the stages wait');
      }
      await new Promise<void>((resolve) => this.#clock.schedule(this.#retryDelayMs, resolve));
    }
    return undefined;
  }
}

interface Names {
  readonly tables: ReadonlySet<string>;
  readonly destinations: ReadonlySet<string>;
}
