/** What an engine says of the queues it reads: whether the broker keeps each of them for one reader (G3). */
import { checkExclusive } from '@inorder/brokers/check-exclusive';
import { instanceId } from '@inorder/core';
import { applySite, joinSecrets, openSecrets } from '@inorder/db';
import { type ConnectionDocument, siteDocumentSchema } from '@inorder/shared';
import { TEST_SECRET_KEY } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { testDatabase } from '@inorder/testkit/services';
import { expect } from 'vitest';
import { createDatabase } from '../../src/adapters/postgres/database.ts';
import type { AskBroker } from '../../src/ingest/source-protection.ts';
import { Sources } from '../../src/ingest/sources.ts';
import { openSiteCache } from '../../src/site/postgres-site-cache.ts';
import { realClock, silent } from '../site-fixture.ts';
import type { Behave, Peer } from './column.ts';

const ROUND_MS = 5_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export const protection: Behave = async (peer) => {
  await using rig = await readingRig(peer);
  const { clock, sources } = rig;
  await sources.start();
  await rig.untilOpen();
  expect(rig.asked).toEqual([]);
  clock.advance(ROUND_MS);
  const setting = peer.broker?.setup.kind === 'artemis' ? '`exclusive`' : '`x-single-active-consumer`';
  expect(await rig.verdicts(2)).toEqual([
    ['guarded', 'PROTECTED', ''],
    ['open', 'NOT_PROTECTED', expect.stringContaining(`Set ${setting}`)],
  ]);

  // Another queue: what was seen of the old one is gone at once, and the new one is asked about.
  await rig.apply('clean');
  expect(await rig.verdicts(1)).toEqual([['guarded', 'PROTECTED', '']]);
  await rig.site.refresh();
  const isForgotten = () => sources.waysIn().queues.some(({ protection }) => protection === 'NOT_CHECKED');
  await eventually('the old queue is left', isForgotten);
  await rig.untilOpen();
  clock.advance(ROUND_MS);
  expect(await rig.verdicts(2)).toEqual([
    ['guarded', 'PROTECTED', ''],
    ['open', 'PROTECTED', ''],
  ]);

  // Another way to the broker, which may be another broker: all of it anew.
  await rig.apply('clean', { reconnectDelayMsMax: 600 });
  expect(await rig.verdicts(0)).toEqual([]);
  await rig.site.refresh();
  await eventually('the old connection is left', isForgotten);
  await rig.untilOpen();
  clock.advance(ROUND_MS);
  expect(await rig.verdicts(2)).toHaveLength(2);

  // The broker was away: its queues may be others now.
  expect(rig.asked.map((addresses) => addresses.length)).toEqual([2, 1, 2]);
  const askedMs = clock.monotonicMs();
  await peer.broker?.kill();
  await rig.untilAway();
  await peer.broker?.start();
  await rig.untilOpen(() => clock.advance(20));
  clock.advance(MINUTE_MS);
  await eventually('the queues are asked about again', () => {
    clock.advance(ROUND_MS);
    return rig.asked.length > 3;
  });
  expect(rig.asked[3]).toHaveLength(2);
  // Not for the ten minutes after which it would have been asked anyway.
  expect(clock.monotonicMs() - askedMs).toBeLessThan(5 * MINUTE_MS);
};

async function readingRig(peer: Peer) {
  const stack = new AsyncDisposableStack();
  const store = stack.use(await testDatabase());
  const apply = async (queue: string, over: object = {}): Promise<void> => {
    const site = siteDocumentSchema.parse({
      connections: { upstream: { ...peer.connection(), ...over } },
      sources: Object.fromEntries(
        Object.entries({ guarded: 'guarded', open: queue }).map(([name, each]) => [
          name,
          { connection: 'upstream', address: peer.addressOf(each), interfaces: [] },
        ]),
      ),
    });
    const applied = await applySite(store.pool, site, { actor: 'test', secretKey: TEST_SECRET_KEY });
    if (!applied.ok) throw new Error(`the site was not applied: ${JSON.stringify(applied.problems)}`);
  };
  await apply('unguarded');
  const common = { clock: realClock, logger: silent };
  const database = createDatabase({
    ...{ url: store.url, statementTimeoutMs: 30_000, connectionsMax: 4, applicationName: 'contract' },
    ...common,
  });
  stack.defer(() => database.close());
  const site = await openSiteCache({
    database,
    ...common,
    // Our own writing; zod checks it after this.
    openDocument: (document, sealed, id) =>
      joinSecrets(document as ConnectionDocument, openSecrets(sealed, id, TEST_SECRET_KEY)),
  });
  stack.defer(() => site.close());
  const clock = new ManualClock();
  const { managementUrl } = peer.broker?.setup ?? {};
  const asked: (readonly string[])[] = [];
  const askBroker: AskBroker = (broker, addresses, options) => {
    asked.push(addresses);
    return checkExclusive(broker, addresses, { ...options, ...(managementUrl === undefined ? {} : { managementUrl }) });
  };
  const sources = new Sources({
    ...{ queries: database, site, instance: instanceId('engine-1'), clock, logger: silent, askBroker },
    // Longer than all that time is moved on: nothing here is about leases.
    ...{ leaseMs: HOUR_MS, renewMs: HOUR_MS / 2, listenPort: undefined, payloadBytesMax: 1_000_000 },
    handler: async () => ({ kind: 'accept' }),
    onRefused: async () => ({ kind: 'release' }),
  });
  stack.defer(() => sources.stop());
  const open = (): number => sources.waysIn().queues.filter(({ state }) => state === 'OPEN').length;
  return {
    ...{ apply, asked, clock, site, sources },
    untilOpen: (meanwhile = (): void => undefined) =>
      eventually(
        'both queues are open',
        () => {
          meanwhile();
          return open() === 2;
        },
        { withinMs: 60_000, shown: () => [...sources.statuses.values()] },
      ),
    untilAway: () => eventually('the broker is missed', () => open() === 0),
    verdicts: (count: number) =>
      eventually(`${count} verdicts`, async () => {
        const { rows } = await store.pool.query<{ name: string; verdict: string; detail: string }>(
          'SELECT name, verdict, detail FROM source_protection JOIN source USING (source_id) ORDER BY name',
        );
        return rows.length === count && rows.map(({ name, verdict, detail }) => [name, verdict, detail]);
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
