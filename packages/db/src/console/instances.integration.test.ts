import { testDatabase } from '@inorder/testkit/services';
import { expect, test } from 'vitest';
import { readInstances, readShards } from './instances.ts';

test('G3: instances: who beats, what each holds, which of its queues are not protected, and nobody who has been gone for a day with empty hands', async () => {
  await using db = await testDatabase();
  await db.pool.query(`INSERT INTO engine_instance (instance, roles, admin_url, version, started_at, heartbeat_at, stopped_at) VALUES
    ('deliver-10', '{deliver,watchdog}', 'http://127.0.0.1:1', '1', '2026-01-01T00:00:00Z', now() + interval '1 s', NULL),
    ('deliver-2', '{deliver,watchdog}', NULL, '1', now(), now() - interval '4 s', NULL),
    ('ingest-1', '{ingest}', NULL, '1', now(), now() - interval '1 min', NULL),
    ('stopped', '{ingest}', NULL, '1', now(), now(), now()),
    ('gone', '{deliver}', NULL, '1', now(), now() - interval '2 days', NULL),
    ('gone-with-a-shard', '{deliver}', NULL, '1', now(), now() - interval '2 days', NULL)`);
  await db.pool.query(
    `INSERT INTO jms_connection (connection_id, name, document, updated_at) VALUES ('00000000-0000-7000-8000-000000000001', 'jms', '{}', now())`,
  );
  await db.pool.query(`INSERT INTO source (source_id, connection_id, name, document, updated_at)
    SELECT ('00000000-0000-7000-8000-00000000001' || n)::uuid, '00000000-0000-7000-8000-000000000001', 's' || n, '{}', now() FROM generate_series(1, 3) n`);
  await db.pool.query(`INSERT INTO source_lease (source_id, owner, epoch, expires_at)
    SELECT source_id, CASE name WHEN 's3' THEN NULL ELSE 'ingest-1' END, 1, now() FROM source
    ON CONFLICT (source_id) DO UPDATE SET owner = excluded.owner`);
  // s3 is read by nobody: whoever reads it next looks again.
  await db.pool.query(`INSERT INTO source_protection (source_id, verdict, detail, checked_at)
    SELECT source_id, CASE name WHEN 's1' THEN 'PROTECTED' ELSE 'NOT_PROTECTED' END, '', now() FROM source`);
  await db.pool.query(`INSERT INTO shard_lease (shard, owner, epoch, expires_at)
    SELECT n, CASE WHEN n < 3 THEN 'deliver-10' WHEN n < 5 THEN 'deliver-2' WHEN n = 5 THEN 'gone-with-a-shard' END, 10 * n, now() FROM generate_series(0, 6) n
    ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch`);

  const rows = await readInstances(db.pool);
  expect(
    rows.map(({ instance, alive, stopped, shards, epochMax, sources }) => [
      instance,
      alive,
      stopped,
      shards,
      epochMax,
      sources,
    ]),
  ).toEqual([
    ['deliver-2', true, false, 2, 40, 0],
    ['deliver-10', true, false, 3, 20, 0],
    ['gone-with-a-shard', false, false, 1, 50, 0],
    ['ingest-1', false, false, 0, null, 2],
    ['stopped', false, true, 0, null, 0],
  ]);
  expect(rows[1]).toMatchObject({
    roles: ['deliver', 'watchdog'],
    adminUrl: 'http://127.0.0.1:1',
    startedAt: Date.parse('2026-01-01T00:00:00Z'),
    heartbeatAgeMs: 0,
  });
  expect(rows.map(({ unprotected, unprotectedNames }) => [unprotected, unprotectedNames])).toEqual([
    [0, []],
    [0, []],
    [0, []],
    [1, ['s2']],
    [0, []],
  ]);
  const shards = await readShards(db.pool);
  expect(shards).toHaveLength(256);
  expect(shards.slice(4, 8)).toEqual([
    { owner: 'deliver-2', epoch: 40 },
    { owner: 'gone-with-a-shard', epoch: 50 },
    { owner: null, epoch: 60 },
    { owner: null, epoch: 0 },
  ]);
  // A reader with a shorter patience.
  const impatient = await readInstances(db.pool, 3_000);
  expect(impatient.filter(({ alive }) => alive).map(({ instance }) => instance)).toEqual(['deliver-10']);
});
