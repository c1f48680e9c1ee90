/** Interfaces: the row, its immutable revisions, its counter and its checkpoint. Thousands at a time. */
import { interfaceId, shardOf } from '@inorder/core';
import type { SiteDocument } from '@inorder/shared';
import { uuidv7 } from '../uuid.ts';
import type { AppliedKind, ApplyContext } from './apply-context.ts';

/** Interfaces per statement: keeps one parameter at a few MB. */
const CHUNK = 5000;

interface WantedInterface {
  readonly code: string;
  readonly name: string;
  readonly site: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
  readonly document: unknown;
}

interface Compared {
  readonly code: string;
  readonly interface_id: string | null;
  readonly same_row: boolean;
  readonly same_document: boolean;
}

export async function applyInterfaces(
  context: ApplyContext,
  interfaces: SiteDocument['interfaces'],
): Promise<AppliedKind> {
  const created: string[] = [];
  const updated: string[] = [];
  const wanted = Object.entries(interfaces).map(([code, { name, site, tags, enabled, ...document }]) => {
    return { code, name, site, tags, enabled, document };
  });
  for (let from = 0; from < wanted.length; from += CHUNK) {
    const chunk = wanted.slice(from, from + CHUNK);
    const { rows } = await context.tx.query<Compared>(COMPARE, [JSON.stringify(chunk)]);
    const stored = new Map(rows.map((row) => [row.code, row]));
    const pick = (test: (row: Compared) => boolean): WantedInterface[] =>
      chunk.filter(({ code }) => {
        const row = stored.get(code);
        return row !== undefined && test(row);
      });
    const made = pick((row) => row.interface_id === null);
    const changedRow = pick((row) => row.interface_id !== null && !row.same_row);
    const changedDocument = pick((row) => row.interface_id !== null && !row.same_document);
    if (made.length > 0) await context.tx.query(CREATE, [JSON.stringify(made.map(withId)), context.actor]);
    if (changedRow.length > 0) await context.tx.query(CHANGE_ROWS, [JSON.stringify(changedRow)]);
    if (changedDocument.length > 0)
      await context.tx.query(NEW_REVISIONS, [JSON.stringify(changedDocument), context.actor]);
    created.push(...made.map((row) => row.code));
    updated.push(...new Set([...changedRow, ...changedDocument].map((row) => row.code)));
  }
  return { created, updated, unchanged: wanted.length - created.length - updated.length };
}

function withId(wanted: WantedInterface) {
  const id = interfaceId(uuidv7());
  return { ...wanted, interface_id: id, shard: shardOf(id) };
}

const COLUMNS = 'code text, name text, site text, tags text[], enabled boolean, document jsonb';
const WANTED = `jsonb_to_recordset($1::jsonb) AS n(${COLUMNS})`;

const COMPARE = `
SELECT n.code, i.interface_id,
       (i.name, i.site, i.tags, i.enabled) IS NOT DISTINCT FROM (n.name, n.site, n.tags, n.enabled) AS same_row,
       r.document IS NOT DISTINCT FROM n.document AS same_document
  FROM ${WANTED}
  LEFT JOIN interface i ON i.code = n.code
  LEFT JOIN interface_sequence s ON s.interface_id = i.interface_id
  LEFT JOIN interface_revision r ON r.interface_id = i.interface_id AND r.revision = s.revision`;

const CREATE = `
WITH n AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS n(interface_id uuid, shard smallint, ${COLUMNS})),
     i AS (INSERT INTO interface (interface_id, code, name, site, tags, shard, enabled)
           SELECT interface_id, code, name, site, tags, shard, enabled FROM n),
     r AS (INSERT INTO interface_revision (interface_id, revision, document, created_by)
           SELECT interface_id, 1, document, $2 FROM n),
     s AS (INSERT INTO interface_sequence (interface_id, revision) SELECT interface_id, 1 FROM n)
INSERT INTO message_delivery_checkpoint (interface_id, shard) SELECT interface_id, shard FROM n`;

const CHANGE_ROWS = `
UPDATE interface i SET name = n.name, site = n.site, tags = n.tags, enabled = n.enabled FROM ${WANTED} WHERE i.code = n.code`;

/** Locks the counters in the order of their ids, so that two writers of many cannot wait for each other. */
const NEW_REVISIONS = `
WITH n AS MATERIALIZED (
       SELECT i.interface_id, n.document FROM ${WANTED} JOIN interface i ON i.code = n.code),
     locked AS MATERIALIZED (
       SELECT s.interface_id FROM interface_sequence s WHERE s.interface_id IN (SELECT interface_id FROM n)
        ORDER BY s.interface_id FOR UPDATE),
     made AS (INSERT INTO interface_revision (interface_id, revision, document, created_by)
              SELECT n.interface_id,
                     (SELECT max(r.revision) + 1 FROM interface_revision r WHERE r.interface_id = n.interface_id),
                     n.document, $2
                FROM n JOIN locked USING (interface_id)
              RETURNING interface_id, revision)
UPDATE interface_sequence s SET revision = made.revision FROM made WHERE s.interface_id = made.interface_id`;
