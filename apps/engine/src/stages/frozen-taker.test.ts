import { instanceId, PIPELINE_STAGES } from '@inorder/core';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { freezableWire } from '../../test/frozen-peer.ts';
import { inbound, OFFERED_TO_NOBODY, RecordingLanes, realClock, silent, siteFixture } from '../../test/site-fixture.ts';
import { takeClaims } from '../adapters/postgres/claim-queries.ts';
import { createDatabase } from '../adapters/postgres/database.ts';
import { createIngest } from '../ingest/ingest.ts';

/** More than the buffers of two sockets hold. */
const PAYLOADS = Array.from({ length: 2 }, () => Buffer.alloc(6_000_000, 'x'));
const BYTES_MAX = 20_000_000;

test('G10, G12: one that froze while it took a chunk keeps it from nobody', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  await using wire = await freezableWire(fixture.test.url);
  const ingest = createIngest({
    ...fixture,
    lanes: new RecordingLanes(),
    stages: OFFERED_TO_NOBODY,
    clock: realClock,
    logger: silent,
    limits: { ingestBatchBytesMax: BYTES_MAX },
  });
  await Promise.all(PAYLOADS.map((body) => ingest.handle(inbound(fixture.shared, 'LAB-0001', body))));
  const { pool } = fixture.test;
  const { rows } = await pool.query<{ id: string }>('SELECT claim_id AS id FROM stage_claim');
  const ids = rows.map((row) => row.id);
  const frozen = createDatabase({
    url: wire.url,
    statementTimeoutMs: 500,
    connectionsMax: 1,
    applicationName: 'frozen',
    clock: realClock,
  });
  const taker = { hosts: PIPELINE_STAGES, leaseMs: 10_000, known: [] };
  await frozen.query({ name: 'one', text: 'SELECT 1' }, []);
  wire.freeze();
  const take = takeClaims(frozen, ids, { ...taker, instance: instanceId('frozen-1'), living: ['frozen-1'] }, BYTES_MAX);
  await expect(take).rejects.toThrow();
  // Its process has given up, but the server has not heard of that.
  const taken = async (): Promise<number> =>
    (await takeClaims(fixture.database, ids, { ...taker, instance: instanceId('other-1'), living: ['other-1'] }, 1))
      .length;
  let found = 0;
  await eventually('the chunks are to be had', async () => {
    found += await taken();
    return found === ids.length;
  });
  await frozen.close();
}, 60_000);
