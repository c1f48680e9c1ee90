/**
 * The whole configuration as one look at Postgres read it, with the keys it is asked by. A look makes a new one and never
 * changes one: who reads sees one version.
 */
import { destinationId, interfaceCode, interfaceId, shard, sourceId } from '@inorder/core';
import { connectionDocumentSchema, destinationDocumentSchema, sourceDocumentSchema } from '@inorder/shared';
import type { Logger } from 'pino';
import type { SiteRows, SiteWireRow } from '../adapters/postgres/site-queries.ts';
import type { SiteCodeTable, SiteConnection, SiteDestination, SiteInterface, SiteSource } from './site-cache.ts';

export interface Site {
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

export function emptySite(): Site {
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

export interface ReadingOptions {
  readonly logger: Pick<Logger, 'error'>;
  /**
   * Puts the sealed secrets back into a stored document; `ownerId` is the row's id. Left out: documents are taken as
   * they are stored.
   */
  readonly openDocument?: (document: unknown, sealed: Uint8Array | null, ownerId: string) => unknown;
}

/** A source, connection or destination that is not valid is left out, and the log says so. */
export function siteOf(rows: SiteRows, options: ReadingOptions): Site {
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
  const connections = wires(rows.connections, options, (id, name, opened): SiteConnection => {
    return { connectionId: id, name, document: connectionDocumentSchema.parse(opened) };
  });
  const destinations = wires(rows.destinations, options, (id, name, opened): SiteDestination => {
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
        options.logger.error({ source: row.name }, 'source is not valid and is left out');
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
function wires<T>(
  rows: readonly SiteWireRow[],
  options: ReadingOptions,
  read: (id: string, name: string, opened: unknown) => T,
): T[] {
  const open = options.openDocument ?? ((document: unknown) => document);
  return rows.flatMap((row) => {
    try {
      return [read(row.id, row.name, open(row.document, row.secrets, row.id))];
    } catch (error) {
      const reason = error instanceof Error ? error.name : 'unknown';
      options.logger.error({ name: row.name, reason }, 'connection or destination is not usable and is left out');
      return [];
    }
  });
}
