/**
 * A process that only runs the stages, with the pipeline of poison-worker.ts, to be killed by a message: `node stages-child.ts
 * URL INSTANCE`. Ends by itself with what it writes on its standard output: `done` once no chunk is left.
 */
import { instanceId, PIPELINE_STAGES } from '@inorder/core';
import { messageKeyHasher } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { MemoryStageExchange } from '../src/adapters/memory/stage-queue.ts';
import { releaseOwnClaims } from '../src/adapters/postgres/claim-queries.ts';
import { createDatabase } from '../src/adapters/postgres/database.ts';
import { openSiteCache } from '../src/site/postgres-site-cache.ts';
import { createStages } from '../src/stages/worker-stages.ts';
import { RecordingLanes, realClock, silent } from './site-fixture.ts';

const [url = '', name = ''] = process.argv.slice(2);
const database = createDatabase({
  url,
  statementTimeoutMs: 10_000,
  connectionsMax: 2,
  applicationName: 'child',
  clock: realClock,
});
await releaseOwnClaims(database, instanceId(name));
const site = await openSiteCache({ database, clock: realClock, logger: silent });
const stages = createStages({
  database,
  site,
  lanes: new RecordingLanes(),
  clock: realClock,
  logger: silent,
  instance: instanceId(name),
  hosts: PIPELINE_STAGES,
  queue: new MemoryStageExchange().open(),
  othersHelp: () => false,
  leaseMs: 10_000,
  living: () => [name],
  reconcileIntervalMs: 20,
  hashKey: messageKeyHasher(new Uint8Array(32).fill(7)),
  limits: { stageWorkers: 1 },
  workerEntry: new URL('./poison-worker.ts', import.meta.url),
});
stages.start();
const claims = { name: 'claims', text: 'SELECT count(*)::int AS n FROM stage_claim' };
await eventually('no chunk left', async () => (await database.query<{ n: number }>(claims, []))[0]?.n === 0, {
  withinMs: 100_000,
});
await stages.stop();
await site.close();
await database.close();
process.stdout.write('done');
