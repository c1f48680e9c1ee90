import { PIPELINE_STAGES } from '@inorder/core';
import { messageKeyHasher } from '@inorder/db';
import { expect, test } from 'vitest';
import { inbound, RecordingLanes, realClock, silent, siteFixture } from '../../../test/site-fixture.ts';
import { createIngest } from '../../ingest/ingest.ts';
import { createStages } from '../../stages/worker-stages.ts';
import { MemoryStageExchange } from '../memory/stage-queue.ts';
import { OFFER_MESSAGES } from './claim-queries.ts';
import { createDatabase, type Statement } from './database.ts';
import { STORE_BATCH } from './ingest-queries.ts';
import { READ_OUTCOMES, WRITE_OUTCOMES } from './outcome-queries.ts';

test.each([STORE_BATCH, WRITE_OUTCOMES, READ_OUTCOMES, OFFER_MESSAGES])(
  '$name: planned on empty tables, it is linear in its batch and reads by key',
  async (statement) => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = createDatabase({
      url: fixture.test.url,
      statementTimeoutMs: 30_000,
      connectionsMax: 1,
      keyedConnectionsMax: 1,
      applicationName: 'plans',
      clock: realClock,
    });
    const query = (text: string): Promise<Record<string, string>[]> =>
      database.query<Record<string, string>>({ name: '', text, keyed: true } satisfies Statement, []);
    await query(`PREPARE it AS ${statement.text}`);
    const parameters = new Set(statement.text.match(/\$\d+/g)).size;
    const plan = await query(`EXPLAIN EXECUTE it (${Array.from({ length: parameters }, () => 'NULL').join(', ')})`);
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('Hash');
    expect(text).not.toMatch(/Nested Loop|Seq Scan on (?!stage_claim)/);
    // stage_claim holds a row a chunk under way. Every other table is entered by an index condition, never read from end to end.
    const scans = text.match(/Index (Only )?Scan using|Bitmap Index Scan on/g) ?? [];
    expect(text.match(/Index Cond:/g)).toHaveLength(scans.length);
    await database.close();
  },
);

test('hot statements stay look-ups on a connection that planned them while the tables were empty', async () => {
  await using fixture = await siteFixture({ interfaces: 2000 });
  const { pool, url } = fixture.test;
  await pool.query('CREATE EXTENSION pg_stat_statements');
  // One connection: what was planned first is what runs last.
  const database = createDatabase({
    url,
    statementTimeoutMs: 30_000,
    connectionsMax: 1,
    keyedConnectionsMax: 1,
    applicationName: 'buffers',
    clock: realClock,
  });
  const lanes = new RecordingLanes();
  const common = { database, site: fixture.site, lanes, clock: realClock, logger: silent, instance: fixture.instance };
  const stages = createStages({
    ...common,
    hosts: PIPELINE_STAGES,
    queue: new MemoryStageExchange().open(),
    othersHelp: () => false,
    leaseMs: 10_000,
    living: () => ['engine-a'],
    reconcileIntervalMs: 1000,
    hashKey: messageKeyHasher(new Uint8Array(32)),
    workerEntry: new URL('../../../test/poison-worker.ts', import.meta.url),
  });
  const ingest = createIngest({ ...common, stages });
  let sent = 0;
  const send = async (count: number, apart: boolean): Promise<void> => {
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const act = sent % 5 === 0 ? 'permanent' : `m${sent}`;
      all.push(ingest.handle(inbound(fixture.shared, fixture.codes[sent % 2000] ?? '', act)));
      sent += 1;
      if (apart) await lanes.ended(sent);
    }
    await Promise.all(all);
    await lanes.ended(sent);
  };
  await send(10, true);
  await send(8000, false);
  await pool.query('SELECT pg_stat_statements_reset()');
  await send(20, true);
  const { rows } = await pool.query<{ query: string; calls: string; blocks: string }>(
    `SELECT query, calls, (shared_blks_hit + shared_blks_read) / calls AS blocks FROM pg_stat_statements
      WHERE query LIKE '%message_payload%'`,
  );
  expect(rows.map((row) => row.calls)).toEqual(['20', '20']);
  for (const row of rows) expect(Number(row.blocks), row.query).toBeLessThan(150);
  await ingest.stop();
  await stages.stop();
  await database.close();
}, 60_000);
