/**
 * Entries of code tables by code, and the codes that a table does not know. A version of a table never changes: what was
 * read once is kept until there is no room or Postgres is another.
 */
import type { Database } from '../adapters/postgres/database.ts';
import { readCodes } from '../adapters/postgres/site-queries.ts';
import { BoundedMap } from './bounded-map.ts';
import type { CodeEntry, SiteCodeTable } from './site-cache.ts';

export class CodeCache {
  readonly #database: Database;
  /** By table, version and code; null where that version does not know the code. */
  readonly #kept: BoundedMap<string, CodeEntry | null>;

  /** `codesMax`: entries kept, over all tables. */
  constructor(options: { database: Database; codesMax: number }) {
    this.#database = options.database;
    this.#kept = new BoundedMap(options.codesMax);
  }

  /** As the site cache's `codes`. */
  async get(table: SiteCodeTable, codes: readonly string[]): Promise<Map<string, CodeEntry | null>> {
    const found = new Map<string, CodeEntry | null>();
    const missing: string[] = [];
    const keyOf = (code: string): string => `${table.codeTableId}:${table.version}:${code}`;
    for (const code of new Set(codes)) {
      const entry = this.#kept.get(keyOf(code));
      if (entry === undefined) missing.push(code);
      else found.set(code, entry);
    }
    if (missing.length === 0) return found;
    const { codeTableId, version } = table;
    // A code that no text column can hold is in no table.
    const askable = missing.filter((code) => !code.includes('\0'));
    const rows = await readCodes(
      this.#database,
      askable.map((code) => ({ codeTableId, version, code })),
    );
    for (const row of rows) found.set(row.code, { target: row.target, display: row.display });
    for (const code of missing) {
      const entry = found.get(code) ?? null;
      found.set(code, entry);
      this.#kept.set(keyOf(code), entry);
    }
    return found;
  }

  forget(): void {
    this.#kept.clear();
  }
}
