/**
 * Applies a site document: what `./inorder interface apply` and the console's publish do. One transaction, one applier
 * at a time; names not in the document are left alone. A changed interface becomes a new revision that holds from the
 * next number on (it is stamped at ingest under the counter's row lock), a changed code table a new immutable version.
 */
import { CONFIG_CHANNEL, type SiteDocument } from '@inorder/shared';
import type pg from 'pg';
import { type AuditEntry, appendAudit } from '../audit.ts';
import { inTransaction } from '../transaction.ts';
import type { AppliedKind, ApplyContext } from './apply-context.ts';
import { checkSite, type KnownNames, type SiteProblem } from './check.ts';
import { applyCodeTables } from './code-tables.ts';
import { applyInterfaces } from './interfaces.ts';
import { applySources } from './sources.ts';
import { applyWires } from './wires.ts';

export type { SiteProblem } from './check.ts';

export const SITE_KINDS = ['connections', 'destinations', 'codeTables', 'sources', 'interfaces'] as const;
export type SiteKind = (typeof SITE_KINDS)[number];

export type SiteApplied =
  | { readonly ok: true; readonly changes: Readonly<Record<SiteKind, AppliedKind>> }
  | { readonly ok: false; readonly problems: readonly SiteProblem[] };

export interface ApplySiteOptions {
  readonly actor: string;
  readonly secretKey: Uint8Array;
  readonly reason?: string;
  /** Works everything out and writes nothing. */
  readonly dryRun?: boolean;
}

/** One applier at a time, to the end of its transaction. */
const SITE_LOCK = 4_711_000_001;

/**
 * Wrong names and missing secrets come back as `problems` and nothing is written; so does applying what stands already.
 * @throws on I/O and on a secret that does not open under `secretKey`.
 */
export async function applySite(pool: pg.Pool, site: SiteDocument, options: ApplySiteOptions): Promise<SiteApplied> {
  try {
    return await inTransaction(pool, async (tx) => {
      const result = await applyIn(
        { tx, actor: options.actor, secretKey: options.secretKey, problems: [] },
        site,
        options,
      );
      if (!result.ok || options.dryRun === true) throw new NothingWritten(result);
      return result;
    });
  } catch (error) {
    if (error instanceof NothingWritten) return error.result;
    throw error;
  }
}

/** Carries the answer out of a transaction that is to be rolled back. */
class NothingWritten extends Error {
  readonly result: SiteApplied;
  constructor(result: SiteApplied) {
    super('nothing written');
    this.result = result;
  }
}

async function applyIn(context: ApplyContext, site: SiteDocument, options: ApplySiteOptions): Promise<SiteApplied> {
  const { tx, problems } = context;
  await tx.query('SELECT pg_advisory_xact_lock($1)', [SITE_LOCK]);
  problems.push(...checkSite(site, await knownNames(tx, site)));
  if (problems.length > 0) return { ok: false, problems };
  const changes = {
    connections: await applyWires(context, 'connections', site.connections),
    destinations: await applyWires(context, 'destinations', site.destinations),
    codeTables: await applyCodeTables(context, site.codeTables),
    // Before the sources, which point at them; a counter's row is locked only once everything else is in place.
    interfaces: await applyInterfaces(context, site.interfaces),
    sources: await applySources(context, site.sources),
  };
  if (problems.length > 0) return { ok: false, problems };
  const entries = auditOf(changes, options);
  if (entries.length > 0) {
    await appendAudit(tx, ...entries);
    await tx.query('SELECT pg_notify($1, $2)', [CONFIG_CHANNEL, '']);
  }
  return { ok: true, changes };
}

const NOUNS: Record<SiteKind, string> = {
  connections: 'connection',
  destinations: 'destination',
  codeTables: 'code-table',
  sources: 'source',
  interfaces: 'interface',
};

/** One row per thing that changed, so that the audit of one interface is found under its code. */
function auditOf(changes: Readonly<Record<SiteKind, AppliedKind>>, options: ApplySiteOptions): AuditEntry[] {
  const by = { actor: options.actor, reason: options.reason ?? null };
  return SITE_KINDS.flatMap((kind) => {
    const target = (name: string) => (kind === 'interfaces' ? name : `${NOUNS[kind]}:${name}`);
    return [
      ...changes[kind].created.map((name) => ({ ...by, action: `${NOUNS[kind]}.create`, target: target(name) })),
      ...changes[kind].updated.map((name) => ({ ...by, action: `${NOUNS[kind]}.change`, target: target(name) })),
    ];
  });
}

async function knownNames(tx: pg.PoolClient, site: SiteDocument): Promise<KnownNames> {
  const codes = Object.values(site.sources).flatMap((source) => source.interfaces);
  const names = async (sql: string, values: unknown[] = []) => {
    const { rows } = await tx.query<{ name: string }>(sql, values);
    return new Set(rows.map((row) => row.name));
  };
  const { rows: delivering } = await tx.query<{ name: string; connection: string }>(
    `SELECT name, document->>'connection' AS connection FROM destination WHERE document->>'kind' = 'JMS' ORDER BY name`,
  );
  return {
    connections: await names('SELECT name FROM jms_connection'),
    brokers: await names(`SELECT name FROM jms_connection WHERE document->>'kind' = 'CONNECT'`),
    jmsDestinations: new Map(delivering.map(({ name, connection }) => [name, connection])),
    destinations: await names('SELECT name FROM destination'),
    codeTables: await names('SELECT name FROM code_table'),
    interfaces: await names('SELECT code AS name FROM interface WHERE code = ANY($1)', [codes]),
  };
}
