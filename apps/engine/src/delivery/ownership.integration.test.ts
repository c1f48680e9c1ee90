import { instanceId } from '@inorder/core';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { createDatabase, type Database } from '../adapters/postgres/database.ts';
import { Presence } from '../presence/presence.ts';
import { Ownership, type OwnershipOptions } from './ownership.ts';
import { DELIVERY_DEFAULTS } from './settings.ts';
import type { ShardHold } from './shard-hold.ts';

/** One instance with a clock of its own: time stands still for it until the test moves it. */
interface Member {
  readonly name: string;
  readonly clock: ManualClock;
  readonly presence: Presence;
  readonly ownership: Ownership;
  readonly opened: { readonly hold: ShardHold; readonly clean: boolean }[];
  readonly closed: ShardHold[];
}

let store: TestDatabase;
let database: Database;
const members: Member[] = [];

beforeEach(async () => {
  store = await testDatabase();
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: systemClock,
  });
});
afterEach(async () => {
  for (const member of members.splice(0)) {
    await member.ownership.stop();
    await member.presence.stop();
  }
  await database.close();
  await store[Symbol.asyncDispose]();
});

function member(name: string, change: Partial<OwnershipOptions> = {}): Member {
  const clock = new ManualClock();
  const opened: Member['opened'] = [];
  const closed: ShardHold[] = [];
  const instance = instanceId(name);
  const presence = new Presence({
    queries: change.queries ?? database,
    card: { instance, roles: ['deliver'], adminUrl: null, version: 'test' },
    clock,
    logger: pino({ level: 'silent' }),
    instanceHeartbeatMs: DELIVERY_DEFAULTS.instanceHeartbeatMs,
    leaseMs: DELIVERY_DEFAULTS.leaseMs,
    checkIdentity: async () => undefined,
  });
  const ownership = new Ownership({
    queries: database,
    presence,
    instance,
    clock,
    logger: pino({ level: 'silent' }),
    settings: DELIVERY_DEFAULTS,
    open: async (holds) => void opened.push(...holds),
    close: (hold) => void closed.push(hold),
    drain: async () => undefined,
    ...change,
  });
  const made = { name, clock, presence, ownership, opened, closed };
  members.push(made);
  return made;
}

async function start(of: Member): Promise<void> {
  await of.presence.start();
  await of.ownership.start();
}

/** Lets an instance live for a while: each heartbeat and renewal that falls due is carried out before the next. */
async function live(of: Member, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    of.clock.advance(500);
    await of.presence.settled();
    await of.ownership.settled();
  }
}

test('G10: one instance takes everything that is free, and what it takes is clean', async () => {
  const a = member('a');
  await start(a);
  expect(a.ownership.shards).toHaveLength(256);
  expect(a.opened.every((o) => o.clean && o.hold.epoch === 1)).toBe(true);
});

test('G10: a newcomer gets its share at once, given back by the owner and therefore clean', async () => {
  const a = member('a');
  const b = member('b');
  await start(a);
  await start(b);
  expect(b.ownership.shards).toHaveLength(0);
  await live(a, 2000);
  await live(b, 2000);
  expect(a.ownership.shards.length + b.ownership.shards.length).toBe(256);
  expect(Math.min(a.ownership.shards.length, b.ownership.shards.length)).toBeGreaterThan(90);
  expect(new Set([...a.ownership.shards, ...b.ownership.shards]).size).toBe(256);
  expect(b.opened.every((o) => o.clean && o.hold.epoch === 2)).toBe(true);
});

test('G10: a frozen owner is succeeded after a lease on the successor’s own clock, unclean; thawed it loses everything before it acts', async () => {
  const a = member('a');
  const b = member('b');
  await start(a);
  await start(b);
  // a is frozen: its clock stands, nothing of it runs.
  await live(b, 9000);
  expect(b.ownership.shards).toHaveLength(0);
  await live(b, 4000);
  expect(b.ownership.shards).toHaveLength(256);
  expect(b.opened.every((o) => !o.clean && o.hold.epoch === 2)).toBe(true);
  const holds = a.opened.map((o) => o.hold);
  a.clock.advance(13_000);
  expect(holds.every((hold) => !hold.maySend(a.clock.monotonicMs(), DELIVERY_DEFAULTS.leaseSendMarginMs))).toBe(true);
  await a.ownership.settled();
  expect(holds.every((hold) => hold.lost)).toBe(true);
  expect(a.closed.length).toBeGreaterThanOrEqual(256);
});

test('G10: an owner that renews keeps its shards however long the other looks on', async () => {
  const a = member('a');
  await start(a);
  await live(a, 60_000);
  expect(a.ownership.shards).toHaveLength(256);
  expect(a.closed).toEqual([]);
});

test('G10: a restart under the same name takes its own shards back at once, unclean', async () => {
  const before = member('a');
  await start(before);
  members.pop();
  const after = member('a');
  await start(after);
  expect(after.ownership.shards).toHaveLength(256);
  expect(after.opened.every((o) => !o.clean && o.hold.epoch === 2)).toBe(true);
  const holds = before.opened.map((o) => o.hold);
  await live(before, 3000);
  expect(holds.every((hold) => hold.lost)).toBe(true);
});

test('G10: while Postgres does not answer, an owner stops by its own clock before its lease ends', async () => {
  const a = member('a');
  await start(a);
  await database.close();
  await live(a, 9500);
  expect(a.opened.every((o) => o.hold.lost)).toBe(true);
  members.splice(members.indexOf(a), 1);
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: systemClock,
  });
});

test('G10: leases are renewed while the lanes are opened, however long that takes', async () => {
  const reading = Promise.withResolvers<void>();
  const acquired = Promise.withResolvers<readonly ShardHold[]>();
  const a = member('a', {
    open: (holds) => {
      acquired.resolve(holds.map((h) => h.hold));
      return reading.promise;
    },
  });
  const started = start(a);
  const holds = await acquired.promise;
  await live(a, 15_000);
  reading.resolve();
  await started;
  expect(holds.filter((hold) => hold.lost)).toEqual([]);
  expect(a.ownership.shards).toHaveLength(256);
});

test('G4, G10: a hold ends before its shard is given back, so that nothing can be opened under it any more', async () => {
  let lostBefore: boolean[] = [];
  const a: Member = member('a', {
    queries: {
      query: (statement, values) => {
        if (statement.name === 'give_back_shards') lostBefore = a.opened.map((o) => o.hold.lost);
        return database.query(statement, values);
      },
    },
  });
  await start(a);
  await a.ownership.stop();
  expect(lostBefore).toHaveLength(256);
  expect(lostBefore.every((lost) => lost)).toBe(true);
  const b = member('b');
  await start(b);
  expect(b.opened.every((o) => o.clean)).toBe(true);
});

test('G10, G12: a stop while Postgres is away ends, and what outlasts the lease meanwhile is closed', async () => {
  const draining = Promise.withResolvers<void>();
  const a = member('a', { drain: () => draining.promise });
  await start(a);
  await database.close();
  const stopped = a.ownership.stop();
  await live(a, 9500);
  expect(a.opened.every((o) => o.hold.lost)).toBe(true);
  draining.resolve();
  await stopped;
  // Goodbye cannot be said either; the heart stops all the same.
  await expect(a.presence.stop()).rejects.toThrow();
  expect(a.clock.pending).toBe(0);
  members.splice(members.indexOf(a), 1);
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: systemClock,
  });
});

test('G10: an instance that died long ago gets no share of what is free', async () => {
  await store.pool.query(
    `INSERT INTO engine_instance (instance, roles, version, started_at, heartbeat_at, heartbeats) VALUES ('dead', '{deliver}', 'test', now(), now() - interval '1 hour', 7)`,
  );
  const a = member('a');
  await start(a);
  expect(a.ownership.shards).toHaveLength(256);
});

test('G12: after an outage of Postgres each instance takes its own shards back, with the very next epoch', async () => {
  let away = false;
  const queries: OwnershipOptions['queries'] = {
    query: (statement, values) =>
      away ? Promise.reject(new Error('Postgres is away')) : database.query(statement, values),
  };
  const a = member('a', { queries });
  const b = member('b', { queries });
  await start(a);
  await start(b);
  const bothLive = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      await live(a, 500);
      await live(b, 500);
    }
  };
  await bothLive(4000);
  // a has just looked: it knows the last heartbeat and the last renewal of b.
  await live(a, 1000);
  const [ofA, ofB] = [a.ownership.shards.toSorted(), b.ownership.shards.toSorted()];
  expect(ofA.length + ofB.length).toBe(256);
  away = true;
  await bothLive(12_000);
  expect([a.ownership.shards, b.ownership.shards]).toEqual([[], []]);
  away = false;
  const before = a.opened.length;
  await bothLive(5000);
  const wrongly = a.opened.slice(before).filter((each) => ofB.includes(each.hold.shard));
  expect(wrongly).toHaveLength(0);
});

test.each([60_000, -60_000])(
  'G10: a machine whose clocks parted by %i ms trusts no lease, long before it would renew one, and takes its shards anew',
  async (ms) => {
    const a = member('a');
    await start(a);
    a.clock.stepWall(ms);
    a.clock.advance(250);
    expect(a.ownership.shards).toHaveLength(0);
    expect(a.opened.every((o) => o.hold.lost)).toBe(true);
    await live(a, 3000);
    expect(a.ownership.shards).toHaveLength(256);
    expect(a.opened.filter((o) => !o.hold.lost).every((o) => o.hold.epoch === 2 && !o.clean)).toBe(true);
  },
);

test('G10: clocks that part a little, and before there is a lease, lose nothing', async () => {
  const a = member('a');
  await start(a);
  for (let i = 0; i < 10; i++) {
    a.clock.stepWall(100);
    await live(a, 3000);
  }
  expect(a.ownership.lost).toBe(0);
});
