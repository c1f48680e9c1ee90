import { interfaceId } from '@inorder/core';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAliveEngines, readDirectory, readLaneNumbers, readOpenDeadLetters } from './lag.ts';
import { readHoles, readLaneFacts, readNumbers, readRecent, readRecentCommands, readRuns } from './ribbon.ts';

const LANE = interfaceId('00000000-0000-7000-8000-000000000001');
const IDLE = interfaceId('00000000-0000-7000-8000-000000000002');
let db: TestDatabase;

/** Twelve numbers: 1–5 settled (3 a dead letter, replayed late), 6 the head in enrich, 7 ready, 8 dead, 9 filtered, 10–12 ready. */
beforeAll(async () => {
  db = await testDatabase();
  const run = (sql: string, values: unknown[] = []) => db.pool.query(sql, values);
  await run(
    `INSERT INTO interface (interface_id, code, name, site, shard, tags) VALUES
    ($1, 'LAB-1', 'Chemistry', 'Hill Road', 1, '{urgent}'), ($2, 'LAB-2', 'Serology', '', 2, '{}')`,
    [LANE, IDLE],
  );
  await run(
    `INSERT INTO interface_revision (interface_id, revision, document, created_by) VALUES
    ($1, 2, '{"route":[{"name":"a","to":"LIS-1"},{"name":"b","to":"LIS-1"},{"name":"c","filter":true},{"name":"d","to":"LIS-2"}]}', 'ada')`,
    [LANE],
  );
  await run(
    `INSERT INTO interface_sequence (interface_id, last_sequence_no, revision) VALUES ($1, 12, 2), ($2, 0, 1)`,
    [LANE, IDLE],
  );
  await run(
    `INSERT INTO message_delivery_checkpoint (interface_id, shard, last_delivered_sequence) VALUES ($1, 1, 5)`,
    [LANE],
  );
  await run(`INSERT INTO destination (destination_id, name, document, updated_at)
    VALUES (gen_random_uuid(), 'LIS-1', '{"kind":"MLLP","host":"lis.example.org","port":6661}', now()),
      (gen_random_uuid(), 'LIS-2', '{"kind":"JMS","connection":"hub","address":"lab.orders"}', now())`);
  await run(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, received_at)
    SELECT gen_random_uuid(), $1, n, (CASE WHEN n IN (3, 8) THEN 'FAILED' WHEN n <= 5 THEN 'DELIVERED' WHEN n = 6 THEN 'VALIDATED' WHEN n = 9 THEN 'FILTERED'
      ELSE 'PROCESSED' END)::message_status, 2, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 s'
      FROM generate_series(1, 12) n`,
    [LANE],
  );
  await run(`INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts, resolved_at)
    SELECT message_id, interface_id, sequence_no, 'ENRICH', 'ENRICH_CODE_UNKNOWN', 's', 'd', 1,
           CASE WHEN sequence_no = 3 THEN now() END FROM message_tracking WHERE status = 'FAILED'`);
  await run(`INSERT INTO message_payload (message_id, format, raw, filter_rule)
    SELECT message_id, 'HL7V2', '', 'no tests' FROM message_tracking WHERE status = 'FILTERED'`);
  await run(`INSERT INTO replay (replay_id, command_id, interface_id, sequence_no, message_id, state, actor, reason)
    SELECT gen_random_uuid(), gen_random_uuid(), interface_id, sequence_no, message_id, 'DELIVERED', 'ada', 'fixed'
      FROM message_tracking WHERE sequence_no = 3`);
  await run(`INSERT INTO stage_claim (claim_id, instance, message_ids)
    SELECT gen_random_uuid(), 'engine-1', array_agg(message_id) FROM message_tracking WHERE sequence_no IN (6, 7)`);
  await run(
    `INSERT INTO delivery_attempt (attempt_id, message_id, interface_id, sequence_no, attempt_no, kind, outcome, epoch, instance, ack_code, duration_ms, ended_at)
     SELECT gen_random_uuid(), t.message_id, t.interface_id, t.sequence_no, a.n, a.kind::attempt_kind, a.outcome::attempt_outcome, 1, 'engine-1',
            a.ack, a.ms, now() + a.n * interval '1 s'
       FROM message_tracking t, (VALUES (1, 'FIRST', 'UNKNOWN', NULL, 9000), (2, 'RETRY', 'ACKED', 'AA', 12)) a(n, kind, outcome, ack, ms)
      WHERE t.interface_id = $1 AND t.sequence_no = 5`,
    [LANE],
  );
  await run(
    `INSERT INTO lane_command (command_id, interface_id, kind, reason, actor) VALUES (gen_random_uuid(), $1, 'PAUSE', 'lab asks', 'ada')`,
    [LANE],
  );
  await run(`INSERT INTO engine_instance (instance, roles, admin_url, version, heartbeat_at, stopped_at) VALUES
    ('alive', '{}', 'http://127.0.0.1:1', '1', now(), NULL), ('silent', '{}', NULL, '1', now() - interval '1 min', NULL),
    ('stopped', '{}', NULL, '1', now(), now())`);
});

afterAll(() => db[Symbol.asyncDispose]());

test('the directory names each lane and where its revision routes to, once', async () => {
  expect(await readDirectory(db.pool)).toMatchObject([
    { code: 'LAB-1', site: 'Hill Road', tags: ['urgent'], destinations: ['LIS-1', 'LIS-2'] },
    { code: 'LAB-2', destinations: [] },
  ]);
});

test('the numbers: the oldest is the head’s, and a lane that has none waits for nothing', async () => {
  const [lane, idle] = (await readLaneNumbers(db.pool)).sort((a, b) => b.highWater - a.highWater);
  expect(lane).toMatchObject({ checkpoint: 5, highWater: 12, oldestAt: Date.parse('2026-01-01T00:00:06Z') });
  expect(idle).toMatchObject({ interfaceId: IDLE, checkpoint: 0, highWater: 0, oldestAt: null });
  expect(await readLaneNumbers(db.pool, [IDLE])).toHaveLength(1);
});

test('resolved dead letters and silent engines are not counted', async () => {
  expect(await readOpenDeadLetters(db.pool)).toEqual(new Map([[LANE, 1]]));
  expect(await readAliveEngines(db.pool, 10_000)).toEqual([{ instance: 'alive', adminUrl: 'http://127.0.0.1:1' }]);
});

test('the runs cover every number once, in order', async () => {
  expect(await readRuns(db.pool, LANE, 0, 12)).toEqual([
    { status: 'DELIVERED', from: 1, to: 2 },
    { status: 'FAILED', from: 3, to: 3 },
    { status: 'DELIVERED', from: 4, to: 5 },
    { status: 'VALIDATED', from: 6, to: 6 },
    { status: 'PROCESSED', from: 7, to: 7 },
    { status: 'FAILED', from: 8, to: 8 },
    { status: 'FILTERED', from: 9, to: 9 },
    { status: 'PROCESSED', from: 10, to: 12 },
  ]);
});

test('a hole has its reason: who has it, or what it died of', async () => {
  const holes = await readHoles(db.pool, LANE, 5, 12);
  expect(holes).toMatchObject([
    { sequenceNo: 6, status: 'VALIDATED', claimedBy: 'engine-1', errorCode: null },
    { sequenceNo: 8, status: 'FAILED', claimedBy: null, errorCode: 'ENRICH_CODE_UNKNOWN', diedIn: 'ENRICH' },
    { sequenceNo: 9, status: 'FILTERED', filterRule: 'no tests' },
  ]);
  expect((await readNumbers(db.pool, LANE, 3, 4)).map((number) => number.replayState)).toEqual(['DELIVERED', null]);
});

test('a number’s last attempt tells its answer', async () => {
  const recent = await readRecent(db.pool, LANE, 4, 5);
  expect(recent).toMatchObject([
    { sequenceNo: 5, attempts: 2, lastOutcome: 'ACKED', ackCode: 'AA', durationMs: 12 },
    { sequenceNo: 4, attempts: 0, lastOutcome: null },
  ]);
});

test('a lane’s facts, wires and commands', async () => {
  const facts = await readLaneFacts(db.pool, 'LAB-1');
  expect(facts).toMatchObject({ revision: 2, revisionBy: 'ada', checkpoint: 5, openDeadLetters: 1, sources: [] });
  expect(facts?.destinations).toEqual([
    { name: 'LIS-1', kind: 'MLLP', address: 'lis.example.org:6661' },
    { name: 'LIS-2', kind: 'JMS', address: 'lab.orders on hub' },
  ]);
  expect(await readRecentCommands(db.pool, LANE)).toMatchObject([{ kind: 'PAUSE', status: 'PENDING', actor: 'ada' }]);
  expect(await readLaneFacts(db.pool, 'LAB-9')).toBeNull();
});

test('G3: a lane’s sources say what was seen of their queues; at our own listener there is no queue', async () => {
  const run = (sql: string, values: unknown[] = []) => db.pool.query(sql, values);
  await run(`INSERT INTO jms_connection (connection_id, name, document, updated_at) VALUES
    (gen_random_uuid(), 'hospital', '{"kind":"CONNECT"}', now()), (gen_random_uuid(), 'ours', '{"kind":"LISTEN"}', now())`);
  await run(`INSERT INTO source (source_id, connection_id, name, document, updated_at)
    SELECT gen_random_uuid(), connection_id, n, jsonb_build_object('address', n), now()
      FROM jms_connection JOIN (VALUES ('hospital', 'fresh'), ('hospital', 'orders'), ('ours', 'direct')) v(name, n) USING (name)`);
  await run('INSERT INTO source_interface (source_id, interface_id) SELECT source_id, $1 FROM source', [IDLE]);
  await run(`INSERT INTO source_protection (source_id, verdict, detail, checked_at)
    SELECT source_id, 'NOT_PROTECTED', 'Set it', '2026-01-01T00:00:00Z' FROM source WHERE name = 'orders'`);
  const facts = await readLaneFacts(db.pool, 'LAB-2');
  expect(facts?.sources).toEqual([
    { name: 'direct', address: 'direct', connection: 'ours', protection: null },
    {
      ...{ name: 'fresh', address: 'fresh', connection: 'hospital' },
      protection: { verdict: 'NOT_CHECKED', detail: '', checkedAt: null },
    },
    {
      ...{ name: 'orders', address: 'orders', connection: 'hospital' },
      protection: { verdict: 'NOT_PROTECTED', detail: 'Set it', checkedAt: expect.any(String) },
    },
  ]);
  expect(Date.parse(facts?.sources[2]?.protection?.checkedAt ?? '')).toBe(Date.UTC(2026, 0, 1));
});
