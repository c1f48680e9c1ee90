/** Code tables. A version is immutable: messages enriched under it keep it. */
import type { CodeTableDocument } from '@inorder/shared';
import { uuidv7 } from '../uuid.ts';
import type { AppliedKind, ApplyContext } from './apply-context.ts';

export async function applyCodeTables(
  context: ApplyContext,
  tables: Readonly<Record<string, CodeTableDocument>>,
): Promise<AppliedKind> {
  const created: string[] = [];
  const updated: string[] = [];
  for (const [name, table] of Object.entries(tables)) {
    const entries = JSON.stringify(table.entries);
    const { rows } = await context.tx.query<{ code_table_id: string; next_version: number; same: boolean }>(COMPARE, [
      name,
      table.targetSystem,
      entries,
    ]);
    const stored = rows[0];
    if (stored?.same === true) continue;
    (stored === undefined ? created : updated).push(name);
    const id = stored?.code_table_id ?? uuidv7();
    const version = stored?.next_version ?? 1;
    await context.tx.query(UPSERT, [id, name, table.targetSystem, version, context.actor]);
    await context.tx.query(INSERT_ENTRIES, [id, version, entries]);
  }
  return { created, updated, unchanged: Object.keys(tables).length - created.length - updated.length };
}

const ENTRIES = `jsonb_to_recordset($3::jsonb) AS n(code text, target text, display text)`;

/** The same when no entry is only on one side. */
const COMPARE = `
WITH stored AS (SELECT code_table_id, target_system, current_version FROM code_table WHERE name = $1 FOR UPDATE),
     current AS (SELECT e.code, e.target, e.display
                   FROM stored s JOIN code_table_entry e ON e.code_table_id = s.code_table_id AND e.version = s.current_version),
     new AS (SELECT n.code, n.target, n.display FROM ${ENTRIES})
SELECT s.code_table_id,
       (SELECT coalesce(max(version), 0) + 1 FROM code_table_entry e WHERE e.code_table_id = s.code_table_id) AS next_version,
       s.target_system = $2
         AND NOT EXISTS (TABLE current EXCEPT TABLE new)
         AND NOT EXISTS (TABLE new EXCEPT TABLE current) AS same
  FROM stored s`;

const UPSERT = `
INSERT INTO code_table (code_table_id, name, target_system, current_version, updated_at, updated_by)
VALUES ($1, $2, $3, $4, now(), $5)
ON CONFLICT (code_table_id) DO UPDATE
   SET target_system = EXCLUDED.target_system, current_version = EXCLUDED.current_version,
       updated_at = now(), updated_by = EXCLUDED.updated_by`;

const INSERT_ENTRIES = `
INSERT INTO code_table_entry (code_table_id, version, code, target, display)
SELECT $1, $2, n.code, n.target, n.display FROM ${ENTRIES}`;
