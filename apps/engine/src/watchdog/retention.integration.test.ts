import { createHash } from 'node:crypto';
import { interfaceId, sequenceNo } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { checkNumbers, readMessage, readNumbers, readPayload, readRemovedRange } from '@inorder/db/console';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgedLane, type AgedNumber, agedLane, many } from '../../test/aged-numbers.ts';
import { realClock } from '../../test/site-fixture.ts';
import { type CommandRow, insertReplays } from '../adapters/postgres/command-queries.ts';
import { createDatabase, type Database, type Queries } from '../adapters/postgres/database.ts';
import { readOpenNumbers } from '../adapters/postgres/lane-queries.ts';
import { passNumbers, removeNumbers } from '../adapters/postgres/retention-queries.ts';
import { RETENTION_BATCHES, type RetentionOptions, retainPayloads, retainSettled } from './retention.ts';

const OLD = 500;
const DELIVERED: AgedNumber = { status: 'DELIVERED', days: OLD };
let store: TestDatabase;
let database: Database;

beforeAll(async () => {
  store = await testDatabase();
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 30_000,
    connectionsMax: 4,
    applicationName: 'retention',
    clock: realClock,
  });
});
afterAll(async () => {
  await database.close();
  await store[Symbol.asyncDispose]();
});

const small = { ...RETENTION_BATCHES, passMax: 7, removeMax: 3, payloadPageMax: 4, keepMax: 2, interfacesMax: 2 };

function options(changed: Partial<RetentionOptions> = {}): RetentionOptions {
  return { database, payloadDays: 90, settledDays: 400, batches: small, goOn: () => true, ...changed };
}

async function numbersOf(lane: AgedLane): Promise<number[]> {
  const { rows } = await store.pool.query<{ n: number }>(
    'SELECT sequence_no::int AS n FROM message_tracking WHERE interface_id = $1 ORDER BY 1',
    [lane.id],
  );
  return rows.map((r) => r.n);
}

async function holds(lane: AgedLane): Promise<number> {
  const check = await checkNumbers(store.pool, lane.code);
  expect(check?.faults).toEqual([]);
  return check?.floor ?? 0;
}

async function countOf(table: string, lane: AgedLane): Promise<number> {
  const { rows } = await store.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ${table} WHERE message_id = ANY($1::uuid[])`,
    [lane.messageIds],
  );
  return rows[0]?.n ?? -1;
}

async function orderReplay(lane: AgedLane, number: number): Promise<string> {
  const replayId = uuidv7();
  await store.pool.query(
    `INSERT INTO replay (replay_id, command_id, interface_id, sequence_no, message_id, actor, reason)
     VALUES ($1, $2, $3, $4, $5, 'ada', 'test')`,
    [replayId, uuidv7(), lane.id, number, lane.messageIds[number - 1]],
  );
  return replayId;
}

/** A database that does `act` just before the first statement of that name. */
function before(name: string, act: () => Promise<unknown>): Database {
  let done = false;
  const over = (queries: Queries): Queries => ({
    async query(statement, values) {
      if (statement.name === name && !done) {
        done = true;
        await act();
      }
      return queries.query(statement, values);
    },
  });
  return { ...database, ...over(database), transaction: (work) => database.transaction((tx) => work(over(tx))) };
}

test('G5: the floor passes old settled numbers, counts their ends, and every number still has a row or the range', async () => {
  const lane = await agedLane(store.pool, [
    ...many(20, DELIVERED),
    { status: 'SKIPPED', days: OLD },
    { status: 'FILTERED', days: OLD },
    { status: 'FAILED', days: OLD, resolvedDays: 450 },
    ...many(5, { status: 'DELIVERED', days: 399 }),
    { status: 'PROCESSED', days: 398 },
  ]);
  const result = await retainSettled(options());
  expect(result).toEqual({ passed: 23, removed: 23, broken: [] });
  expect(await holds(lane)).toBe(24);
  expect(await numbersOf(lane)).toEqual([24, 25, 26, 27, 28, 29]);
  expect(await readRemovedRange(store.pool, lane.code, 23)).toMatchObject({
    from: 1,
    to: 23,
    delivered: 20,
    failed: 1,
    skipped: 1,
    filtered: 1,
  });
  for (const table of ['delivery_attempt', 'message_tracking']) expect(await countOf(table, lane)).toBe(6);
  expect(await countOf('message_key', lane)).toBe(12);
  expect(await countOf('dead_letter', lane)).toBe(0);
  // A second run finds nothing.
  expect(await retainSettled(options())).toEqual({ passed: 0, removed: 0, broken: [] });
});

test('G5: a number above the checkpoint stops the floor, however old it and what comes after it are', async () => {
  const lane = await agedLane(
    store.pool,
    [...many(4, DELIVERED), { status: 'PROCESSED', days: OLD }, ...many(9, DELIVERED)],
    {
      checkpoint: 4,
    },
  );
  await retainSettled(options());
  expect(await holds(lane)).toBe(5);
  expect((await numbersOf(lane))[0]).toBe(5);
  expect(await numbersOf(lane)).toHaveLength(10);
});

test('G13: an open dead letter and an unfinished replay survive below the floor, and go once they are done with', async () => {
  const lane = await agedLane(store.pool, [
    ...many(5, DELIVERED),
    { status: 'FAILED', days: OLD },
    ...many(5, DELIVERED),
  ]);
  const replayId = await orderReplay(lane, 9);
  await retainSettled(options());
  expect(await holds(lane)).toBe(12);
  expect(await numbersOf(lane)).toEqual([6, 9]);
  expect(await countOf('dead_letter', lane)).toBe(1);
  expect(await countOf('delivery_attempt', lane)).toBe(2);
  const before = await readRemovedRange(store.pool, lane.code, 6);
  // Dealt with a moment ago: what was done can still be looked at.
  await store.pool.query(
    "UPDATE dead_letter SET resolved_at = now(), resolution = 'REPLAYED' WHERE interface_id = $1",
    [lane.id],
  );
  await store.pool.query("UPDATE replay SET state = 'DELIVERED', done_at = now() WHERE replay_id = $1", [replayId]);
  await retainSettled(options());
  expect(await numbersOf(lane)).toEqual([6, 9]);
  await store.pool.query("UPDATE dead_letter SET resolved_at = now() - interval '401 days' WHERE interface_id = $1", [
    lane.id,
  ]);
  await store.pool.query("UPDATE replay SET done_at = now() - interval '401 days' WHERE replay_id = $1", [replayId]);
  await retainSettled(options());
  expect(await numbersOf(lane)).toEqual([]);
  expect(await holds(lane)).toBe(12);
  // The range counted them when the floor passed: nothing of it changes.
  expect(await readRemovedRange(store.pool, lane.code, 6)).toEqual(before);
});

test('G13: Postgres refuses to delete a number at or above the floor, and to move the floor back or past the checkpoint', async () => {
  const lane = await agedLane(store.pool, many(6, DELIVERED), { checkpoint: 5 });
  expect(await passNumbers(database, lane.id, 3, 400)).toBe(3);
  const refused = { code: '23000' };
  const removal = 'DELETE FROM message_tracking WHERE interface_id = $1 AND sequence_no >= $2';
  await expect(store.pool.query(removal, [lane.id, 3])).rejects.toMatchObject(refused);
  expect(await numbersOf(lane)).toEqual([1, 2, 3, 4, 5, 6]);
  const move = 'UPDATE interface_sequence SET retained_from = $2 WHERE interface_id = $1';
  await expect(store.pool.query(move, [lane.id, 3])).rejects.toMatchObject(refused);
  await expect(store.pool.query(move, [lane.id, 7])).rejects.toMatchObject(refused);
  await store.pool.query('DELETE FROM message_tracking WHERE interface_id = $1 AND sequence_no < 4', [lane.id]);
  expect(await holds(lane)).toBe(4);
});

test('G5: cut off after any step, the numbers hold, and the next run goes on to the same end', async () => {
  const numbers = [...many(12, DELIVERED), { status: 'FAILED', days: OLD } as const, ...many(12, DELIVERED)];
  const whole = await agedLane(store.pool, numbers);
  await retainSettled(options());
  for (let steps = 1; steps < 16; steps++) {
    const lane = await agedLane(store.pool, numbers);
    let left = steps;
    // A step is a page of interfaces, a pass, or a removal; the run ends as a process that is killed between two would.
    await retainSettled(options({ goOn: () => left-- > 0 }));
    await holds(lane);
    await retainSettled(options());
    expect(await holds(lane)).toBe(await holds(whole));
    expect(await numbersOf(lane)).toEqual([13]);
  }
});

test('G13: two runs at once pass and remove each number once', async () => {
  const lane = await agedLane(store.pool, many(200, DELIVERED));
  const runs = await Promise.all([retainSettled(options()), retainSettled(options()), retainSettled(options())]);
  expect(runs.reduce((sum, run) => sum + run.passed, 0)).toBe(200);
  await retainSettled(options());
  expect(await holds(lane)).toBe(201);
  expect(await numbersOf(lane)).toEqual([]);
});

test('G5: the chain of a range is what a backup of its rows gives, however the batches fell', async () => {
  const lane = await agedLane(store.pool, many(25, DELIVERED));
  const { rows } = await store.pool.query<{ link: string }>(
    `SELECT message_id || '|' || sequence_no || '|' || status || '|' || (extract(epoch FROM settled_at) * 1000)::bigint AS link
       FROM message_tracking WHERE interface_id = $1 ORDER BY sequence_no`,
    [lane.id],
  );
  const chain = rows.reduce(
    (hash, { link }) => createHash('sha256').update(hash).update(link).digest(),
    Buffer.alloc(32),
  );
  await retainSettled(options());
  expect((await readRemovedRange(store.pool, lane.code, 1))?.hash).toBe(chain.toString('hex'));
});

test('G5: a row that is missing below the checkpoint stops the floor and is told of', async () => {
  const lane = await agedLane(store.pool, many(6, DELIVERED));
  await store.pool.query('ALTER TABLE message_tracking DISABLE TRIGGER tracking_kept_above_floor');
  await store.pool.query('DELETE FROM message_tracking WHERE interface_id = $1 AND sequence_no = 4', [lane.id]);
  await store.pool.query('ALTER TABLE message_tracking ENABLE TRIGGER tracking_kept_above_floor');
  await retainSettled(options());
  expect((await retainSettled(options())).broken).toEqual([lane.code]);
  expect(await checkNumbers(store.pool, lane.code)).toMatchObject({
    floor: 4,
    faults: ['from the floor up 2 rows stand for 3 numbers'],
  });
  await store.pool.query('DELETE FROM interface_sequence WHERE interface_id = $1', [lane.id]);
});

test('G14: a replay ordered while its number is about to go keeps it, and retention does not wait for it', async () => {
  const lane = await agedLane(store.pool, many(5, DELIVERED));
  await passNumbers(database, lane.id, 100, 400);
  const command: CommandRow = {
    commandId: uuidv7() as CommandRow['commandId'],
    interfaceId: lane.id,
    code: lane.code,
    kind: 'REPLAY',
    from: sequenceNo(2),
    to: sequenceNo(2),
    resolution: null,
    holdLane: false,
    planHash: null,
    reason: 'test',
    actor: 'ada',
    expired: false,
  };
  await database.transaction(async (tx) => {
    await insertReplays(tx, command, [{ replayId: uuidv7(), sequenceNo: sequenceNo(2) }]);
    expect(await removeNumbers(database, lane.id, sequenceNo(0), 100, 400)).toMatchObject({ removed: 4 });
  });
  expect(await removeNumbers(database, lane.id, sequenceNo(0), 100, 400)).toMatchObject({ removed: 0 });
  expect(await numbersOf(lane)).toEqual([2]);
});

test('G14: a replay that was ordered while its number was being locked keeps it', async () => {
  const lane = await agedLane(store.pool, many(5, DELIVERED));
  await passNumbers(database, lane.id, 100, 400);
  const racing = before('retention_remove', () => orderReplay(lane, 2));
  expect(await removeNumbers(racing, lane.id, sequenceNo(0), 100, 400)).toMatchObject({ removed: 4 });
  expect(await numbersOf(lane)).toEqual([2]);
  expect(await countOf('delivery_attempt', lane)).toBe(1);
});

test('G14: a replay that was ordered just before its day of payloads is dropped finds its payload', async () => {
  await retainPayloads(options());
  const lane = await agedLane(store.pool, many(3, { status: 'DELIVERED', days: 150 }));
  const racing = before('retention_drop_partition', () => orderReplay(lane, 2));
  expect(await retainPayloads(options({ database: racing }))).toMatchObject({ partitionsDropped: 1, kept: 1 });
  expect((await readPayload(store.pool, lane.messageIds[1] ?? ''))?.raw.toString()).toBe('MSH|2');
  await store.pool.query('DELETE FROM replay WHERE interface_id = $1', [lane.id]);
});

test('G4: ingest, a settlement and a removal on one lane do not wait for one another', async () => {
  const lane = await agedLane(store.pool, [...many(5, DELIVERED), { status: 'PROCESSED', days: 0 }]);
  await passNumbers(database, lane.id, 100, 400);
  await database.transaction(async (ingest) => {
    await ingest.query(
      { name: '', text: 'UPDATE interface_sequence SET last_sequence_no = last_sequence_no WHERE interface_id = $1' },
      [lane.id],
    );
    await ingest.query(
      {
        name: '',
        text: "UPDATE message_tracking SET status = 'DELIVERED', settled_at = now() WHERE interface_id = $1 AND sequence_no = 6",
      },
      [lane.id],
    );
    await ingest.query(
      { name: '', text: 'UPDATE message_delivery_checkpoint SET last_delivered_sequence = 6 WHERE interface_id = $1' },
      [lane.id],
    );
    // Were there a lock between them this would never come back: the other transaction ends after it.
    expect(await removeNumbers(database, lane.id, sequenceNo(0), 100, 400)).toMatchObject({ removed: 5 });
  });
  expect(await holds(lane)).toBe(6);
});

test('G19: no statement takes more than its batch', async () => {
  const lane = await agedLane(store.pool, many(60, DELIVERED));
  expect(await passNumbers(database, lane.id, 7, 400)).toBe(7);
  expect(await removeNumbers(database, lane.id, sequenceNo(0), 3, 400)).toEqual({ removed: 3, next: 3 });
  expect(await passNumbers(database, lane.id, 50, 400)).toBe(50);
  expect(await removeNumbers(database, lane.id, sequenceNo(3), 3, 400)).toEqual({ removed: 3, next: 6 });
  expect(await holds(lane)).toBe(58);
});

test('G5: whatever numbers there are, retention removes exactly the old and finished ones in front', async () => {
  const settled = fc.record({
    status: fc.constantFrom('DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'),
    resolved: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(settled, { maxLength: 30 }),
      fc.nat(30),
      fc.nat(3),
      fc.nat(40),
      async (ends, young, open, cut) => {
        const old = ends.length - Math.min(young, ends.length);
        const lane = await agedLane(
          store.pool,
          [
            ...ends.map(
              ({ status, resolved }, i): AgedNumber => ({
                status,
                days: i < old ? OLD : 300,
                ...(status === 'FAILED' && resolved ? { resolvedDays: 450 } : {}),
              }),
            ),
            ...many(open, { status: 'PROCESSED', days: OLD }),
          ],
          { partitions: false },
        );
        let left = cut;
        await retainSettled(options({ goOn: () => left-- > 0 }));
        await holds(lane);
        await retainSettled(options());
        expect(await holds(lane)).toBe(old + 1);
        const stay = ends.flatMap(({ status, resolved }, i) =>
          i >= old || (status === 'FAILED' && !resolved) ? [i + 1] : [],
        );
        expect(await numbersOf(lane)).toEqual([
          ...stay,
          ...Array.from({ length: open }, (_, i) => ends.length + i + 1),
        ]);
      },
    ),
    { numRuns: 25 },
  );
}, 60_000);

async function partitionsOlderThan(days: number): Promise<string[]> {
  const { rows } = await store.pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'parts'::regnamespace AND relkind = 'r' AND relname ~ '[0-9]{8}$'
        AND relname < 'message_payload_' || to_char((now() AT TIME ZONE 'UTC')::date - $1::int, 'YYYYMMDD') ORDER BY 1`,
    [days],
  );
  return rows.map((r) => r.name);
}

test('G5: a day of payloads is dropped whole, and what somebody needs of it moves first', async () => {
  const young: AgedNumber = { status: 'DELIVERED', days: 100 };
  const lane = await agedLane(
    store.pool,
    [
      ...many(6, young),
      { status: 'FAILED', days: 100 },
      { status: 'FAILED', days: 100, resolvedDays: 95 },
      ...many(3, young),
      { status: 'SKIPPED', days: 100 },
      { status: 'PROCESSED', days: 100 },
      { status: 'FAILED', days: 100, resolvedDays: 1 },
      { status: 'RECEIVED', days: 100 },
      { status: 'DELIVERED', days: 1 },
    ],
    { checkpoint: 12 },
  );
  await orderReplay(lane, 3);
  expect(await partitionsOlderThan(92)).not.toEqual([]);
  const result = await retainPayloads(options());
  expect(result).toMatchObject({ partitionsLeft: 0 });
  expect(result.kept).toBeGreaterThanOrEqual(5);
  expect(await partitionsOlderThan(92)).toEqual([]);
  const { rows } = await store.pool.query<{ id: string }>(
    'SELECT message_id AS id FROM message_payload_kept WHERE message_id = ANY($1::uuid[])',
    [lane.messageIds],
  );
  const kept = rows.map((r) => lane.messageIds.indexOf(r.id) + 1).toSorted((a, b) => a - b);
  // A late replay of 3, the open dead letter 7, and all that is not settled: 13, 14, 15.
  expect(kept).toEqual([3, 7, 13, 14, 15]);
  expect(await readPayload(store.pool, lane.messageIds[0] ?? '')).toBeNull();
  expect((await readPayload(store.pool, lane.messageIds[6] ?? ''))?.raw.toString()).toBe('MSH|7');
  expect((await readPayload(store.pool, lane.messageIds[15] ?? ''))?.raw.toString()).toBe('MSH|16');
  // The lane still finds what it is to send next.
  const open = await readOpenNumbers(database, [{ interfaceId: lane.id, after: sequenceNo(12) }], 10, false);
  expect(open.map((n) => n.outcome?.status)).toEqual(['PROCESSED', 'FAILED', undefined, 'DELIVERED']);
  // Done with, they go.
  await store.pool.query('UPDATE dead_letter SET resolved_at = now() WHERE interface_id = $1', [lane.id]);
  await store.pool.query("UPDATE replay SET state = 'DELIVERED', done_at = now() WHERE interface_id = $1", [lane.id]);
  await retainPayloads(options());
  expect(await countOf('message_payload_kept', lane)).toBe(3);
});

test('G19: payloads in the default partition go by age as well', async () => {
  const lane = await agedLane(
    store.pool,
    [
      { status: 'DELIVERED', days: 700 },
      { status: 'FAILED', days: 700 },
    ],
    { partitions: false },
  );
  expect(await countOf('message_payload', lane)).toBe(2);
  await retainPayloads(options());
  expect(await countOf('message_payload', lane)).toBe(1);
  expect((await readPayload(store.pool, lane.messageIds[1] ?? ''))?.raw.toString()).toBe('MSH|2');
});

test('G12: readers of payloads are waited for a moment only; the day stays whole and goes next time', async () => {
  const lane = await agedLane(store.pool, [
    { status: 'DELIVERED', days: 200 },
    { status: 'RECEIVED', days: 200 },
  ]);
  const reader = await store.pool.connect();
  await reader.query('BEGIN');
  await reader.query('SELECT count(*) FROM message_payload');
  expect(await retainPayloads(options())).toMatchObject({ partitionsDropped: 0, partitionsLeft: 1 });
  expect(await countOf('message_payload', lane)).toBe(2);
  await reader.query('COMMIT');
  reader.release();
  expect(await retainPayloads(options())).toMatchObject({ partitionsDropped: 1, partitionsLeft: 0, kept: 1 });
  expect((await readPayload(store.pool, lane.messageIds[1] ?? ''))?.raw.toString()).toBe('MSH|2');
});

test('G19: a day of which too much is still in the stages stays', async () => {
  const lane = await agedLane(store.pool, many(5, { status: 'RECEIVED', days: 210 }));
  const batches = { ...small, leftoversMax: 4 };
  expect(await retainPayloads(options({ batches }))).toMatchObject({ partitionsDropped: 0, partitionsLeft: 1 });
  expect(await countOf('message_payload', lane)).toBe(5);
  expect(await retainPayloads(options())).toMatchObject({ partitionsDropped: 1, kept: 5 });
  expect(await countOf('message_payload_kept', lane)).toBe(5);
});

test('both payload tables have the same columns in the same order: one is moved to the other as it is', async () => {
  const { rows } = await store.pool.query<{ columns: string }>(
    `SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) AS columns FROM pg_attribute
      WHERE attrelid IN ('message_payload'::regclass, 'message_payload_kept'::regclass) AND attnum > 0 AND NOT attisdropped GROUP BY attrelid`,
  );
  expect(rows[0]?.columns).toBe(rows[1]?.columns);
});

test('the console says of a removed number what it went with', async () => {
  const lane = await agedLane(store.pool, [
    ...many(3, DELIVERED),
    { status: 'FAILED', days: OLD },
    { status: 'DELIVERED', days: 2 },
  ]);
  await retainSettled(options());
  expect(await readMessage(store.pool, lane.code, 2)).toBeNull();
  expect(await readRemovedRange(store.pool, lane.code, 2)).toMatchObject({
    interfaceCode: lane.code,
    from: 1,
    to: 4,
    delivered: 3,
    failed: 1,
  });
  expect(await readRemovedRange(store.pool, lane.code, 5)).toBeNull();
  // What is still there below the floor is shown as ever.
  expect(await readMessage(store.pool, lane.code, 4)).toMatchObject({
    status: 'FAILED',
    deadLetter: { resolvedAt: null },
  });
  expect((await readNumbers(store.pool, interfaceId(lane.id), 1, 5)).map((n) => n.sequenceNo)).toEqual([4, 5]);
});
