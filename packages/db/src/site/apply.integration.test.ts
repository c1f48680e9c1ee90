import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { joinSecrets, KEPT_SECRET, openSecrets } from '../secrets.ts';
import { applySite, SITE_KINDS, type SiteApplied } from './apply.ts';
import { exportSite } from './export.ts';

const secretKey = new Uint8Array(32).fill(7);
const options = { actor: 'ada@example.org', secretKey };
let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

function site(interfaces = 3): SiteDocument {
  const codes = Array.from({ length: interfaces }, (_, i) => `SITE-${String(i + 1).padStart(5, '0')}`);
  return siteDocumentSchema.parse({
    connections: { jms: { kind: 'LISTEN', port: 5672, username: 'orders', password: 'mellon-one' } },
    destinations: {
      'LIS-1': { kind: 'MLLP', host: '127.0.0.1', port: 2575, tls: { key: 'mellon-two' } },
      'LIS-FHIR': {
        kind: 'HTTP',
        url: 'http://127.0.0.1:8080/fhir',
        headers: { Authorization: 'Bearer mellon-three' },
      },
    },
    codeTables: { 'local-tests': { entries: [{ code: 'GLU', target: '2345-7', display: 'Glucose' }] } },
    sources: { orders: { connection: 'jms', address: 'orders', interfaceProperty: 'interface', interfaces: codes } },
    interfaces: Object.fromEntries(
      codes.map((code) => [
        code,
        { name: `Lane ${code}`, enrich: [{ codeTable: 'local-tests' }], route: [{ name: 'all', to: 'LIS-1' }] },
      ]),
    ),
  });
}

function counts(result: SiteApplied) {
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return Object.fromEntries(
    SITE_KINDS.map((kind) => {
      const { created, updated, unchanged } = result.changes[kind];
      return [kind, [created.length, updated.length, unchanged]];
    }),
  );
}

async function one(sql: string, values: unknown[] = []): Promise<Record<string, unknown>> {
  const { rows } = await database.pool.query<Record<string, unknown>>(sql, values);
  return rows[0] ?? {};
}

test('a site is applied once; again it changes nothing and audits nothing', async () => {
  expect(counts(await applySite(database.pool, site(), options))).toEqual({
    connections: [1, 0, 0],
    destinations: [2, 0, 0],
    codeTables: [1, 0, 0],
    sources: [1, 0, 0],
    interfaces: [3, 0, 0],
  });
  const before = await one('SELECT count(*)::int AS rows FROM audit_log');
  expect(before).toEqual({ rows: 8 });
  expect(counts(await applySite(database.pool, site(), options))).toEqual({
    connections: [0, 0, 1],
    destinations: [0, 0, 2],
    codeTables: [0, 0, 1],
    sources: [0, 0, 1],
    interfaces: [0, 0, 3],
  });
  expect(await one('SELECT count(*)::int AS rows FROM audit_log')).toEqual(before);
  expect(
    await one(`SELECT count(*)::int AS lanes, bool_and(c.shard = i.shard) AS shards
                 FROM interface i JOIN interface_sequence USING (interface_id) JOIN message_delivery_checkpoint c USING (interface_id)
                 JOIN source_interface USING (interface_id) JOIN source_lease USING (source_id)`),
  ).toEqual({ lanes: 3, shards: true });
});

test('a changed document is a new revision from the next number on, a changed table a new version', async () => {
  const changed = site();
  const lane = changed.interfaces['SITE-00002'];
  if (lane === undefined) throw new Error('the fixture has three interfaces');
  lane.delivery.retries = 5;
  changed.codeTables['local-tests']?.entries.push({ code: 'NA', target: '2951-2', display: 'Sodium' });
  const result = counts(await applySite(database.pool, changed, options));
  expect(result['interfaces']).toEqual([0, 1, 2]);
  expect(result['codeTables']).toEqual([0, 1, 0]);
  expect(
    await one(`SELECT s.revision, (SELECT count(*)::int FROM interface_revision r WHERE r.interface_id = s.interface_id) AS kept
                 FROM interface_sequence s JOIN interface i USING (interface_id) WHERE i.code = 'SITE-00002'`),
  ).toEqual({ revision: 2, kept: 2 });
  expect(
    await one(`SELECT current_version, (SELECT count(*)::int FROM code_table_entry) AS entries FROM code_table`),
  ).toEqual({
    current_version: 2,
    entries: 3,
  });
});

test('names that do not exist come back as one list of places, and nothing is written', async () => {
  const wrong = siteDocumentSchema.parse({
    sources: { late: { connection: 'nowhere', address: 'late', interfaces: ['SITE-00001', 'GONE-1'] } },
    codeTables: {
      twice: {
        entries: [
          { code: 'A', target: '1' },
          { code: 'A', target: '2' },
        ],
      },
    },
    interfaces: {
      'LAB-0042': {
        name: 'Lane',
        enrich: [{ codeTable: 'none' }],
        route: [
          { name: 'first', to: 'LIS-1' },
          { name: 'second', to: 'LIS-9' },
        ],
      },
    },
  });
  const result = await applySite(database.pool, wrong, options);
  expect(result).toEqual({
    ok: false,
    problems: [
      { path: 'codeTables.twice.entries[1].code', message: '"A" stands already in entries[0]' },
      { path: 'sources.late.connection', message: 'connection "nowhere" does not exist' },
      { path: 'sources.late.interfaces[1]', message: 'interface "GONE-1" does not exist' },
      { path: 'interfaces.LAB-0042.enrich[0].codeTable', message: 'code table "none" does not exist' },
      { path: 'interfaces.LAB-0042.route[1].to', message: 'destination "LIS-9" does not exist' },
    ],
  });
  expect(await one(`SELECT count(*)::int AS rows FROM interface WHERE code = 'LAB-0042'`)).toEqual({ rows: 0 });
});

test('G22: no secret stands in a document, an export or the audit; applying an export keeps them', async () => {
  const exported = await exportSite(database.pool);
  const text = JSON.stringify([exported, await one('SELECT jsonb_agg(to_jsonb(a)) AS audit FROM audit_log a')]);
  expect(text).not.toContain('mellon');
  expect(exported.connections['jms']).toMatchObject({ password: KEPT_SECRET });
  const again = counts(await applySite(database.pool, siteDocumentSchema.parse(exported), options));
  expect(Object.values(again).map(([created, updated]) => [created, updated])).toEqual(new Array(5).fill([0, 0]));
  const { rows } = await database.pool.query<{ destination_id: string; document: never; secrets: Buffer }>(
    `SELECT destination_id, document, secrets FROM destination WHERE name = 'LIS-FHIR'`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('LIS-FHIR was applied above');
  expect(row.secrets.toString('latin1')).not.toContain('mellon');
  expect(joinSecrets(row.document, openSecrets(row.secrets, row.destination_id, secretKey))).toMatchObject({
    headers: { Authorization: 'Bearer mellon-three' },
  });
  expect(() => openSecrets(row.secrets, row.destination_id, new Uint8Array(32))).toThrow('do not open');
  expect(() => openSecrets(row.secrets, 'another row', secretKey)).toThrow('do not open');
});

test('a JMS destination delivers over a connection to a broker, wherever the two stand', async () => {
  const queue = (connection: string) => ({ kind: 'JMS', connection, address: 'lab.orders' });
  const apply = (document: object) => applySite(database.pool, siteDocumentSchema.parse(document), options);
  const needs = 'leads to no broker: a JMS destination needs one of kind CONNECT';
  const listener = { kind: 'LISTEN', port: 5673 };
  const broker = { kind: 'CONNECT', host: 'broker.example', port: 5672 };
  expect(
    await apply({
      connections: { own: listener },
      destinations: { D1: queue('nowhere'), D2: queue('jms'), D3: queue('own') },
    }),
  ).toEqual({
    ok: false,
    problems: [
      { path: 'destinations.D1.connection', message: 'connection "nowhere" does not exist' },
      { path: 'destinations.D2.connection', message: `connection "jms" ${needs}` },
      { path: 'destinations.D3.connection', message: `connection "own" ${needs}` },
    ],
  });
  expect(await apply({ connections: { hub: broker }, destinations: { 'LIS-JMS': queue('hub') } })).toMatchObject({
    ok: true,
  });
  expect(await apply({ destinations: { 'LIS-JMS-2': queue('hub') } })).toMatchObject({ ok: true });
  expect(await apply({ connections: { hub: listener } })).toEqual({
    ok: false,
    problems: ['LIS-JMS', 'LIS-JMS-2'].map((name) => ({
      path: 'connections.hub.kind',
      message: `destination "${name}" delivers over it and needs kind CONNECT`,
    })),
  });
  const exported = await exportSite(database.pool);
  expect(exported.destinations['LIS-JMS']).toMatchObject({ ...queue('hub'), body: 'text' });
  expect(await apply(exported)).toMatchObject({ ok: true, changes: { destinations: { updated: [] } } });
});

test('a placeholder without a stored secret is a problem, not an empty password', async () => {
  const wrong = siteDocumentSchema.parse({
    connections: { fresh: { kind: 'CONNECT', host: 'broker', port: 5672, username: 'u', password: KEPT_SECRET } },
  });
  expect(await applySite(database.pool, wrong, options)).toEqual({
    ok: false,
    problems: [{ path: 'connections.fresh.password', message: 'says "(kept secret)", and none is stored' }],
  });
});

test('a dry run tells the changes and writes none', async () => {
  const result = await applySite(database.pool, site(10), { ...options, dryRun: true });
  expect(counts(result)['interfaces']).toEqual([7, 1, 2]);
  expect(await one('SELECT count(*)::int AS rows FROM interface')).toEqual({ rows: 3 });
});

test('25,000 interfaces go in at once', { timeout: 60_000 }, async () => {
  await using fresh = await testDatabase();
  expect(counts(await applySite(fresh.pool, site(25_000), options))['interfaces']).toEqual([25_000, 0, 0]);
  expect(counts(await applySite(fresh.pool, site(25_000), options))['interfaces']).toEqual([0, 0, 25_000]);
});

test('G3: what was seen of a queue goes when the source means another queue or the broker is another, and not else', async () => {
  const broker = (port: number, address: string, credit: number) =>
    siteDocumentSchema.parse({
      connections: { broker: { kind: 'CONNECT', host: '127.0.0.1', port } },
      sources: { guarded: { connection: 'broker', address, credit, interfaces: [] } },
    });
  const see = () =>
    database.pool.query(`INSERT INTO source_protection (source_id, verdict, detail, checked_at)
      SELECT source_id, 'PROTECTED', '', now() FROM source ON CONFLICT DO NOTHING`);
  const seen = async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      'SELECT name FROM source_protection JOIN source USING (source_id) ORDER BY name',
    );
    return rows.map(({ name }) => name);
  };
  await applySite(database.pool, broker(5672, 'orders', 100), options);
  await see();
  await applySite(database.pool, broker(5672, 'orders', 50), options);
  expect(await seen()).toEqual(['guarded', 'orders']);
  await applySite(database.pool, broker(5672, 'others', 50), options);
  expect(await seen()).toEqual(['orders']);
  await see();
  await applySite(database.pool, broker(5673, 'others', 50), options);
  expect(await seen()).toEqual(['orders']);
});
