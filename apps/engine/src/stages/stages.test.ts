import { fault, type MessageId, messageId, PIPELINE_STAGES } from '@inorder/core';
import { messageKeyHasher, uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { describe, expect, test } from 'vitest';
import {
  connectionLost,
  inbound,
  OFFERED_TO_NOBODY,
  RecordingLanes,
  realClock,
  ShakyDatabase,
  type SiteFixture,
  silent,
  siteFixture,
} from '../../test/site-fixture.ts';
import { MemoryStageExchange } from '../adapters/memory/stage-queue.ts';
import { createIngest, type Ingest } from '../ingest/ingest.ts';
import { openSiteCache } from '../site/postgres-site-cache.ts';
import { offerToStages } from './offer-messages.ts';
import type { Stages, StagesDependencies } from './stages.ts';
import { createStages } from './worker-stages.ts';

const hashKey = messageKeyHasher(new Uint8Array(32).fill(7));
const POISON = new URL('../../test/poison-worker.ts', import.meta.url);
const FAST = { stageWorkers: 1, retryDelayMs: [5, 10, 20], storeRetryDelayMs: 1, storeRetryDelayMsMax: 5 };

interface Engine extends AsyncDisposable {
  readonly lanes: RecordingLanes;
  readonly stages: Stages;
  readonly ingest: Ingest;
}

function engine(fixture: SiteFixture, more: Partial<StagesDependencies> = {}): Engine {
  const lanes = new RecordingLanes();
  const stages = createStages({
    database: fixture.database,
    site: fixture.site,
    lanes,
    clock: realClock,
    logger: silent,
    instance: fixture.instance,
    hosts: PIPELINE_STAGES,
    queue: new MemoryStageExchange().open(),
    othersHelp: () => false,
    leaseMs: 10_000,
    living: () => ['engine-a'],
    reconcileIntervalMs: 20,
    hashKey,
    workerEntry: POISON,
    ...more,
    limits: { ...FAST, ...more.limits },
  });
  const ingest = createIngest({
    database: fixture.database,
    site: fixture.site,
    lanes,
    stages,
    clock: realClock,
    logger: silent,
    instance: fixture.instance,
  });
  return {
    lanes,
    stages,
    ingest,
    async [Symbol.asyncDispose]() {
      await ingest.stop();
      await stages.stop();
    },
  };
}

interface Stored {
  readonly no: number;
  readonly status: string;
  readonly raw: string;
  readonly processed: string | null;
  readonly code: string | null;
  readonly attempts: number | null;
}

async function stored(fixture: SiteFixture): Promise<Stored[]> {
  const { rows } = await fixture.test.pool.query<{
    no: string;
    status: string;
    raw: Buffer;
    processed: Buffer | null;
    code: string | null;
    attempts: number | null;
  }>(
    `SELECT t.sequence_no AS no, t.status, p.raw, p.processed, d.error_code AS code, d.attempts
       FROM message_tracking t JOIN message_payload p USING (message_id) LEFT JOIN dead_letter d USING (message_id)
      ORDER BY t.sequence_no`,
  );
  return rows.map((row) => ({
    ...row,
    no: Number(row.no),
    raw: row.raw.toString(),
    processed: row.processed?.toString() ?? null,
  }));
}

async function claims(fixture: SiteFixture): Promise<number> {
  const { rows } = await fixture.test.pool.query<{ n: string }>('SELECT count(*) AS n FROM stage_claim');
  return Number(rows[0]?.n);
}

async function run(fixture: SiteFixture, on: Engine, bodies: readonly string[]): Promise<Stored[]> {
  await Promise.all(bodies.map((body) => on.ingest.handle(inbound(fixture.shared, 'LAB-0001', body))));
  await on.lanes.ended(bodies.length);
  return stored(fixture);
}

describe('outcomes', () => {
  test('each kind is written with what belongs to it, then told to the lanes; the claim is gone', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    await using on = engine(fixture);
    const rows = await run(fixture, on, ['hello', 'same x', 'permanent', 'filter', 'nowhere', 'nul']);
    expect(rows.map(({ status, processed, code, attempts }) => [status, processed, code, attempts])).toEqual([
      ['PROCESSED', 'HELLO', null, null],
      ['PROCESSED', null, null, null],
      ['FAILED', null, 'HL7_FIELD_TABLE', 1],
      ['FILTERED', null, null, null],
      ['FAILED', null, 'ROUTE_DESTINATION_MISSING', 1],
      ['FAILED', null, 'STORE_DATA_REFUSED', 1],
    ]);
    const ends = on.lanes.ends.toSorted((a, b) => a.sequenceNo - b.sequenceNo);
    const destinationId = fixture.site.destination('lis')?.destinationId;
    expect(ends[0]).toMatchObject({
      status: 'PROCESSED',
      controlId: 'C-hello',
      destinationId,
      placerKeys: [hashKey('PLACER', 'P-hello').toString('hex')],
    });
    const payloads = ends.map((end) => (end.status === 'PROCESSED' ? Buffer.from(end.payload ?? []).toString() : null));
    expect(payloads).toEqual(['HELLO', 'same x', null, null, null, null]);
    const { rows: letters } = await fixture.test.pool.query(
      'SELECT signature, path, table_name, value, faults FROM dead_letter WHERE value IS NOT NULL',
    );
    expect(letters).toEqual([
      {
        signature: 'ENRICH|HL7_FIELD_TABLE|OBR-4.1|ZZ',
        path: 'OBR-4.1',
        table_name: '0125',
        value: 'ZZ',
        faults: [fault('HL7_FIELD_TABLE', 'not in the table', { path: 'OBR-4.1', table: '0125', value: 'ZZ' })],
      },
    ]);
    const { rows: keys } = await fixture.test.pool.query(
      'SELECT kind, key_hash, order_control FROM message_key WHERE sequence_no = 1 ORDER BY kind',
    );
    expect(keys).toEqual([
      { kind: 'PLACER', key_hash: hashKey('PLACER', 'P-hello'), order_control: 'NW' },
      { kind: 'MRN', key_hash: hashKey('MRN', 'M-1'), order_control: null },
    ]);
    expect(await claims(fixture)).toBe(0);
    expect(on.stages.counters()).toMatchObject({ waiting: 0, waitingBytes: 0 });
  });

  test('one round trip in and one out for what gathered, and no read', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    await using on = engine(fixture, { database });
    await run(fixture, on, ['warm up']);
    database.names.length = 0;
    await run(
      fixture,
      on,
      Array.from({ length: 500 }, (_, i) => `m${i}`),
    );
    expect(new Set(database.names)).toEqual(new Set(['stage_write_outcomes']));
    expect(database.names.length).toBeLessThan(10);
  });

  test('an answer lost after the commit is recognised; an outcome somebody else wrote is not told', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    let lose = true;
    database.fault = (name) => {
      const lost = lose && name === 'stage_write_outcomes';
      if (lost) lose = false;
      return lost;
    };
    await using on = engine(fixture, { database });
    await run(fixture, on, ['a']);
    expect(on.lanes.ends).toHaveLength(1);
    const id = messageId(
      (await fixture.test.pool.query<{ id: string }>('SELECT message_id AS id FROM message_tracking')).rows[0]?.id ??
        '',
    );
    const again = await on.stages.readMessage(id);
    if (again === undefined) throw new Error('no message');
    on.stages.received([again], uuidv7());
    await run(fixture, on, ['b']);
    await on.lanes.ended(2);
    expect(on.lanes.ends.map((end) => end.sequenceNo)).toEqual([1, 2]);
  });

  test('G12: while Postgres is away outcomes wait, and nothing is failed', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    const tried = Promise.withResolvers<void>();
    let away = true;
    let tries = 0;
    database.fault = () => {
      if (++tries === 5) tried.resolve();
      if (away) throw connectionLost();
      return false;
    };
    await using on = engine(fixture, { database });
    await on.ingest.handle(inbound(fixture.shared, 'LAB-0001', 'a'));
    await tried.promise;
    expect((await stored(fixture)).map((row) => row.status)).toEqual(['RECEIVED']);
    away = false;
    await on.lanes.ended(1);
    expect((await stored(fixture)).map((row) => row.status)).toEqual(['PROCESSED']);
  });
});

describe('G16: poison', () => {
  test.each([
    ['exit', 'STAGE_CRASHED', 30_000],
    ['memory', 'STAGE_CRASHED', 30_000],
    ['loop', 'STAGE_TIME_LIMIT', 300],
  ])(
    'G16: a message that does "%s" amid 500 is charged alone, %s',
    async (act, code, stageTimeLimitMs) => {
      await using fixture = await siteFixture({ interfaces: 1 });
      await using on = engine(fixture, { limits: { stageTimeLimitMs, stageHeapMbMax: 48 } });
      const bodies = Array.from({ length: 500 }, (_, i) => (i === 251 ? act : `m${i}`));
      const rows = await run(fixture, on, bodies);
      expect(
        rows.filter((row) => row.status !== 'PROCESSED').map((row) => [row.no, row.status, row.code, row.attempts]),
      ).toEqual([[252, 'FAILED', code, 4]]);
      expect(rows.map((row) => row.raw)).toEqual(bodies);
      expect(await claims(fixture)).toBe(0);
    },
    60_000,
  );

  test('G16: an internal failure is tried three times more, then dead-lettered', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    await using on = engine(fixture);
    const rows = await run(fixture, on, ['internal', 'm']);
    expect(rows.map((row) => [row.status, row.code, row.attempts])).toEqual([
      ['FAILED', 'STAGE_FAILED', 4],
      ['PROCESSED', null, null],
    ]);
    expect(on.lanes.ends.map((end) => end.sequenceNo)).toEqual([2, 1]);
    expect(on.stages.counters().retried).toBe(3);
  });

  test('G19: a hundred messages that are tried again are not a hundred statements', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    await using on = engine(fixture, { database });
    await run(
      fixture,
      on,
      Array.from({ length: 100 }, (_, i) => `internal ${i}`),
    );
    expect(on.stages.counters().retried).toBe(300);
    expect(database.names.filter((name) => name === 'stage_touch_claims').length).toBeLessThan(30);
  });

  test('G16: a lane that breaks on what it is told keeps no other outcome from being written, and is told once', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    let told = 0;
    class Breaking extends RecordingLanes {
      override stageEnded(...args: Parameters<RecordingLanes['stageEnded']>): void {
        told += 1;
        if (told === 1) throw new Error('an invariant is broken');
        super.stageEnded(...args);
      }
    }
    const lanes = new Breaking();
    await using on = engine(fixture, { lanes });
    const handle = (body: string): Promise<unknown> => on.ingest.handle(inbound(fixture.shared, 'LAB-0001', body));
    await handle('a');
    await eventually('the first is written', async () => (await stored(fixture))[0]?.status === 'PROCESSED');
    await eventually('it is told', () => told > 0);
    await handle('b');
    await lanes.ended(1);
    expect(lanes.ends.map((end) => Number(end.sequenceNo))).toEqual([2]);
    expect(on.stages.counters()).toMatchObject({ processed: 2, waiting: 0, waitingBytes: 0 });
  });

  test('G16: an innocent message beside poison is not charged, though its worker died under it', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    await using on = engine(fixture, { limits: { stageTimeLimitMs: 30_000 } });
    const rows = await run(fixture, on, ['a', 'exit', 'b', 'exit', 'c', 'exit']);
    expect(rows.map((row) => row.status)).toEqual([
      'PROCESSED',
      'FAILED',
      'PROCESSED',
      'FAILED',
      'PROCESSED',
      'FAILED',
    ]);
  }, 60_000);

  test('G16: while one message hangs, others go on in another worker', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    await using on = engine(fixture, { limits: { stageTimeLimitMs: 60_000, stageStallMs: 50, stageChunkMax: 1 } });
    await Promise.all(['loop', 'a', 'b'].map((body) => on.ingest.handle(inbound(fixture.shared, 'LAB-0001', body))));
    await on.lanes.ended(2);
    expect(on.lanes.ends.map((end) => end.sequenceNo)).toEqual([2, 3]);
  });

  test('G16: a stop with work under way charges nobody and gives the claim back', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const on = engine(fixture);
    await on.ingest.handle(inbound(fixture.shared, 'LAB-0001', 'loop'));
    await on.ingest.stop();
    await on.stages.stop();
    expect((await stored(fixture)).map((row) => row.status)).toEqual(['RECEIVED']);
    const { rows } = await fixture.test.pool.query('SELECT instance FROM stage_claim');
    expect(rows).toEqual([{ instance: null }]);
  });
});

test('G19: a full backlog slows ingest for a moment and never stops it; what has no room is offered, and taken when there is', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const limits = { stageBacklogMax: 5, stageAheadMax: 5, stageTimeLimitMs: 1000, retries: 0 };
  await using on = engine(fixture, { limits });
  const ingest = createIngest({
    ...fixture,
    lanes: on.lanes,
    stages: on.stages,
    clock: realClock,
    logger: silent,
    limits: { stageRoomWaitMs: 20 },
  });
  const send = (bodies: string[]): Promise<unknown> =>
    Promise.all(bodies.map((body) => ingest.handle(inbound(fixture.shared, 'LAB-0001', body))));
  await send(Array.from({ length: 5 }, () => 'loop'));
  expect(on.stages.keeps()).toBe(false);
  await send(['a', 'b']);
  expect(on.stages.counters().waiting).toBe(5);
  const { rows } = await fixture.test.pool.query<{ open: boolean; n: string }>(
    'SELECT instance IS NULL AS open, sum(cardinality(message_ids)) AS n FROM stage_claim GROUP BY 1 ORDER BY 1',
  );
  expect(rows).toEqual([
    { open: false, n: '5' },
    { open: true, n: '2' },
  ]);
  on.stages.start();
  await on.lanes.ended(7);
  expect((await stored(fixture)).slice(5).map((row) => row.status)).toEqual(['PROCESSED', 'PROCESSED']);
  expect(await claims(fixture)).toBe(0);
});

describe('code tables', () => {
  const document = {
    enrich: [{ codeTable: 'tests', field: 'OBR-4' }],
    route: [{ name: 'all', to: 'lis' }],
  };

  test('codes are read in a batch when first met, then never again until the version changes', async () => {
    await using fixture = await siteFixture({ interfaces: 1, document });
    const database = new ShakyDatabase(fixture.database);
    const site = await openSiteCache({ database, clock: realClock, logger: silent });
    await using on = engine(fixture, { site });
    const { pool } = fixture.test;
    expect((await run(fixture, on, ['lookup GLU']))[0]?.code).toBe('ENRICH_TABLE_MISSING');
    const table = uuidv7();
    await pool.query("INSERT INTO code_table VALUES ($1, 'tests', 'LN', 1, now(), 'test')", [table]);
    await pool.query(
      "INSERT INTO code_table_entry VALUES ($1, 1, 'GLU', '2345-7', 'Glucose'), ($1, 1, 'NA', '2951-2', 'Sodium')",
      [table],
    );
    // Not told of the change: the stages look again before they fail anybody for it.
    await Promise.all(
      ['lookup GLU', 'lookup NA', 'lookup K', 'lookup GLU'].map((body) =>
        on.ingest.handle(inbound(fixture.shared, 'LAB-0001', body)),
      ),
    );
    await on.lanes.ended(5);
    expect((await stored(fixture)).slice(1).map((row) => row.processed ?? row.code)).toEqual([
      '2345-7^Glucose^LN',
      '2951-2^Sodium^LN',
      'ENRICH_CODE_UNKNOWN',
      '2345-7^Glucose^LN',
    ]);
    database.names.length = 0;
    await Promise.all(
      ['lookup GLU', 'lookup K'].map((body) => on.ingest.handle(inbound(fixture.shared, 'LAB-0001', body))),
    );
    await on.lanes.ended(7);
    expect(database.names).toEqual([]);
    await pool.query("INSERT INTO code_table_entry VALUES ($1, 2, 'K', '2823-3', 'Potassium')", [table]);
    await pool.query('UPDATE code_table SET current_version = 2');
    await site.refresh();
    await on.ingest.handle(inbound(fixture.shared, 'LAB-0001', 'lookup K'));
    await on.lanes.ended(8);
    expect((await stored(fixture)).at(-1)?.processed).toBe('2823-3^Potassium^LN');
    expect(database.names.filter((name) => name === 'site_codes')).toHaveLength(1);
    await site.close();
  });
});

describe('taking messages up again', () => {
  async function ids(fixture: SiteFixture): Promise<MessageId[]> {
    const { rows } = await fixture.test.pool.query<{ id: string }>(
      'SELECT message_id AS id FROM message_tracking ORDER BY sequence_no',
    );
    return rows.map((row) => messageId(row.id));
  }

  test('messages that nobody has are offered and run, and nothing else', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const ingest = createIngest({
      ...fixture,
      lanes: new RecordingLanes(),
      stages: OFFERED_TO_NOBODY,
      clock: realClock,
      logger: silent,
    });
    await Promise.all(
      ['a', 'b', 'permanent', 'c'].map((body) => ingest.handle(inbound(fixture.shared, 'LAB-0001', body))),
    );
    const all = await ids(fixture);
    const { pool } = fixture.test;
    const queue = new MemoryStageExchange().open();
    const offer = (of: readonly MessageId[]): Promise<number> =>
      offerToStages({ queries: fixture.database, queue, stageStuckMs: 30_000 }, of);
    // All of them are in chunks that are offered.
    expect(await offer(all)).toBe(0);
    await pool.query('DELETE FROM stage_claim');
    await pool.query("UPDATE message_tracking SET status = 'DELIVERED' WHERE sequence_no = 2");
    expect(await offer([...all, messageId(uuidv7())])).toBe(3);
    await using on = engine(fixture, { queue, limits: { outcomeBatchBytesMax: 2 } });
    on.stages.start();
    await on.lanes.ended(3);
    expect((await stored(fixture)).map((row) => row.status)).toEqual(['PROCESSED', 'DELIVERED', 'FAILED', 'PROCESSED']);
    expect(await claims(fixture)).toBe(0);
    // Repaired in place: the same number again, its dead letter opens anew.
    await pool.query("UPDATE message_tracking SET status = 'RECEIVED' WHERE sequence_no = 3");
    await pool.query("UPDATE dead_letter SET resolved_at = now(), resolution = 'REPAIRED'");
    expect(await offer(all)).toBe(1);
    await on.lanes.ended(4);
    const { rows } = await pool.query('SELECT resolution FROM dead_letter');
    expect(rows).toEqual([{ resolution: null }]);
  });

  test('G14: a detached run has an outcome and writes nothing', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    await using on = engine(fixture);
    await run(fixture, on, ['a']);
    await fixture.test.pool.query("UPDATE message_tracking SET status = 'DELIVERED'");
    const [id] = await ids(fixture);
    const message = id === undefined ? undefined : await on.stages.readMessage(id);
    if (message === undefined) throw new Error('no message');
    const outcome = await on.stages.runDetached(message);
    expect(outcome).toMatchObject({ kind: 'PROCESSED', destination: 'lis', controlId: 'C-a' });
    expect(await on.stages.runDetached({ ...message, raw: Buffer.from('permanent') })).toMatchObject({
      kind: 'FAILED',
    });
    expect((await stored(fixture)).map((row) => [row.status, row.code])).toEqual([['DELIVERED', null]]);
    expect(await on.stages.readMessage(messageId(uuidv7()))).toBeUndefined();
  });
});

test('the product pipeline runs in the worker: an empty body ends FAILED, naming MSH', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  await using on = engine(fixture, { workerEntry: new URL('./worker.ts', import.meta.url) });
  const rows = await run(fixture, on, ['']);
  expect(rows.map((row) => [row.status, row.code])).toEqual([['FAILED', 'INGEST_EMPTY']]);
  const { rows: letters } = await fixture.test.pool.query<{ path: string }>('SELECT path FROM dead_letter');
  expect(letters[0]?.path).toBe('MSH-1');
});
