import {
  type AttemptNote,
  type Epoch,
  type InterfaceId,
  interfaceId,
  type MessageId,
  messageId,
  type SettleItem,
  sequenceNo,
  shard,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { createDatabase, type Database } from '../adapters/postgres/database.ts';
import { readHeadTries } from '../adapters/postgres/lane-queries.ts';
import { acquire, observe, renew } from '../adapters/postgres/lease-queries.ts';
import { identified, type SettleEntry, settle } from '../adapters/postgres/settle-queries.ts';
import { SettleLoop, type SettleOutcome } from './settle-loop.ts';
import { ShardHold } from './shard-hold.ts';

const SHARD = shard(7);
let store: TestDatabase;
let database: Database;
let lane: InterfaceId;
/** Message number 1. */
let first: MessageId;

beforeAll(async () => {
  store = await testDatabase();
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: systemClock,
  });
});
afterAll(async () => {
  await database.close();
  await store[Symbol.asyncDispose]();
});
beforeEach(async () => {
  lane = interfaceId(uuidv7());
  const code = `T-${lane.slice(-12).toUpperCase()}`;
  await store.pool.query(`INSERT INTO interface (interface_id, code, name, shard) VALUES ($1, $2, 'test', 7)`, [
    lane,
    code,
  ]);
  await store.pool.query(`INSERT INTO interface_sequence (interface_id, last_sequence_no) VALUES ($1, 5)`, [lane]);
  await store.pool.query(`INSERT INTO message_delivery_checkpoint (interface_id, shard) VALUES ($1, 7)`, [lane]);
  for (let n = 1; n <= 5; n++) {
    const id = messageId(uuidv7());
    if (n === 1) first = id;
    await store.pool.query(
      `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision) VALUES ($1, $2, $3, 'PROCESSED', 1)`,
      [id, lane, n],
    );
  }
});

async function takeShard(owner: string): Promise<Epoch> {
  const { leases } = await observe(database);
  const seen = leases.find((l) => l.shard === SHARD);
  if (seen === undefined) throw new Error('shard 7 has no lease row');
  const [got] = await acquire(database, owner as never, 10_000, [seen]);
  if (got === undefined) throw new Error('shard 7 was not acquired');
  return got.epoch;
}

function item(change: Partial<SettleItem> = {}): SettleItem {
  return {
    interfaceId: lane,
    expectedCheckpoint: sequenceNo(0),
    checkpoint: sequenceNo(1),
    grantedThrough: sequenceNo(2),
    changes: [{ sequenceNo: sequenceNo(1), messageId: first, from: 'PROCESSED', to: 'DELIVERED', settles: true }],
    deadLetters: [],
    attempts: [],
    failedRun: 0,
    failedRunCode: null,
    heldFor: null,
    ...change,
  };
}

function entry(of: Epoch, settled: SettleItem): SettleEntry {
  return { shard: SHARD, epoch: of, interfaceId: lane, item: settled, attempts: identified(settled.attempts) };
}

const NOTE: AttemptNote = {
  sequenceNo: sequenceNo(1),
  messageId: messageId(uuidv7()),
  attemptNo: 1,
  kind: 'FIRST',
  outcome: 'UNKNOWN',
  destinationId: null,
  code: 'MLLP_ACK_TIMEOUT',
  ackCode: null,
  detail: null,
  controlId: 'C1',
  response: null,
  durationMs: 1,
};

function loopOver(over: Database, batchMax: number): SettleLoop {
  return new SettleLoop({
    database: over,
    owner: 'A',
    batchMax,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    onLost: () => undefined,
  });
}

async function laneNow(): Promise<{ checkpoint: number; statuses: string[] }> {
  const checkpoint = await store.pool.query(
    'SELECT last_delivered_sequence::int AS c FROM message_delivery_checkpoint WHERE interface_id = $1',
    [lane],
  );
  const rows = await store.pool.query(
    'SELECT status FROM message_tracking WHERE interface_id = $1 ORDER BY sequence_no',
    [lane],
  );
  return { checkpoint: checkpoint.rows[0].c, statuses: rows.rows.map((r) => r.status) };
}

test('G5: a settlement moves tracking and checkpoint together', async () => {
  const mine = await takeShard('A');
  const answer = await settle(database, 'A', [entry(mine, item())]);
  expect([...answer.shards]).toEqual([SHARD]);
  expect([...answer.lanes]).toEqual([lane]);
  expect(await laneNow()).toEqual({
    checkpoint: 1,
    statuses: ['DELIVERED', 'PROCESSED', 'PROCESSED', 'PROCESSED', 'PROCESSED'],
  });
});

test('G10: the settlement of a former owner changes nothing, and says which shard is lost', async () => {
  const old = await takeShard('A');
  await takeShard('B');
  const answer = await settle(database, 'A', [entry(old, item())]);
  expect([...answer.shards]).toEqual([]);
  expect([...answer.lanes]).toEqual([]);
  expect((await laneNow()).statuses[0]).toBe('PROCESSED');
});

test('G10: a takeover waits for a settlement that holds the lease row, and then sees what it committed', async () => {
  const old = await takeShard('A');
  const client = await store.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT shard FROM shard_lease WHERE shard = 7 AND epoch = $1 FOR SHARE', [old]);
    // SKIP LOCKED passes over the row while a settlement of A is under way.
    await expect(takeShard('B')).rejects.toThrow('not acquired');
    await client.query('COMMIT');
  } finally {
    client.release();
  }
  expect(await takeShard('B')).toBe(old + 1);
});

test('G5: a checkpoint moves only when every row of the lane changed; the other lanes of the batch are not hurt', async () => {
  const mine = await takeShard('A');
  await store.pool.query(`UPDATE message_tracking SET status = 'SKIPPED' WHERE interface_id = $1 AND sequence_no = 1`, [
    lane,
  ]);
  const answer = await settle(database, 'A', [entry(mine, item())]);
  expect([...answer.shards]).toEqual([SHARD]);
  expect([...answer.lanes]).toEqual([]);
  expect((await laneNow()).checkpoint).toBe(0);
});

test('G12: repeating a settlement whose answer was lost changes nothing and asks for the lane to be read again', async () => {
  const mine = await takeShard('A');
  const same = entry(mine, item());
  await settle(database, 'A', [same]);
  const answer = await settle(database, 'A', [same]);
  expect([...answer.lanes]).toEqual([]);
  expect((await laneNow()).checkpoint).toBe(1);
});

test('G6: a dead letter, its attempts and the pass are one commit; a NUL in an answer cannot stop it (G16)', async () => {
  const mine = await takeShard('A');
  const id = messageId(uuidv7());
  const attempt = {
    sequenceNo: sequenceNo(1),
    messageId: id,
    attemptNo: 4,
    kind: 'RETRY',
    outcome: 'NACKED',
    destinationId: null,
    code: 'MLLP_NACK_ERROR',
    ackCode: 'A\u0000E',
    detail: 'LIS-1 answered \u0000AE',
    controlId: 'C1',
    response: new Uint8Array([0, 1, 2]),
    durationMs: 3,
  } as const;
  const dead = {
    messageId: id,
    code: 'MLLP_NACK_ERROR',
    detail: 'LIS-1 answered AE',
    attempts: 4,
    destinationId: null,
    maybeDelivered: false,
    sequenceNo: sequenceNo(1),
  } as const;
  const failed = item({
    changes: [{ sequenceNo: sequenceNo(1), messageId: first, from: 'PROCESSED', to: 'FAILED', settles: true }],
    attempts: [attempt],
    deadLetters: [dead],
    failedRun: 1,
    failedRunCode: 'MLLP_NACK_ERROR',
  });
  const answer = await settle(database, 'A', [entry(mine, failed)]);
  expect([...answer.lanes]).toEqual([lane]);
  const letters = await store.pool.query(
    'SELECT error_code, attempts, signature FROM dead_letter WHERE message_id = $1',
    [id],
  );
  expect(letters.rows).toEqual([
    { error_code: 'MLLP_NACK_ERROR', attempts: 4, signature: 'DELIVER|MLLP_NACK_ERROR||' },
  ]);
  const attempts = await store.pool.query('SELECT ack_code, response FROM delivery_attempt WHERE message_id = $1', [
    id,
  ]);
  expect(attempts.rows).toEqual([{ ack_code: 'AE', response: Buffer.from([0, 1, 2]) }]);
});

test('G5: Postgres itself refuses to move a checkpoint back', async () => {
  const mine = await takeShard('A');
  await settle(database, 'A', [entry(mine, item())]);
  await expect(
    store.pool.query('UPDATE message_delivery_checkpoint SET last_delivered_sequence = 0 WHERE interface_id = $1', [
      lane,
    ]),
  ).rejects.toThrow('may not move back');
});

test('G16: what Postgres refuses for its data waits alone; the settlements of others go on, and drains do not wait', async () => {
  const hold = new ShardHold(SHARD, await takeShard('A'), Number.POSITIVE_INFINITY);
  const loop = loopOver(database, 500);
  let noted = false;
  // An int4 cannot hold it (22003).
  loop.note(hold, lane, [{ ...NOTE, durationMs: 3e9 }], () => {
    noted = true;
  });
  const outcome = await new Promise<SettleOutcome>((resolve) => loop.settle(hold, item(), resolve));
  expect(outcome).toBe('SETTLED');
  await loop.drained();
  expect(noted).toBe(false);
  hold.lose();
});

test('G4, G9: a lane that breaks on its answer breaks alone: the others are told theirs once, and it is not settled again', async () => {
  const hold = new ShardHold(SHARD, await takeShard('A'), Number.POSITIVE_INFINITY);
  let statements = 0;
  const loop = loopOver(
    {
      ...database,
      query: (statement, values) => {
        statements += 1;
        return database.query(statement, values);
      },
    },
    10,
  );
  const told: SettleOutcome[] = [];
  loop.settle(hold, item(), (outcome) => void told.push(outcome));
  loop.note(hold, interfaceId(uuidv7()), [], () => {
    if (statements < 5) throw new Error('an invariant is broken');
  });
  await loop.drained();
  expect(told).toEqual(['SETTLED']);
  expect(statements).toBe(1);
  hold.lose();
});

test('G19: a statement carries a bounded number of changes, however many lanes pass many numbers at once', async () => {
  const hold = new ShardHold(SHARD, await takeShard('A'), Number.POSITIVE_INFINITY);
  const sizes: number[] = [];
  const loop = loopOver(
    {
      ...database,
      query: async (_, values) => {
        sizes.push((values[12] as unknown[]).length);
        return [{ shards: [SHARD], lanes: values[3] }] as never;
      },
    },
    10,
  );
  const [change] = item().changes;
  const changes = Array.from({ length: 25 }, () => change ?? expect.fail());
  const ended = Array.from({ length: 8 }, () => {
    const each = item({ interfaceId: interfaceId(uuidv7()), changes });
    return new Promise<SettleOutcome>((resolve) => loop.settle(hold, each, resolve));
  });
  expect(new Set(await Promise.all(ended))).toEqual(new Set(['SETTLED']));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(40);
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(200);
});

test('G12: renewals and settlements lock leases in the same order, so that they never end each other as a deadlock', async () => {
  const { leases } = await observe(database);
  const shards = leases.map((l) => l.shard);
  const held = await acquire(database, 'A' as never, 10_000, leases);
  expect(held).toHaveLength(256);
  const backwards = [...held].sort((a, b) => b.shard - a.shard);
  const entries = held.map((h): SettleEntry => ({ ...h, item: null, interfaceId: lane, attempts: [] }));
  let done = false;
  const settling = (async () => {
    while (!done) await settle(database, 'A', entries);
  })();
  for (let i = 0; i < 30; i++)
    expect((await renew(database, 'A' as never, 10_000, backwards)).size).toBe(shards.length);
  done = true;
  await settling;
});

test('G8: a repaired head starts over for its next owner, but a copy that may be out stays one that may be out', async () => {
  const mine = await takeShard('A');
  const unknown = { ...NOTE, messageId: first };
  const nacked = { ...unknown, attemptNo: 2, outcome: 'NACKED', code: 'MLLP_NACK_ERROR' } as const;
  await settle(database, 'A', [
    { shard: SHARD, epoch: mine, interfaceId: lane, item: null, attempts: identified([unknown, nacked]) },
  ]);
  const head = [{ interfaceId: lane, sequenceNo: sequenceNo(1) }];
  expect((await readHeadTries(database, head)).get(lane)).toMatchObject({ counted: 1, unknowns: 1, maybeSent: true });
  await store.pool.query(
    `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts, resolved_at, resolution)
     VALUES ($1, $2, 1, 'DELIVER', 'MLLP_NACK_ERROR', 's', 'd', 2, now(), 'REPAIRED')`,
    [first, lane],
  );
  expect((await readHeadTries(database, head)).get(lane)).toEqual({
    attempts: 2,
    counted: 0,
    unknowns: 0,
    firstUnknownAt: null,
    maybeSent: true,
    endpointNoted: null,
  });
});
