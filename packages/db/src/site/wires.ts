/** Connections and destinations: a document each, its secrets beside it (G22). */
import { isDeepStrictEqual } from 'node:util';
import type { ConnectionDocument, DestinationDocument } from '@inorder/shared';
import { KEPT_SECRET, keptPlaces, openSecrets, sealSecrets, splitSecrets } from '../secrets.ts';
import { uuidv7 } from '../uuid.ts';
import type { AppliedKind, ApplyContext } from './apply-context.ts';

const TABLES = {
  connections: { table: 'jms_connection', id: 'connection_id' },
  destinations: { table: 'destination', id: 'destination_id' },
} as const;

interface WireRow {
  readonly id: string;
  readonly name: string;
  readonly document: ConnectionDocument | DestinationDocument;
  readonly secrets: Buffer | null;
}

/** Creates and changes them one by one: there are as many as there are hosts, not as many as interfaces. */
export async function applyWires(
  context: ApplyContext,
  kind: keyof typeof TABLES,
  documents: Readonly<Record<string, ConnectionDocument | DestinationDocument>>,
): Promise<AppliedKind> {
  const { table, id } = TABLES[kind];
  const { rows } = await context.tx.query<WireRow>(
    `SELECT ${id} AS id, name, document, secrets FROM ${table} WHERE name = ANY($1) FOR UPDATE`,
    [Object.keys(documents)],
  );
  const stored = new Map(rows.map((row) => [row.name, row]));
  const created: string[] = [];
  const updated: string[] = [];
  for (const [name, document] of Object.entries(documents)) {
    const row = stored.get(name);
    const rowId = row?.id ?? uuidv7();
    const before = row === undefined ? {} : openSecrets(row.secrets, rowId, context.secretKey);
    const split = splitSecrets(document);
    const secrets: Record<string, string> = { ...split.secrets };
    for (const place of keptPlaces(document)) {
      const kept = before[place];
      if (kept === undefined) {
        context.problems.push({
          path: `${kind}.${name}.${place}`,
          message: `says "${KEPT_SECRET}", and none is stored`,
        });
      } else secrets[place] = kept;
    }
    if (row !== undefined && isDeepStrictEqual(row.document, split.document) && isDeepStrictEqual(before, secrets))
      continue;
    (row === undefined ? created : updated).push(name);
    await context.tx.query(
      `INSERT INTO ${table} (${id}, name, document, secrets, updated_at) VALUES ($1, $2, $3, $4, now())
       ON CONFLICT (${id}) DO UPDATE SET document = EXCLUDED.document, secrets = EXCLUDED.secrets, updated_at = now()`,
      [rowId, name, JSON.stringify(split.document), sealSecrets(secrets, rowId, context.secretKey)],
    );
    if (kind === 'connections') await context.tx.query(FORGET_QUEUES, [rowId]);
  }
  return { created, updated, unchanged: Object.keys(documents).length - created.length - updated.length };
}

/** What was seen of its queues was seen at another broker, or with another account. source_protection_pkey; sources are few. */
const FORGET_QUEUES = `
DELETE FROM source_protection WHERE source_id IN (SELECT source_id FROM source WHERE connection_id = $1)`;
