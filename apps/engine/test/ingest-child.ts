/**
 * A process that only takes in, to be killed by a test: `node ingest-child.ts URL SOURCE CODES FROM COUNT`. Writes the
 * index of each accepted message, a line each, at once.
 */
import { writeSync } from 'node:fs';
import { instanceId, sourceId } from '@inorder/core';
import { createDatabase } from '../src/adapters/postgres/database.ts';
import { createIngest } from '../src/ingest/ingest.ts';
import { openSiteCache } from '../src/site/postgres-site-cache.ts';
import { inbound, OFFERED_TO_NOBODY, RecordingLanes, realClock, silent } from './site-fixture.ts';

const [url = '', source = '', codes = '', pending = ''] = process.argv.slice(2);
const database = createDatabase({
  url,
  statementTimeoutMs: 5000,
  connectionsMax: 2,
  applicationName: 'child',
  clock: realClock,
});
const site = await openSiteCache({ database, clock: realClock, logger: silent });
const ingest = createIngest({
  database,
  site,
  lanes: new RecordingLanes(),
  stages: OFFERED_TO_NOBODY,
  clock: realClock,
  logger: silent,
  instance: instanceId('engine-a'),
  limits: { ingestBatchMax: 5 },
});
const lanes = codes.split(',');
await Promise.all(
  pending.split(',').map(async (text) => {
    const index = Number(text);
    const message = inbound(sourceId(source), lanes[index % lanes.length] ?? '', text, { jmsMessageId: `ID:${text}` });
    if ((await ingest.handle(message)).kind === 'accept') writeSync(1, `${text}\n`);
  }),
);
await ingest.stop();
await site.close();
await database.close();
