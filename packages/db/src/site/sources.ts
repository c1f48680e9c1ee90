/** Sources, the interfaces they may feed, and the lease row that decides which instance reads them. */
import type { SourceDocument } from '@inorder/shared';
import { uuidv7 } from '../uuid.ts';
import type { AppliedKind, ApplyContext } from './apply-context.ts';

export async function applySources(
  context: ApplyContext,
  sources: Readonly<Record<string, SourceDocument>>,
): Promise<AppliedKind> {
  const created: string[] = [];
  const updated: string[] = [];
  for (const [name, source] of Object.entries(sources)) {
    // The list lives in source_interface alone: a document with 25,000 codes would be a second truth.
    const { interfaces, ...rest } = source;
    const document = JSON.stringify({ ...rest, interfaces: [] });
    const { rows } = await context.tx.query<{ source_id: string; same: boolean }>(COMPARE, [
      name,
      source.connection,
      document,
    ]);
    const stored = rows[0];
    const id = stored?.source_id ?? uuidv7();
    if (stored?.same !== true) {
      await context.tx.query(FORGET_OTHER_QUEUE, [id, source.connection, source.address]);
      await context.tx.query(UPSERT, [id, name, source.connection, document]);
    }
    if (stored === undefined) await context.tx.query(INSERT_LEASE, [id]);
    const relinked = await context.tx.query(RELINK, [id, interfaces]);
    if (stored === undefined) created.push(name);
    else if (!stored.same || (relinked.rowCount ?? 0) > 0) updated.push(name);
  }
  return { created, updated, unchanged: Object.keys(sources).length - created.length - updated.length };
}

const COMPARE = `
SELECT s.source_id, c.name = $2 AND s.document = $3::jsonb AS same
  FROM source s JOIN jms_connection c USING (connection_id) WHERE s.name = $1 FOR UPDATE OF s`;

/** What was seen of another queue says nothing of this one. */
const FORGET_OTHER_QUEUE = `
DELETE FROM source_protection p USING source s JOIN jms_connection c USING (connection_id)
 WHERE p.source_id = $1 AND s.source_id = $1 AND (c.name <> $2 OR s.document->>'address' <> $3)`;

const UPSERT = `
INSERT INTO source (source_id, name, connection_id, document, updated_at)
SELECT $1, $2, c.connection_id, $4::jsonb, now() FROM jms_connection c WHERE c.name = $3
ON CONFLICT (source_id) DO UPDATE
   SET connection_id = EXCLUDED.connection_id, document = EXCLUDED.document, updated_at = now()`;

const INSERT_LEASE = `INSERT INTO source_lease (source_id, expires_at) VALUES ($1, '-infinity')`;

/** Returns one row per link made or taken away. */
const RELINK = `
WITH wanted AS (SELECT interface_id FROM interface WHERE code = ANY($2)),
     gone AS (DELETE FROM source_interface WHERE source_id = $1 AND interface_id NOT IN (SELECT interface_id FROM wanted)
              RETURNING interface_id),
     made AS (INSERT INTO source_interface (source_id, interface_id) SELECT $1, interface_id FROM wanted
              ON CONFLICT DO NOTHING RETURNING interface_id)
SELECT interface_id FROM gone UNION ALL SELECT interface_id FROM made`;
