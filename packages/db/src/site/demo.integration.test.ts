import { testDatabase } from '@inorder/testkit/services';
import { expect, test } from 'vitest';
import { verifyAudit } from '../audit.ts';
import { bootstrapUsers, createApiToken, hashToken } from '../users.ts';
import { applySite } from './apply.ts';
import { demoSite } from './demo.ts';

const options = {
  interfaces: 300,
  listenPort: 5672,
  lis: [1, 2, 3].map((n) => ({ name: `LIS-${n}`, host: '127.0.0.1', port: 2574 + n })),
  fhir: { name: 'LIS-FHIR', url: 'http://127.0.0.1:8081/fhir' },
  catalogue: { targetSystem: 'LN', entries: [{ code: 'GLU', target: '2345-7', display: 'Glucose' }] },
};

test('the demonstration site applies: every interface has one source and one destination', async () => {
  await using database = await testDatabase();
  const site = demoSite(options);
  const result = await applySite(database.pool, site, { actor: 'test', secretKey: new Uint8Array(32) });
  expect(result).toMatchObject({ ok: true });
  const { rows } = await database.pool.query(
    `SELECT count(*)::int AS lanes, count(DISTINCT source_id)::int AS sources FROM source_interface`,
  );
  expect(rows).toEqual([{ lanes: 300, sources: 18 }]);
  const used = new Set(Object.values(site.interfaces).map((lane) => lane.route[0]?.to));
  expect(used).toEqual(new Set(['LIS-1', 'LIS-2', 'LIS-3', 'LIS-FHIR']));
  expect(Object.values(site.interfaces).filter((lane) => lane.format === 'FHIR_JSON')).toHaveLength(13);
});

test('G17: first users are made once, audited, and only hashes of what signs them in are stored', async () => {
  await using database = await testDatabase();
  const made = await bootstrapUsers(database.pool, { demo: true });
  expect(made?.users.map((user) => user.role)).toEqual(['admin', 'analyst', 'operator']);
  expect(await bootstrapUsers(database.pool, { demo: true })).toBeNull();
  const { rows } = await database.pool.query<{ all: string }>(
    `SELECT (SELECT jsonb_agg(u) FROM app_user u)::text || (SELECT jsonb_agg(a) FROM app_account a)::text
            || (SELECT jsonb_agg(t) FROM api_token t)::text || (SELECT jsonb_agg(l) FROM audit_log l)::text AS all`,
  );
  const stored = rows[0]?.all ?? '';
  for (const secret of [made?.apiToken, ...(made?.users.map((user) => user.password) ?? [])])
    expect(stored).not.toContain(secret);
  const token = await createApiToken(database.pool, 'operator@inorder.example', 'shift phone', 'admin');
  const found = await database.pool.query(
    'SELECT u.role FROM api_token t JOIN app_user u ON u.id = t.user_id WHERE token_hash = $1',
    [hashToken(token ?? '')],
  );
  expect(found.rows).toEqual([{ role: 'operator' }]);
  const admin = await database.pool.query(`SELECT phi_reveal FROM app_user WHERE role = 'admin'`);
  expect(admin.rows).toEqual([{ phi_reveal: false }]);
  expect(await verifyAudit(database.pool)).toMatchObject({ ok: true, rows: 4 });
});
