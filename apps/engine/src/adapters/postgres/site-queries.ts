/**
 * The configuration as the engine reads it. None of this is on a message's way: it runs at start, on a change, and in
 * batches on a cache miss.
 */
import type { Queries, Statement } from './database.ts';

/**
 * One text that changes with the configuration; two equal texts mean that nothing needs to be loaded. Reads the narrow
 * columns of every interface (25,000: some 20 ms) each 5 s, and no document.
 */
export const SITE_VERSION: Statement = {
  name: 'site_version',
  text: `
/* sequential by intent: interface, interface_sequence, source_interface; the rest are a few rows */
SELECT concat_ws('/',
  (SELECT concat(count(*), ':', sum(hashtextextended(concat(interface_id, code, shard, enabled), 0)::numeric)) FROM interface),
  (SELECT sum(hashtextextended(concat(interface_id, revision), 0)::numeric) FROM interface_sequence),
  (SELECT concat(count(*), ':', sum(hashtextextended(concat(source_id, interface_id), 0)::numeric)) FROM source_interface),
  (SELECT concat(count(*), ':', sum(hashtextextended(concat(source_id, updated_at), 0)::numeric)) FROM source),
  (SELECT concat(count(*), ':', sum(hashtextextended(concat(connection_id, updated_at), 0)::numeric)) FROM jms_connection),
  (SELECT concat(count(*), ':', sum(hashtextextended(concat(destination_id, updated_at), 0)::numeric)) FROM destination),
  (SELECT concat(count(*), ':', sum(hashtextextended(concat(code_table_id, name, current_version), 0)::numeric)) FROM code_table)
) AS version`,
};

/** Every interface with its current revision. `format` alone is taken out of the document. */
export const SITE_INTERFACES: Statement = {
  name: 'site_interfaces',
  text: `
/* sequential by intent: the whole of interface, interface_sequence; interface_revision_pkey */
SELECT i.interface_id, i.code, i.shard, i.enabled, s.revision, coalesce(r.document ->> 'format', 'HL7V2') AS format
  FROM interface i
  JOIN interface_sequence s USING (interface_id)
  LEFT JOIN interface_revision r USING (interface_id, revision)`,
};

export interface SiteInterfaceRow {
  readonly interface_id: string;
  readonly code: string;
  readonly shard: number;
  readonly enabled: boolean;
  readonly revision: number;
  readonly format: string;
}

/** Sources with the interfaces they feed, in the order of their codes. */
export const SITE_SOURCES: Statement = {
  name: 'site_sources',
  text: `
/* source_interface_pkey, interface_pkey */
SELECT s.source_id, s.name, s.connection_id, s.document,
       (SELECT coalesce(array_agg(i.interface_id::text ORDER BY i.code), '{}')
          FROM source_interface f JOIN interface i USING (interface_id) WHERE f.source_id = s.source_id) AS interface_ids
  FROM source s
 ORDER BY s.name`,
};

export interface SiteSourceRow {
  readonly source_id: string;
  readonly name: string;
  readonly connection_id: string;
  readonly document: unknown;
  readonly interface_ids: readonly string[];
}

export const SITE_CONNECTIONS: Statement = {
  name: 'site_connections',
  text: '/* a few rows */ SELECT connection_id AS id, name, document, secrets FROM jms_connection ORDER BY name',
};

export const SITE_DESTINATIONS: Statement = {
  name: 'site_destinations',
  text: '/* a few rows */ SELECT destination_id AS id, name, document, secrets FROM destination ORDER BY name',
};

/** A connection or a destination; `secrets` is sealed. */
export interface SiteWireRow {
  readonly id: string;
  readonly name: string;
  readonly document: unknown;
  readonly secrets: Buffer | null;
}

export const SITE_CODE_TABLES: Statement = {
  name: 'site_code_tables',
  text: '/* a few rows */ SELECT code_table_id, name, target_system, current_version FROM code_table',
};

export interface SiteCodeTableRow {
  readonly code_table_id: string;
  readonly name: string;
  readonly target_system: string;
  readonly current_version: number;
}

/** Documents of (interface, revision) pairs, as text: equal texts are parsed once. */
export const SITE_DOCUMENTS: Statement = {
  name: 'site_documents',
  text: `
/* interface_revision_pkey */
SELECT r.interface_id, r.revision, r.document::text AS document
  FROM unnest($1::uuid[], $2::integer[]) AS w(interface_id, revision)
  JOIN interface_revision r ON r.interface_id = w.interface_id AND r.revision = w.revision`,
};

export interface SiteDocumentRow {
  readonly interface_id: string;
  readonly revision: number;
  readonly document: string;
}

/** Entries of immutable code-table versions. */
export const SITE_CODES: Statement = {
  name: 'site_codes',
  text: `
/* code_table_entry_pkey */
SELECT e.code_table_id, e.version, e.code, e.target, e.display
  FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS w(code_table_id, version, code)
  JOIN code_table_entry e ON e.code_table_id = w.code_table_id AND e.version = w.version AND e.code = w.code`,
};

export interface SiteCodeRow {
  readonly code_table_id: string;
  readonly version: number;
  readonly code: string;
  readonly target: string;
  readonly display: string;
}

export interface SiteRows {
  readonly version: string;
  readonly interfaces: readonly SiteInterfaceRow[];
  readonly sources: readonly SiteSourceRow[];
  readonly connections: readonly SiteWireRow[];
  readonly destinations: readonly SiteWireRow[];
  readonly codeTables: readonly SiteCodeTableRow[];
}

export async function readSiteVersion(queries: Queries): Promise<string> {
  const rows = await queries.query<{ version: string }>(SITE_VERSION, []);
  return rows[0]?.version ?? '';
}

/** The version is read first: a change in between makes the next look load again, never miss. */
export async function readSite(queries: Queries): Promise<SiteRows> {
  return {
    version: await readSiteVersion(queries),
    interfaces: await queries.query<SiteInterfaceRow>(SITE_INTERFACES, []),
    sources: await queries.query<SiteSourceRow>(SITE_SOURCES, []),
    connections: await queries.query<SiteWireRow>(SITE_CONNECTIONS, []),
    destinations: await queries.query<SiteWireRow>(SITE_DESTINATIONS, []),
    codeTables: await queries.query<SiteCodeTableRow>(SITE_CODE_TABLES, []),
  };
}

export function readDocuments(
  queries: Queries,
  wanted: readonly { readonly interfaceId: string; readonly revision: number }[],
): Promise<SiteDocumentRow[]> {
  return queries.query<SiteDocumentRow>(SITE_DOCUMENTS, [
    wanted.map((each) => each.interfaceId),
    wanted.map((each) => each.revision),
  ]);
}

export function readCodes(
  queries: Queries,
  wanted: readonly { readonly codeTableId: string; readonly version: number; readonly code: string }[],
): Promise<SiteCodeRow[]> {
  return queries.query<SiteCodeRow>(SITE_CODES, [
    wanted.map((each) => each.codeTableId),
    wanted.map((each) => each.version),
    wanted.map((each) => each.code),
  ]);
}
