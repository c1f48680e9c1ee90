import { rangesOf, siteDocumentSchema } from '@inorder/shared';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendAudit } from '../audit.ts';
import { messageKeyHasher } from '../message-key.ts';
import { applySite } from '../site/apply.ts';
import { inTransaction } from '../transaction.ts';
import { auditPage } from './audit-list.ts';
import { type DeadLetterFilter, deadLetterGroups, deadLetterPage, deadLetterRanges } from './dead-letters.ts';
import { findByKeys, readMessage, readPayload } from './messages.ts';

const secretKey = new Uint8Array(32).fill(5);
const hash = messageKeyHasher(secretKey);
const MESSAGES_PER_LANE = 10_000;
const OPEN: DeadLetterFilter = { state: 'open' };
let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  const { pool } = database;
  const lane = { name: 'Lane', route: [{ name: 'all', to: 'LIS-1' }] };
  const site = siteDocumentSchema.parse({
    destinations: { 'LIS-1': { kind: 'MLLP', host: '127.0.0.1', port: 2575 } },
    interfaces: { 'LAB-0001': { ...lane, site: 'North' }, 'LAB-0002': { ...lane, site: 'South' } },
  });
  await applySite(pool, site, { actor: 'test', secretKey });
  await pool.query(FILL, [MESSAGES_PER_LANE]);
  // Enough rows that the planner has a choice.
  await pool.query('INSERT INTO message_payload_kept SELECT * FROM message_payload');
  // One order on both lanes.
  await pool.query(
    `INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no, order_control)
     SELECT message_id, 'PLACER', $1, interface_id, sequence_no, CASE sequence_no WHEN 50 THEN 'NW' ELSE 'CA' END
       FROM message_tracking WHERE sequence_no IN (50, 60)`,
    [hash('PLACER', 'ORD-77')],
  );
  await pool.query('VACUUM ANALYZE');
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

/** Every tenth message is dead, every hundredth of another cause and already dealt with. Ids count up as UUIDv7 do. */
const FILL = `
WITH n AS (
  SELECT i.interface_id, s AS seq, (lpad(to_hex(1767225600000 + s), 12, '0') || substr(md5(i.code || s), 1, 20))::uuid AS id,
         timestamptz '2026-01-01 00:00Z' + s * interval '1 second' AS at
    FROM interface i, generate_series(1, $1::int) s),
t AS (INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, received_at, settled_at)
      SELECT id, interface_id, seq, CASE WHEN seq % 10 = 0 THEN 'FAILED' ELSE 'DELIVERED' END::message_status, 1, at, at FROM n),
p AS (INSERT INTO message_payload (message_id, format, raw, control_id)
      SELECT id, 'HL7V2', convert_to('MSH|' || seq, 'UTF8'), seq FROM n),
k AS (INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no)
      SELECT id, 'CONTROL', substr(sha256(convert_to(seq || interface_id::text, 'UTF8')), 1, 16), interface_id, seq FROM n),
a AS (INSERT INTO delivery_attempt (attempt_id, message_id, interface_id, sequence_no, attempt_no, kind, outcome, epoch, instance, duration_ms)
      SELECT id, id, interface_id, seq, 1, 'FIRST', 'ACKED', 1, 'one', 4 FROM n),
c AS (UPDATE message_delivery_checkpoint SET last_delivered_sequence = $1),
q AS (UPDATE interface_sequence SET last_sequence_no = $1)
INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, path, detail, attempts, maybe_delivered,
                         created_at, resolved_at, resolution)
SELECT id, interface_id, seq, 'ENRICH', 'ENRICH_CODE_UNKNOWN',
       CASE WHEN seq % 100 = 0 THEN 'ENRICH ENRICH_CODE_UNKNOWN OBR-4.1 B' ELSE 'ENRICH ENRICH_CODE_UNKNOWN OBR-4.1 A' END,
       'OBR-4.1', 'not known', 1, seq = 10, at, CASE WHEN seq % 100 = 0 THEN at END, CASE WHEN seq % 100 = 0 THEN 'REPLAYED' END
  FROM n WHERE seq % 10 = 0`;

/** Reads the plans of what `work` asks; large tables must be met through an index. */
async function tablesReadWhole(work: (client: pg.ClientBase) => Promise<unknown>): Promise<string[]> {
  const client = await database.pool.connect();
  const whole: string[] = [];
  const asked: { text: string; values: unknown[] }[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const spy = {
    query: (text: string, values: unknown[] = []) => {
      asked.push({ text, values });
      // A pool would take several at once; one connection takes one after the other.
      const answer = last.then(() => client.query(text, values));
      last = answer;
      return answer;
    },
  };
  try {
    // The functions under test call nothing of a client but query(text, values).
    await work(spy as pg.ClientBase);
    for (const { text, values } of asked) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      for (const row of rows) {
        const table = /Seq Scan on (\w+)/.exec(row['QUERY PLAN'])?.[1];
        if (table !== undefined) whole.push(table);
      }
    }
  } finally {
    client.release();
  }
  // Configuration is small, and so are the days' partitions here: every payload of this test lies in the default one.
  const large = /^(message_(tracking|key|payload_default|payload_kept)|delivery_attempt|dead_letter)$/;
  return whole.filter((table) => large.test(table));
}

test('dead letters come in groups by signature, with counts, times and the lanes they are on', async () => {
  const { groups, total, partial } = await deadLetterGroups(database.pool, OPEN);
  expect({ total, partial }).toEqual({ total: 1800, partial: false });
  expect(groups).toMatchObject([
    {
      signature: 'ENRICH ENRICH_CODE_UNKNOWN OBR-4.1 A',
      errorCode: 'ENRICH_CODE_UNKNOWN',
      count: 1800,
      interfaces: 2,
      interfaceCodes: ['LAB-0001', 'LAB-0002'],
      maybeDelivered: 2,
      firstAt: new Date('2026-01-01T00:00:10Z'),
    },
  ]);
  const resolved = await deadLetterGroups(database.pool, { state: 'resolved', site: 'South' });
  expect(resolved.groups).toMatchObject([{ count: 100, interfaceCodes: ['LAB-0002'] }]);
});

test('pages of dead letters meet without a gap or a repeat', async () => {
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await deadLetterPage(database.pool, OPEN, { cursor, limit: 700 });
    seen.push(...page.items.map((item) => item.messageId));
    cursor = page.next;
  } while (cursor !== null);
  expect(seen).toHaveLength(1800);
  expect(new Set(seen).size).toBe(1800);
});

test('everything that matches becomes ranges, and more than one action takes is said', async () => {
  expect(await deadLetterRanges(database.pool, { state: 'resolved', interfaceCode: 'LAB-0001' })).toMatchObject({
    messages: 100,
    more: false,
  });
  expect(await deadLetterRanges(database.pool, OPEN)).toMatchObject({ messages: 1000, more: true });
  const lane = (interfaceCode: string, sequenceNo: number) => ({ interfaceCode, sequenceNo });
  expect(rangesOf([lane('B', 7), lane('A', 3), lane('A', 1), lane('A', 2), lane('A', 2), lane('A', 5)])).toEqual([
    { interfaceCode: 'A', fromSequenceNo: 1, toSequenceNo: 3 },
    { interfaceCode: 'A', fromSequenceNo: 5, toSequenceNo: 5 },
    { interfaceCode: 'B', fromSequenceNo: 7, toSequenceNo: 7 },
  ]);
});

test('a message is read with what is known of it and who else is of its order', async () => {
  const message = await readMessage(database.pool, 'LAB-0001', 50);
  expect(message).toMatchObject({
    interfaceCode: 'LAB-0001',
    sequenceNo: 50,
    status: 'FAILED',
    controlId: '50',
    checkpoint: MESSAGES_PER_LANE,
    orderControls: ['NW'],
    deadLetter: { errorCode: 'ENRICH_CODE_UNKNOWN', stage: 'ENRICH' },
    attempts: [{ outcome: 'ACKED', durationMs: 4, epoch: 1 }],
  });
  expect(message?.related.map((other) => `${other.interfaceCode}:${other.sequenceNo} ${other.orderControl}`)).toEqual([
    'LAB-0002:50 NW',
    'LAB-0001:60 CA',
    'LAB-0002:60 CA',
  ]);
  expect(await readMessage(database.pool, 'LAB-0001', MESSAGES_PER_LANE + 1)).toBeNull();
  const payload = await readPayload(database.pool, message?.messageId ?? '');
  expect(payload?.raw.toString()).toBe('MSH|50');
});

test('messages are found by the keyed hash of a number, never by the number', async () => {
  const found = await findByKeys(database.pool, [hash('PLACER', 'ORD-77'), hash('CONTROL', 'ORD-77')], 10);
  expect(found.map((each) => `${each.interfaceCode}:${each.sequenceNo} ${each.kind}`).toSorted()).toEqual([
    'LAB-0001:50 PLACER',
    'LAB-0001:60 PLACER',
    'LAB-0002:50 PLACER',
    'LAB-0002:60 PLACER',
  ]);
  expect(await findByKeys(database.pool, [messageKeyHasher(new Uint8Array(32))('PLACER', 'ORD-77')], 10)).toEqual([]);
});

test('no list reads a message table from end to end', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    'SELECT message_id AS id FROM message_tracking WHERE sequence_no = 50 LIMIT 1',
  );
  expect(await tablesReadWhole((client) => deadLetterPage(client, OPEN, { cursor: null, limit: 50 }))).toEqual([]);
  expect(
    await tablesReadWhole((client) =>
      deadLetterPage(client, { ...OPEN, signature: 'none' }, { cursor: null, limit: 50 }),
    ),
  ).toEqual([]);
  expect(await tablesReadWhole((client) => findByKeys(client, [hash('MRN', 'x')], 50))).toEqual([]);
  expect(await tablesReadWhole((client) => readPayload(client, rows[0]?.id ?? ''))).toEqual([]);
  // readMessage asks a pool; the spy answers for one.
  expect(await tablesReadWhole((client) => readMessage(client as unknown as pg.Pool, 'LAB-0001', 50))).toEqual([]);
});

test('the audit is found by who, what and to what; an interface finds its messages', async () => {
  await inTransaction(database.pool, (tx) =>
    appendAudit(
      tx,
      { actor: 'ada', action: 'command.skip', target: 'LAB-0001:7', reason: 'why' },
      { actor: 'otis', action: 'command.replay', target: 'LAB-00011:7' },
      { actor: 'otis', action: 'payload.view', target: 'LAB-0002:7' },
    ),
  );
  const targets = async (filter: Parameters<typeof auditPage>[1]) =>
    (await auditPage(database.pool, filter, { before: null, limit: 10 })).items.map((item) => item.target);
  expect(await targets({ actor: 'otis' })).toEqual(['LAB-0002:7', 'LAB-00011:7']);
  expect(await targets({ action: 'command' })).toEqual(['LAB-00011:7', 'LAB-0001:7']);
  expect(await targets({ target: 'LAB-0001' })).toEqual(['LAB-0001:7', 'LAB-0001']);
  const first = await auditPage(database.pool, {}, { before: null, limit: 2 });
  const second = await auditPage(database.pool, {}, { before: first.next, limit: 10 });
  expect(second.items[0]?.auditId).toBe((first.items[1]?.auditId ?? 0) - 1);
  expect(second.next).toBeNull();
});
