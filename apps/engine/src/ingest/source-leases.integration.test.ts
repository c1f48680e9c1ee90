import { type InstanceId, instanceId } from '@inorder/core';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionLost, ShakyDatabase, type SiteFixture, silent, siteFixture } from '../../test/site-fixture.ts';
import { SourceLeases } from './source-leases.ts';

const LEASE_MS = 10_000;
const RENEW_MS = 3000;
let fixture: SiteFixture;
let clock: ManualClock;
let postgres: ShakyDatabase;

beforeEach(async () => {
  fixture = await siteFixture({ interfaces: 1 });
  clock = new ManualClock();
  postgres = new ShakyDatabase(fixture.database);
}, 60_000);
afterEach(async () => fixture[Symbol.asyncDispose](), 60_000);

function leasesOf(instance: InstanceId): SourceLeases {
  return new SourceLeases({
    queries: postgres,
    instance,
    clock,
    logger: silent,
    leaseMs: LEASE_MS,
    renewMs: RENEW_MS,
    wanted: () => new Set([fixture.shared]),
    onChange: () => undefined,
  });
}

/** Moves on by one interval; whose turn it is looks, one after the other. */
async function turn(...each: readonly SourceLeases[]): Promise<void> {
  clock.advance(RENEW_MS);
  for (const leases of each) await leases.look();
}

test('G12: after an outage of Postgres who read goes on reading, whoever looks first', async () => {
  const reader = leasesOf(fixture.instance);
  const other = leasesOf(instanceId('engine-b'));
  await reader.look();
  for (let i = 0; i < 3; i++) await turn(reader, other);
  const epoch = reader.epochOf(fixture.shared);
  expect(epoch).toBeDefined();
  postgres.fault = () => {
    throw connectionLost();
  };
  for (let i = 0; i < 20; i++) await turn(reader, other);
  postgres.fault = () => false;
  await turn(other, reader);
  expect(other.epochOf(fixture.shared)).toBeUndefined();
  expect(reader.epochOf(fixture.shared)).toBe(epoch);
}, 60_000);

test('G3: one that is silent while others look loses its sources after its lease', async () => {
  const reader = leasesOf(fixture.instance);
  const other = leasesOf(instanceId('engine-b'));
  await reader.look();
  await other.look();
  for (let i = 0; i < 3; i++) await turn(other);
  expect(other.epochOf(fixture.shared)).toBeUndefined();
  await turn(other);
  expect(other.epochOf(fixture.shared)).toBeDefined();
  await turn(reader);
  expect(reader.epochOf(fixture.shared)).toBeUndefined();
}, 60_000);
