import { createServer, type Server } from 'node:net';
import { eventually } from '@inorder/testkit/eventually';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { freePort } from '@inorder/testkit/services';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type SiteFixture, silent, siteFixture } from '../../test/site-fixture.ts';
import { Client, stopAll } from '../adapters/amqp/test-client.ts';
import { Sources } from './sources.ts';

const RENEW_MS = 3000;
let fixture: SiteFixture;
let clock: ManualClock;
let port: number;
let sources: Sources;

beforeEach(async () => {
  fixture = await siteFixture({ interfaces: 2 });
  clock = new ManualClock();
  port = await freePort();
  sources = new Sources({
    queries: fixture.database,
    site: fixture.site,
    instance: fixture.instance,
    clock,
    logger: silent,
    leaseMs: 10_000,
    renewMs: RENEW_MS,
    handler: async () => ({ kind: 'accept' }),
    onRefused: async () => ({ kind: 'release' }),
    listenPort: port,
    payloadBytesMax: 1_000_000,
    askBroker: async () => {
      throw new Error('a listener has no queue to ask about');
    },
  });
});
afterEach(async () => {
  await stopAll();
  await sources.stop();
  await fixture[Symbol.asyncDispose]();
});

test('G3: when the lease of a source goes elsewhere, its producers are sent away and others stay', async () => {
  await sources.start();
  const client = new Client(port);
  const lost = client.link('orders');
  const kept = client.link('copies');
  await client.until(() => lost.sender.sendable() && kept.sender.sendable());
  await fixture.test.pool.query("UPDATE source_lease SET owner = 'engine-b', epoch = epoch + 1 WHERE source_id = $1", [
    fixture.shared,
  ]);
  clock.advance(RENEW_MS);
  await client.until(() => lost.closed);
  expect(lost.refusal).toBe('amqp:link:detach-forced Another engine instance reads this source now; attach there');
  expect(kept.closed).toBe(false);
  expect((await client.refusal('orders')).refusal).toMatch(/^amqp:resource-locked/);
});

test('a port that was taken at the start is opened once it is free', async () => {
  const squatter = await new Promise<Server>((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
  await sources.start();
  await new Promise((resolve) => squatter.close(resolve));
  clock.advance(1000);
  for (let opened = false; !opened; ) {
    const client = new Client(port);
    await client.until(() => client.events.length > 0);
    opened = client.events.includes('connection_open');
  }
});

test('G19: a port that stays taken is tried by one timer, which ends with the sources', async () => {
  const squatter = await new Promise<Server>((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
  await sources.start();
  const timers = clock.pending;
  const heldEpoch = async (): Promise<number> => {
    const { rows } = await fixture.test.pool.query<{ epoch: string }>(
      'SELECT epoch FROM source_lease WHERE source_id = $1 AND owner = $2',
      [fixture.shared, fixture.instance],
    );
    return Number(rows[0]?.epoch ?? 0);
  };
  for (let round = 1; round <= 3; round++) {
    const epoch = await heldEpoch();
    await fixture.test.pool.query('UPDATE source_lease SET epoch = epoch + 1 WHERE source_id = $1', [fixture.shared]);
    clock.advance(RENEW_MS);
    // Lost and taken back: each change of what is held is arranged anew.
    await eventually('the lease again', async () => (await heldEpoch()) === epoch + 2 && clock.pending >= timers);
  }
  await sources.stop();
  // Leases, the port, and what brokers say of queues.
  expect(timers).toBe(3);
  expect(clock.pending).toBe(0);
  await new Promise((resolve) => squatter.close(resolve));
}, 60_000);
