import { type InstanceId, instanceId, messageId, PIPELINE_STAGES, type PipelineStage, sequenceNo } from '@inorder/core';
import { messageKeyHasher, uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import type { Logger } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
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
import { repairNumbers, skipNumbers } from '../adapters/postgres/command-queries.ts';
import { dropStuckClaims } from '../adapters/postgres/watchdog-queries.ts';
import { createIngest } from '../ingest/ingest.ts';
import type { StageIntake } from './intake.ts';
import { offerToStages } from './offer-messages.ts';
import type { StageQueue } from './stage-queue.ts';
import type { Stages, StagesDependencies } from './stages.ts';
import { createStages } from './worker-stages.ts';

const hashKey = messageKeyHasher(new Uint8Array(32).fill(7));
const DOCUMENT = { enrich: [{ codeTable: 'tests', field: 'OBR-4' }], route: [{ name: 'all', to: 'lis' }] };
const SILENT_QUEUE: StageQueue = {
  offer: () => undefined,
  serve: () => undefined,
  lost: 0,
  close: async () => undefined,
};

function order(control: string, code = 'GLU'): string {
  return [
    `MSH|^~\\&|ORDERS|NORTH|LAB|CENTRAL|20260102030405||OML^O21^OML_O21|${control}|P|2.5.1`,
    'PID|1||MRN0001^^^NORTH^MR||Example^Alpha',
    'ORC|NW|PLC0001^ORDERS',
    `OBR|1|PLC0001^ORDERS||${code}^Glucose^L`,
    '',
  ].join('\r');
}

interface Row {
  readonly status: string;
  readonly processed: string | null;
  readonly enriched: string | null;
  readonly control_id: string | null;
  readonly error_code: string | null;
  readonly stage: string | null;
}

let fixture: SiteFixture;
const running: Stages[] = [];
/** What presence would say. */
const living = new Set<string>();

beforeEach(async () => {
  fixture = await siteFixture({ interfaces: 1, document: DOCUMENT });
  const { pool } = fixture.test;
  await pool.query(
    "INSERT INTO code_table VALUES ('0190c0de-0000-7000-8000-00000000000a', 'tests', 'LN', 1, now(), 'test')",
  );
  await pool.query(
    "INSERT INTO code_table_entry VALUES ('0190c0de-0000-7000-8000-00000000000a', 1, 'GLU', '2345-7', 'Glucose')",
  );
  await fixture.site.refresh();
});
afterEach(async () => {
  living.clear();
  for (const each of running.splice(0)) await each.stop();
  await fixture[Symbol.asyncDispose]();
});

async function host(
  name: string,
  hosts: readonly PipelineStage[],
  lanes: RecordingLanes,
  more: Partial<StagesDependencies> = {},
): Promise<Stages> {
  living.add(name);
  const stages = createStages({
    database: fixture.database,
    site: fixture.site,
    lanes,
    clock: realClock,
    logger: silent,
    instance: instanceId(name),
    hosts,
    queue: SILENT_QUEUE,
    othersHelp: () => true,
    leaseMs: 10_000,
    living: () => [...living],
    reconcileIntervalMs: 20,
    hashKey,
    limits: { stageWorkers: 1 },
    ...more,
  });
  running.push(stages);
  stages.start();
  return stages;
}

function ingestInto(stages: StageIntake, instance: InstanceId = fixture.instance): ReturnType<typeof createIngest> {
  return createIngest({ ...fixture, instance, lanes: new RecordingLanes(), stages, clock: realClock, logger: silent });
}

async function take(stages: StageIntake, bodies: readonly string[]): Promise<void> {
  const ingest = ingestInto(stages);
  await Promise.all(bodies.map((body) => ingest.handle(inbound(fixture.shared, 'LAB-0001', body))));
}

async function rows(): Promise<Row[]> {
  const { rows: found } = await fixture.test.pool.query<Row>(
    `SELECT t.status, convert_from(p.processed, 'UTF8') AS processed, convert_from(p.enriched, 'UTF8') AS enriched, p.control_id,
            d.error_code, d.stage
       FROM message_tracking t JOIN message_payload p USING (message_id) LEFT JOIN dead_letter d USING (message_id)
      ORDER BY t.sequence_no`,
  );
  return found;
}

async function claims(): Promise<{ stage: string; instance: string | null; n: number }[]> {
  const { rows: found } = await fixture.test.pool.query<{ stage: string; instance: string | null; n: number }>(
    'SELECT stage, instance, cardinality(message_ids) AS n FROM stage_claim ORDER BY stage, claim_id',
  );
  return found;
}

async function offeredFor(stage: PipelineStage): Promise<boolean> {
  const found = await claims();
  return (
    found.length === 1 && found.every((claim) => claim.stage === stage && claim.instance === null && claim.n === 1)
  );
}

describe('one stage an instance', () => {
  test('a message goes through all of them and ends as if it had gone through one', async () => {
    const lanes = new RecordingLanes();
    const exchange = new MemoryStageExchange();
    await Promise.all(PIPELINE_STAGES.map((stage) => host(`${stage}-1`, [stage], lanes, { queue: exchange.open() })));
    const bodies = Array.from({ length: 40 }, (_, i) =>
      i === 7 ? 'not HL7' : order(`C${i}`, i === 9 ? 'XYZ' : 'GLU'),
    );
    const intake = await host('ingest-1', [], lanes, { queue: exchange.open() });
    await take(intake, bodies);
    await lanes.ended(40);
    const split = await rows();
    expect(split.filter((row) => row.status === 'PROCESSED')).toHaveLength(38);
    expect(split[7]).toMatchObject({ status: 'FAILED', stage: 'VALIDATE' });
    expect(split[9]).toMatchObject({ status: 'FAILED', stage: 'ENRICH', error_code: 'ENRICH_CODE_UNKNOWN' });
    expect(split[0]).toMatchObject({ enriched: null, control_id: 'C0' });
    expect(split[0]?.processed).toContain('OBR|1|PLC0001^ORDERS||2345-7^Glucose^LN^GLU^Glucose^L');
    expect(await claims()).toEqual([]);
    // The same orders where one instance hosts every stage.
    const whole = await host('whole-1', PIPELINE_STAGES, lanes);
    await take(
      whole,
      bodies.map((body) => `${body}\r`.replace(/\r\r$/, '\r')),
    );
    await lanes.ended(80);
    const again = (await rows()).slice(40);
    expect(again).toEqual(split);
  });

  test('between two stages the message waits VALIDATED, then ENRICHED, in a chunk that nobody has', async () => {
    const lanes = new RecordingLanes();
    const validate = await host('validate-1', ['VALIDATE'], lanes);
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    await eventually('a chunk for ENRICH', () => offeredFor('ENRICH'));
    expect(await rows()).toMatchObject([{ status: 'VALIDATED', enriched: null }]);
    expect(validate.counters()).toMatchObject({ handedOn: 1, waiting: 0, chunksFound: 1 });
    await host('enrich-1', ['ENRICH'], lanes);
    await eventually('a chunk for ROUTE', () => offeredFor('ROUTE'));
    expect((await rows())[0]?.enriched).toContain('2345-7^Glucose^LN');
    expect(lanes.ends).toHaveLength(0);
    await host('route-1', ['ROUTE'], lanes);
    await lanes.ended(1);
    expect(await rows()).toMatchObject([{ status: 'PROCESSED', enriched: null, control_id: 'C1' }]);
  });
});

describe('G11: what no hint tells is found in Postgres', () => {
  test('a chunk of an instance that died is taken by another, one of a living instance is not', async () => {
    living.add('alive-1');
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    await take(OFFERED_TO_NOBODY, [order('C2')]);
    const { pool } = fixture.test;
    await pool.query(
      `UPDATE stage_claim SET instance = CASE WHEN message_ids[1] = (SELECT message_id FROM message_tracking WHERE sequence_no = 1)
                                              THEN 'dead-1' ELSE 'alive-1' END`,
    );
    const lanes = new RecordingLanes();
    await host('other-1', PIPELINE_STAGES, lanes);
    await lanes.ended(1);
    expect((await rows()).map((row) => row.status)).toEqual(['PROCESSED', 'RECEIVED']);
    living.delete('alive-1');
    await lanes.ended(2);
  });

  test('what an instance took that has just begun is left to it by those who have not seen it yet', async () => {
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    const { pool } = fixture.test;
    await pool.query("UPDATE stage_claim SET instance = 'young-1'");
    await pool.query(
      "INSERT INTO engine_instance (instance, roles, version, started_at, heartbeat_at, heartbeats) VALUES ('young-1', '{}', '0', now(), now(), 1)",
    );
    await take(OFFERED_TO_NOBODY, [order('C2')]);
    const lanes = new RecordingLanes();
    const other = await host('other-1', PIPELINE_STAGES, lanes);
    await lanes.ended(1);
    expect(await claims()).toMatchObject([{ instance: 'young-1' }]);
    // Silent, and not for the others alone.
    await pool.query("UPDATE engine_instance SET heartbeat_at = now() - interval '11 seconds'");
    await lanes.ended(2);
    expect(other.counters().chunksTaken).toBe(2);
  });

  test('G12: a chunk whose taking was not answered is taken again at the next look, not after a lease', async () => {
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    const database = new ShakyDatabase(fixture.database);
    let lost = 0;
    database.fault = (name) => name === 'stage_take_claims' && lost++ === 0;
    const lanes = new RecordingLanes();
    await host('other-1', PIPELINE_STAGES, lanes, { database, leaseMs: 600_000 });
    await lanes.ended(1);
    expect(lost).toBe(2);
    expect((await rows()).map((row) => row.status)).toEqual(['PROCESSED']);
  });

  test('two instances look for the same chunks: each is run once', async () => {
    const lanes = new RecordingLanes();
    for (let i = 0; i < 20; i++) await take(OFFERED_TO_NOBODY, [order(`C${i}`)]);
    const both = await Promise.all(['a-1', 'b-1'].map((name) => host(name, PIPELINE_STAGES, lanes)));
    await lanes.ended(20);
    const counters = both.map((each) => each.counters());
    expect(counters.reduce((sum, each) => sum + each.processed, 0)).toBe(20);
    expect(counters.reduce((sum, each) => sum + each.chunksTaken, 0)).toBe(20);
  });

  test('a chunk goes no further than there is room for, so that others get their share', async () => {
    const lanes = new RecordingLanes();
    await take(
      OFFERED_TO_NOBODY,
      Array.from({ length: 64 }, (_, i) => order(`C${i}`)),
    );
    expect((await claims()).map((claim) => claim.n)).toEqual(Array.from({ length: 8 }, () => 8));
    const stuck = new URL('../../test/poison-worker.ts', import.meta.url);
    await fixture.test.pool.query("UPDATE message_payload SET raw = 'loop'");
    await host('slow-1', PIPELINE_STAGES, lanes, {
      workerEntry: stuck,
      limits: { stageWorkers: 1, stageAheadMax: 1, stageTimeLimitMs: 60_000 },
    });
    await eventually('a chunk taken', async () => (await claims()).some((claim) => claim.instance === 'slow-1'));
    // A look takes what is there in one statement; the next has to wait for room.
    expect((await claims()).filter((claim) => claim.instance === null).length).toBeLessThan(8);
  });
});

test('G8, G14: a message that was run on two instances at once has one outcome and is told once', async () => {
  const lanes = new RecordingLanes();
  await take(OFFERED_TO_NOBODY, [order('C1')]);
  const { pool } = fixture.test;
  const { rows: saved } = await pool.query<{ claim_id: string }>('SELECT claim_id FROM stage_claim');
  await host('second-1', PIPELINE_STAGES, lanes);
  await lanes.ended(1);
  // The first one thought to be dead was only slow: its chunk is run again.
  await pool.query(
    `INSERT INTO stage_claim (claim_id, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
     SELECT $1, ARRAY[message_id], ARRAY[interface_id], ARRAY[sequence_no], ARRAY[revision], ARRAY[run], ARRAY[received_at] FROM message_tracking`,
    [saved[0]?.claim_id],
  );
  await eventually('no chunk left', async () => (await claims()).length === 0);
  expect(lanes.ends).toHaveLength(1);
  expect(await rows()).toMatchObject([{ status: 'PROCESSED', control_id: 'C1' }]);
});

describe('G14: a repair in place begins another run', () => {
  async function repair(): Promise<void> {
    const [id] = fixture.interfaceIds;
    if (id === undefined) throw new Error('no interface');
    await skipNumbers(fixture.database, id, [sequenceNo(1)]);
    // The table was wrong; that is why it was skipped.
    const { pool } = fixture.test;
    await pool.query(
      "INSERT INTO code_table_entry VALUES ('0190c0de-0000-7000-8000-00000000000a', 2, 'GLU', '9999-9', 'Glucose')",
    );
    await pool.query('UPDATE code_table SET current_version = 2');
    await repairNumbers(fixture.database, id, [sequenceNo(1)]);
  }

  async function offerAgain(): Promise<number> {
    const { rows: found } = await fixture.test.pool.query<{ id: string }>(
      'SELECT message_id AS id FROM message_tracking',
    );
    const ids = found.map((row) => messageId(row.id));
    return offerToStages({ queries: fixture.database, queue: SILENT_QUEUE, stageStuckMs: 30_000 }, ids);
  }

  test('skipped while it waited for ROUTE, then repaired: it goes through every stage of today', async () => {
    const lanes = new RecordingLanes();
    await host('front-1', ['VALIDATE', 'ENRICH'], lanes);
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    await eventually('a chunk for ROUTE', () => offeredFor('ROUTE'));
    await repair();
    // The chunk of the first run still waits; it does not stand in the way of the second.
    expect(await offerAgain()).toBe(1);
    await host('route-1', ['ROUTE'], lanes);
    await lanes.ended(1);
    await eventually('no chunk left', async () => (await claims()).length === 0);
    expect((await rows())[0]?.processed).toContain('9999-9^Glucose^LN');
    expect(lanes.ends).toHaveLength(1);
  });

  test('what a run from before the repair ends with is refused, and told nobody', async () => {
    const lanes = new RecordingLanes();
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    const former = await claims();
    await repair();
    expect(await offerAgain()).toBe(1);
    await fixture.test.pool.query("UPDATE stage_claim SET claimed_at = now() - interval '1 hour' WHERE runs[1] = 1");
    await host('slow-1', PIPELINE_STAGES, lanes);
    await lanes.ended(1);
    await eventually('no chunk left', async () => (await claims()).length === 0);
    expect(former).toHaveLength(1);
    const { rows: found } = await fixture.test.pool.query('SELECT run, status FROM message_tracking');
    expect(found).toEqual([{ run: 2, status: 'PROCESSED' }]);
    expect(lanes.ends).toHaveLength(1);
  });
});

describe('chunks that are not whole', () => {
  test('G11, G16: one of the former version, without its arrays, does not keep others from being taken', async () => {
    const lanes = new RecordingLanes();
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    await fixture.test.pool.query(
      `INSERT INTO stage_claim (claim_id, instance, message_ids, claimed_at)
       SELECT $1, 'gone-1', ARRAY[message_id], now() - interval '1 minute' FROM message_tracking`,
      [uuidv7()],
    );
    await host('new-1', PIPELINE_STAGES, lanes);
    await lanes.ended(1);
    await dropStuckClaims(fixture.database, 30_000);
    await eventually('no chunk left', async () => (await claims()).length === 0);
  });

  test('G19: one whose payloads are gone is told of in the log and does not live for ever', async () => {
    await take(OFFERED_TO_NOBODY, [order('C1')]);
    await fixture.test.pool.query('DELETE FROM message_payload');
    const lines: object[] = [];
    const logger = { info: () => undefined, warn: () => undefined, error: (fields: object) => void lines.push(fields) };
    await host('new-1', PIPELINE_STAGES, new RecordingLanes(), { logger: logger as unknown as Logger });
    await eventually('no chunk left', async () => (await claims()).length === 0);
    expect(lines).toEqual([{ messageId: expect.any(String) }]);
  });
});
