/** The site as a document, as `applySite` takes it: secrets are the placeholder, so it may be kept anywhere (G22). */
import type { SiteDocument } from '@inorder/shared';
import type pg from 'pg';

/** Exports everything, or the interfaces of `codes` alone with nothing else. */
export async function exportSite(client: pg.Pool | pg.ClientBase, codes?: readonly string[]): Promise<SiteDocument> {
  const { rows } = await client.query<{ site: SiteDocument }>(codes === undefined ? EVERYTHING : INTERFACES, [
    ...(codes === undefined ? [] : [codes]),
  ]);
  const site = rows[0]?.site;
  if (site === undefined) throw new Error('an aggregate returned no row');
  return site;
}

const INTERFACE_OBJECTS = `
  SELECT coalesce(jsonb_object_agg(i.code,
           jsonb_build_object('name', i.name, 'site', i.site, 'tags', i.tags, 'enabled', i.enabled) || r.document), '{}')
    FROM interface i JOIN interface_sequence s USING (interface_id)
    JOIN interface_revision r ON r.interface_id = i.interface_id AND r.revision = s.revision`;

const EVERYTHING = `
SELECT jsonb_build_object(
  'connections', (SELECT coalesce(jsonb_object_agg(name, document), '{}') FROM jms_connection),
  'destinations', (SELECT coalesce(jsonb_object_agg(name, document), '{}') FROM destination),
  'codeTables', (SELECT coalesce(jsonb_object_agg(t.name, jsonb_build_object('targetSystem', t.target_system, 'entries',
       (SELECT coalesce(jsonb_agg(jsonb_build_object('code', e.code, 'target', e.target, 'display', e.display) ORDER BY e.code), '[]')
          FROM code_table_entry e WHERE e.code_table_id = t.code_table_id AND e.version = t.current_version))), '{}')
     FROM code_table t),
  'sources', (SELECT coalesce(jsonb_object_agg(s.name, s.document || jsonb_build_object('interfaces',
       (SELECT coalesce(jsonb_agg(i.code ORDER BY i.code), '[]')
          FROM source_interface l JOIN interface i USING (interface_id) WHERE l.source_id = s.source_id))), '{}')
     FROM source s),
  'interfaces', (${INTERFACE_OBJECTS})) AS site`;

const INTERFACES = `
SELECT jsonb_build_object('connections', '{}'::jsonb, 'destinations', '{}'::jsonb, 'codeTables', '{}'::jsonb, 'sources', '{}'::jsonb,
  'interfaces', (${INTERFACE_OBJECTS} WHERE i.code = ANY($1))) AS site`;
