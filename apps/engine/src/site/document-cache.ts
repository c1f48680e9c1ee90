/**
 * The documents of interface revisions. Revisions never change, so that what was read once is kept until there is no room
 * or Postgres is another; 25,000 interfaces share few documents, and each of these is parsed once.
 */
import { createHash } from 'node:crypto';
import type { InterfaceId } from '@inorder/core';
import { interfaceDocumentSchema } from '@inorder/shared';
import type { Logger } from 'pino';
import type { Database } from '../adapters/postgres/database.ts';
import { readDocuments } from '../adapters/postgres/site-queries.ts';
import { BoundedMap } from './bounded-map.ts';
import type { DocumentRef, SharedDocument } from './site-cache.ts';

export class DocumentCache {
  readonly #database: Database;
  readonly #logger: Pick<Logger, 'error'>;
  /** By interface and revision. */
  readonly #kept: BoundedMap<string, SharedDocument>;
  /** By the hash of their text. */
  readonly #shared: BoundedMap<string, SharedDocument>;
  #keys = 0;

  /** `documentsMax`: (interface, revision) pairs kept. */
  constructor(options: { database: Database; logger: Pick<Logger, 'error'>; documentsMax: number }) {
    this.#database = options.database;
    this.#logger = options.logger;
    this.#kept = new BoundedMap(options.documentsMax);
    this.#shared = new BoundedMap(options.documentsMax);
  }

  get(id: InterfaceId, revision: number): SharedDocument | undefined {
    return this.#kept.get(`${id}:${revision}`);
  }

  /** As the site cache's `loadDocuments`. */
  async load(wanted: readonly DocumentRef[]): Promise<void> {
    const missing = new Map<string, DocumentRef>();
    for (const each of wanted) {
      const key = `${each.interfaceId}:${each.revision}`;
      if (this.#kept.get(key) === undefined) missing.set(key, each);
    }
    if (missing.size === 0) return;
    for (const row of await readDocuments(this.#database, [...missing.values()])) {
      const shared = this.#share(row.document);
      if (shared !== undefined) this.#kept.set(`${row.interface_id}:${row.revision}`, shared);
      else this.#logger.error({ interfaceId: row.interface_id, revision: row.revision }, 'revision is not valid');
    }
  }

  #share(text: string): SharedDocument | undefined {
    const hash = createHash('sha256').update(text).digest('base64');
    const known = this.#shared.get(hash);
    if (known !== undefined) return known;
    const parsed = interfaceDocumentSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return undefined;
    const shared = { key: ++this.#keys, document: parsed.data };
    this.#shared.set(hash, shared);
    return shared;
  }

  /** Keys are never given again: workers know documents by them. */
  forget(): void {
    this.#kept.clear();
    this.#shared.clear();
  }
}
