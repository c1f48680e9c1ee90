import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { instanceId, messageId, PIPELINE_STAGES } from '@inorder/core';
import { messageKeyHasher, uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  inbound,
  OFFERED_TO_NOBODY,
  RecordingLanes,
  realClock,
  type SiteFixture,
  silent,
  siteFixture,
} from '../../test/site-fixture.ts';
import { MemoryStageExchange } from '../adapters/memory/stage-queue.ts';
import { OPEN_CLAIMS } from '../adapters/postgres/claim-queries.ts';
import { createIngest } from '../ingest/ingest.ts';
import { offerToStages } from './offer-messages.ts';
import type { Stages } from './stages.ts';
import { createStages } from './worker-stages.ts';

const CHILD = new URL('../../test/stages-child.ts', import.meta.url).pathname;
const POISON = new URL('../../test/poison-worker.ts', import.meta.url);
let fixture: SiteFixture;

beforeEach(async () => {
  fixture = await siteFixture({ interfaces: 1 });
}, 60_000);
afterEach(async () => fixture[Symbol.asyncDispose](), 60_000);

async function takeIn(bodies: readonly string[]): Promise<void> {
  const ingest = createIngest({
    ...fixture,
    lanes: new RecordingLanes(),
    stages: OFFERED_TO_NOBODY,
    clock: realClock,
    logger: silent,
  });
  await Promise.all(bodies.map((body) => ingest.handle(inbound(fixture.shared, 'LAB-0001', body))));
}

interface Row {
  readonly raw: string;
  readonly status: string;
  readonly code: string | null;
}

async function rows(): Promise<Row[]> {
  const { rows: found } = await fixture.test.pool.query<Row>(
    `SELECT convert_from(p.raw, 'UTF8') AS raw, t.status, d.error_code AS code
       FROM message_tracking t JOIN message_payload p USING (message_id) LEFT JOIN dead_letter d USING (message_id)
      ORDER BY t.sequence_no`,
  );
  return found;
}

/** Chunks in the hands of `instance`, after so many deaths, each with all messages that are there. */
async function chunkOf(instance: string, deaths: number): Promise<void> {
  await fixture.test.pool.query('DELETE FROM stage_claim');
  await fixture.test.pool.query(
    `INSERT INTO stage_claim (claim_id, instance, deaths, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
     SELECT $1, $2, $3, array_agg(message_id), array_agg(interface_id), array_agg(sequence_no), array_agg(revision), array_agg(run), array_agg(received_at)
       FROM message_tracking`,
    [uuidv7(), instance, deaths],
  );
}

function host(name: string, lanes: RecordingLanes): Stages {
  const stages = createStages({
    database: fixture.database,
    site: fixture.site,
    lanes,
    clock: realClock,
    logger: silent,
    instance: instanceId(name),
    hosts: PIPELINE_STAGES,
    queue: new MemoryStageExchange().open(),
    othersHelp: () => true,
    leaseMs: 10_000,
    living: () => [name],
    reconcileIntervalMs: 20,
    hashKey: messageKeyHasher(new Uint8Array(32).fill(7)),
    limits: { stageWorkers: 1 },
    workerEntry: POISON,
  });
  stages.start();
  return stages;
}

describe('G16: poison of the process', () => {
  test('G16: a message that kills its process goes alone in the end and is dead-lettered; nobody else is charged', async () => {
    await takeIn(Array.from({ length: 24 }, (_, i) => (i === 5 ? 'kill' : `order ${i}`)));
    let deaths = 0;
    for (let done = ''; done !== 'done'; ) {
      const child = spawn(process.execPath, [CHILD, fixture.test.url, 'stages-1'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        done += text;
      });
      const [, signal] = await once(child, 'close');
      if (signal !== null) deaths += 1;
      // A service manager starts it again; what it knows is in Postgres.
      expect(deaths).toBeLessThan(7);
    }
    expect(deaths).toBe(5);
    const all = await rows();
    expect(all[5]).toEqual({ raw: 'kill', status: 'FAILED', code: 'STAGE_PROCESS_DIED' });
    expect(all.filter((row) => row.status === 'PROCESSED')).toHaveLength(23);
  }, 300_000);

  test('after one death a chunk is taken whole: most processes end for other reasons, and their messages are wanted', async () => {
    await takeIn(Array.from({ length: 8 }, (_, i) => `order ${i}`));
    await chunkOf('dead-1', 0);
    const lanes = new RecordingLanes();
    const stages = host('other-1', lanes);
    await lanes.ended(8);
    expect(stages.counters().chunksTaken).toBe(1);
    await stages.stop();
  }, 60_000);

  test.each([
    [2, 3],
    [3, 20],
  ])(
    'after %i it is taken apart, into %i, and every message is run',
    async (deaths, parts) => {
      await takeIn(Array.from({ length: 20 }, (_, i) => `order ${i}`));
      await chunkOf('dead-1', deaths - 1);
      const lanes = new RecordingLanes();
      const stages = host('other-1', lanes);
      await lanes.ended(20);
      expect(stages.counters().chunksTaken).toBe(parts);
      await eventually('no chunk left', async () => {
        const { rows: left } = await fixture.test.pool.query('SELECT 1 FROM stage_claim');
        return left.length === 0;
      });
      await stages.stop();
    },
    60_000,
  );

  test('what the watchdog offers anew has died as often as before', async () => {
    await takeIn(['order']);
    await chunkOf('dead-1', 3);
    const { pool } = fixture.test;
    await pool.query("UPDATE stage_claim SET claimed_at = now() - interval '1 hour'");
    const { rows: found } = await pool.query<{ id: string }>('SELECT message_id AS id FROM message_tracking');
    const queue = { offer: () => undefined };
    const ids = found.map((row) => messageId(row.id));
    expect(await offerToStages({ queries: fixture.database, queue, stageStuckMs: 30_000 }, ids)).toBe(1);
    const { rows: claims } = await pool.query('SELECT deaths FROM stage_claim WHERE instance IS NULL');
    expect(claims).toEqual([{ deaths: 3 }]);
  }, 60_000);
});

test('G19: open chunks are found by index, the oldest first, whatever waits', async () => {
  const { database } = fixture;
  const types = 'uuid[], text, text[], int, uuid[], int, text[], int, int';
  const plan = await database.transaction(async (queries) => {
    await queries.query({ name: '', text: `PREPARE look (${types}) AS ${OPEN_CLAIMS.text}` }, []);
    const values = "'{}', 'a', '{VALIDATE,ENRICH}', 1000, '{}', 8, '{a}', 0, 1000";
    // Planned on the empty table, as a connection of an engine does.
    await queries.query({ name: '', text: `EXECUTE look (${values})` }, []);
    await fixture.test.pool.query(
      `INSERT INTO stage_claim (claim_id, stage, claimed_at, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
       SELECT gen_random_uuid(), 'VALIDATE', '2026-01-01', ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()], '{1}', '{1}', '{1}', '{now}'
         FROM generate_series(1, 20000)`,
    );
    return queries.query<Record<string, string>>(
      { name: '', text: `EXPLAIN (ANALYZE, BUFFERS, TIMING off, SUMMARY off) EXECUTE look (${values})` },
      [],
    );
  });
  const text = plan.map((row) => row['QUERY PLAN']).join('\n');
  const buffers = Number(/Buffers: shared hit=(\d+)/.exec(text)?.[1]);
  expect(text).toMatch(/actual rows=8\D/);
  expect(buffers, text).toBeLessThan(200);
}, 60_000);
