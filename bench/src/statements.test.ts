import { expect, test } from 'vitest';
import { callsBetween, describeStatement, reportStatements } from './statements.ts';

const SETTLE = `
WITH own AS MATERIALIZED (SELECT l.shard FROM shard_lease l JOIN unnest($1::smallint[]) AS o(shard) USING (shard) FOR SHARE OF l),
changed AS (UPDATE message_tracking t SET status = v.to_status FROM unnest($13::uuid[]) AS v(interface_id) RETURNING t.interface_id),
moved AS (UPDATE message_delivery_checkpoint c SET last_delivered_sequence = l.checkpoint FROM lane l RETURNING c.interface_id),
attempted AS (INSERT INTO delivery_attempt (attempt_id) SELECT v.attempt_id FROM unnest($18::uuid[]) AS v(attempt_id))
SELECT (SELECT array_agg(shard) FROM own)`;
const OPEN_LANES = `
SELECT s.interface_id, s.last_sequence_no
  FROM interface_sequence s JOIN message_delivery_checkpoint c USING (interface_id)
 WHERE s.last_sequence_no > c.last_delivered_sequence AND c.shard = ANY($1::smallint[])`;
const POLL = 'SELECT message_id FROM message_tracking WHERE status = $1 LIMIT $2';

test('a statement that only writes the watched tables reads neither', () => {
  expect(describeStatement(SETTLE)).toEqual({ name: 'settle', purpose: 'message', reads: [], readsPayloads: false });
});

test('reads are found in every place a table can stand, and writes are not taken for them', () => {
  const reads = (text: string): readonly string[] => describeStatement(text).reads;
  expect(reads('SELECT 1 FROM message_tracking')).toEqual(['message_tracking']);
  expect(reads('select 1 from x left join public."message_tracking" t on true')).toEqual(['message_tracking']);
  expect(reads('SELECT 1 FROM lane l, message_delivery_checkpoint c')).toEqual(['message_delivery_checkpoint']);
  expect(reads('SELECT * FROM ready_for_delivery')).toEqual(['ready_for_delivery']);
  expect(reads('UPDATE message_tracking t SET status = $1 FROM message_delivery_checkpoint c')).toEqual([
    'message_delivery_checkpoint',
  ]);
  expect(reads('DELETE FROM message_tracking WHERE message_id = $1')).toEqual([]);
  expect(reads('INSERT INTO message_tracking (message_id) SELECT * FROM unnest($1)')).toEqual([]);
  expect(reads('/* message_tracking_pkey, message_tracking */ SELECT 1 FROM message_tracking_archive')).toEqual([]);
});

test('the watchdog is counted apart, and what nobody knows is the messages’ own', () => {
  expect(describeStatement(OPEN_LANES)).toEqual({
    name: 'open_lanes',
    purpose: 'watchdog',
    reads: ['message_delivery_checkpoint'],
    readsPayloads: false,
  });
  expect(describeStatement(POLL)).toMatchObject({ purpose: 'message', reads: ['message_tracking'] });
  expect(describeStatement('/* site */\nSELECT something_new($1)').name).toBe('SELECT something_new($1)');
  expect(describeStatement('COMMIT').purpose).toBe('message');
});

const calls = (some: Record<string, number>) =>
  new Map(Object.entries(some).map(([text, n]) => [text, { calls: n, totalMs: n * 2 }]));

test('a poll of tracking for each message shows as reads and as round trips', () => {
  const idle = { seconds: 10, calls: calls({ [OPEN_LANES]: 10 }) };
  const honest = reportStatements(idle, { seconds: 20, calls: calls({ [SETTLE]: 200, [OPEN_LANES]: 20 }) }, 200, 0);
  expect(honest).toMatchObject({ roundTripsPerMessage: 1, readsPerMessage: 0, grewApart: [] });
  expect(honest.apart.watchdog).toBe(20);
  const polling = reportStatements(idle, { seconds: 20, calls: calls({ [SETTLE]: 200, [POLL]: 100 }) }, 200, 0);
  expect(polling).toMatchObject({ roundTripsPerMessage: 1.5, readsPerMessage: 0.5 });
});

test('a statement counted apart that grows with messages is named', () => {
  const idle = { seconds: 10, calls: calls({ [OPEN_LANES]: 10 }) };
  const report = reportStatements(idle, { seconds: 20, calls: calls({ [SETTLE]: 200, [OPEN_LANES]: 220 }) }, 200, 0);
  expect(report.grewApart).toEqual(['open_lanes']);
  expect(report.rows.map((row) => row.name)).toEqual(['settle', 'open_lanes']);
  expect(report.rows[1]).toMatchObject({ calls: 220, idlePerSecond: 1, grownPerMessage: 1, meanMs: 2 });
});

test('what the watchdog looked up is told from what a lane did by the count of the engine alone', () => {
  const check = 'SELECT t.sequence_no FROM unnest($1) l CROSS JOIN LATERAL (SELECT * FROM message_tracking t) t';
  const load = { seconds: 20, calls: calls({ [SETTLE]: 100, [check]: 5 }) };
  const report = reportStatements({ seconds: 10, calls: new Map() }, load, 100, 4);
  expect(report).toMatchObject({ readsPerMessage: 0.01, apart: { watchdog: 4 } });
  expect(report.rows.map((row) => [row.name, row.calls])).toEqual([
    ['settle', 100],
    ['open_numbers', 1],
    ['open_numbers (batch check)', 4],
  ]);
});

test('calls between two readings leave out what stood still', () => {
  const between = callsBetween(calls({ a: 5, b: 7 }), calls({ a: 5, b: 9, c: 1 }));
  expect([...between]).toEqual([
    ['b', { calls: 2, totalMs: 4 }],
    ['c', { calls: 1, totalMs: 2 }],
  ]);
});

test('a hand-over shows as payload reads and as round trips, but as no read of tracking', () => {
  const take = `WITH open AS MATERIALIZED (SELECT c.claim_id FROM stage_claim c), taken AS (
    UPDATE stage_claim c SET instance = $2, claimed_at = now() FROM open o RETURNING c.claim_id)
  SELECT * FROM taken t CROSS JOIN LATERAL (SELECT y.raw FROM message_payload y WHERE y.message_id = t.message_id) p`;
  const load = { seconds: 20, calls: calls({ [SETTLE]: 100, [take]: 50 }) };
  const report = reportStatements({ seconds: 10, calls: new Map() }, load, 100, 0);
  expect(report).toMatchObject({ roundTripsPerMessage: 1.5, readsPerMessage: 0, payloadReadsPerMessage: 0.5 });
  expect(report.rows[1]).toMatchObject({ name: 'stage_take_claims', perMessage: 0.5 });
});
