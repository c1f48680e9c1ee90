/** What is done once another Postgres is noticed. That a real restore is one: e2e/system/restored.test.ts. */
import { readRestored, requestRelease, verifyAudit, withDatabase } from '@inorder/db';
import { testDatabase } from '@inorder/testkit/services';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realClock, type SiteFixture, silent, siteFixture } from '../../../test/site-fixture.ts';
import { createDatabase, type Database } from './database.ts';
import { EPOCH_STEP } from './identity-queries.ts';
import { StoreIdentity } from './store-identity.ts';

const LANES = 3;
const ACT = { actor: 'operator@example.org', reason: 'compared with the laboratory' };
let fixture: SiteFixture;
const open: Database[] = [];

beforeEach(async () => {
  fixture = await siteFixture({ interfaces: LANES });
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  await fixture[Symbol.asyncDispose]();
});

const identityOf = (url = fixture.test.url, logger = silent): StoreIdentity =>
  new StoreIdentity({ url, applicationName: 'test identity', logger });

/** An engine's pool: nobody gets a connection of it before it was asked which Postgres it leads to. */
function pool(identity: StoreIdentity, url = fixture.test.url): Database {
  const database = createDatabase({
    url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: realClock,
    admit: (queries) => identity.check(queries),
  });
  open.push(database);
  return database;
}

const ask = (database: Database) => database.query({ name: 'one', text: 'SELECT 1 AS one' }, []);

async function rows<T extends pg.QueryResultRow>(text: string, from: pg.Pool | pg.Client = fixture.test.pool) {
  return (await from.query<T>(text)).rows;
}

/** As a backup would have it that was taken on another server. */
const fromElsewhere = () =>
  fixture.test.pool.query('UPDATE store_identity SET system_identifier = system_identifier - 1');

test('G21: the first Postgres is learnt and nothing holds; the same one again changes nothing', async () => {
  await ask(pool(identityOf()));
  await ask(pool(identityOf()));
  const [learnt] = await rows(
    `SELECT k.generation, k.system_identifier = s.system_identifier AS same_system, k.timeline > 0 AS has_timeline, k.held_at
       FROM store_identity k CROSS JOIN pg_control_system() s`,
  );
  expect(learnt).toEqual({ generation: 1, same_system: true, has_timeline: true, held_at: null });
  expect(await readRestored(fixture.test.pool)).toEqual({ heldAt: null, generation: 1, lanes: 0, paused: 0 });
  expect(await rows('SELECT 1 FROM incident UNION ALL SELECT 1 FROM audit_log')).toEqual([]);
});

test('G21: of many instances that notice at once one acts: epochs jump once, all lanes hold, one incident, one audit row', async () => {
  await ask(pool(identityOf()));
  await fixture.test.pool.query("UPDATE message_delivery_checkpoint SET held_for = 'ON_FAILURE' WHERE shard % 2 = 0");
  await fromElsewhere();
  const before = Date.now();
  const told: string[] = [];
  const instances = Array.from({ length: 6 }, () =>
    identityOf(fixture.test.url, pino({ level: 'error' }, { write: (line) => void told.push(line) })),
  );
  await Promise.all(instances.flatMap((identity) => [ask(pool(identity)), ask(pool(identity))]));
  expect(told).toHaveLength(1);
  const [jumped] = await rows<{ shards: string; sources: string; owner: string }>(
    'SELECT (SELECT min(epoch) FROM shard_lease) AS shards, (SELECT min(epoch) FROM source_lease) AS sources, (SELECT min(owner) FROM source_lease) AS owner',
  );
  expect(Number(jumped?.shards)).toBeGreaterThanOrEqual(before);
  expect(Number(jumped?.sources)).toBeGreaterThanOrEqual(before);
  // Nobody gains a tenure by it: owners stay, and others wait for their leases as ever.
  expect(jumped?.owner).toBe('engine-a');
  expect(await rows('SELECT DISTINCT held_for FROM message_delivery_checkpoint')).toEqual([{ held_for: 'RESTORED' }]);
  expect(await readRestored(fixture.test.pool)).toMatchObject({ generation: 2, lanes: LANES });
  expect(await rows('SELECT kind, scope, scope_name, occurrences, detail FROM incident')).toEqual([
    {
      kind: 'RESTORED',
      scope: 'ENGINE',
      scope_name: 'postgres',
      occurrences: 1,
      detail: 'Postgres was restored or failed over (another system identifier): all lanes hold',
    },
  ]);
  expect(await rows('SELECT actor, action, target FROM audit_log')).toEqual([
    { actor: 'system', action: 'store.restored', target: 'postgres' },
  ]);
  expect(await verifyAudit(fixture.test.pool)).toMatchObject({ ok: true });
});

test('G21: the same backup restored twice gets other epochs each time, and where the clock is wrong the step is enough', async () => {
  await ask(pool(identityOf()));
  const jump = async (): Promise<number> => {
    await fixture.test.pool.query('UPDATE shard_lease SET epoch = 7');
    await fromElsewhere();
    await ask(pool(identityOf()));
    return Number((await rows<{ epoch: string }>('SELECT max(epoch) AS epoch FROM shard_lease'))[0]?.epoch);
  };
  const first = await jump();
  expect(await jump()).toBeGreaterThan(first);
  // The clock stands before what was given already.
  const future = 9_000_000_000_000;
  await fixture.test.pool.query('UPDATE source_lease SET epoch = $1', [future]);
  await jump();
  expect(await rows('SELECT DISTINCT epoch FROM source_lease')).toEqual([{ epoch: String(future + EPOCH_STEP) }]);
});

test('G21: a copy of the data in another database of the same server is another', async () => {
  await using original = await testDatabase();
  await ask(pool(identityOf(original.url), original.url));
  for (const each of open.splice(0)) await each.close();
  await original.pool.end();
  const name = new URL(original.url).pathname.slice(1);
  const copy = `${name}_copy`;
  await fixture.test.pool.query(`CREATE DATABASE ${pg.escapeIdentifier(copy)} TEMPLATE ${pg.escapeIdentifier(name)}`);
  try {
    const url = withDatabase(original.url, copy);
    const database = pool(identityOf(url), url);
    await ask(database);
    const told = { name: 'told', text: 'SELECT detail FROM incident' };
    expect(await database.query(told, [])).toEqual([
      { detail: 'Postgres was restored or failed over (another database): all lanes hold' },
    ]);
  } finally {
    for (const each of open.splice(0)) await each.close();
    await fixture.test.pool.query(`DROP DATABASE ${pg.escapeIdentifier(copy)} WITH (FORCE)`);
  }
});

test('G21: a role that may not ask is told of it once, is not refused, and still tells one copy of the data from another', async () => {
  const role = `plain_${process.pid}`;
  const { pool: superuser } = fixture.test;
  await superuser.query('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
  await superuser.query(`CREATE ROLE ${role} LOGIN PASSWORD 'plain'`);
  try {
    await superuser.query(`GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ${role}`);
    const url = new URL(fixture.test.url);
    url.username = role;
    url.password = 'plain';
    const lines: string[] = [];
    const identity = identityOf(url.href, pino({ level: 'warn' }, { write: (line) => void lines.push(line) }));
    const database = pool(identity, url.href);
    await Promise.all([ask(database), ask(database), ask(database)]);
    await identity.check(database);
    expect(lines.filter((line) => line.includes('may not ask'))).toHaveLength(1);
    expect((await readRestored(superuser)).generation).toBe(1);
    await superuser.query('UPDATE store_identity SET table_oid = table_oid + 1');
    await identity.check(database);
    expect(await readRestored(superuser)).toMatchObject({ generation: 2, lanes: LANES });
  } finally {
    for (const each of open.splice(0)) await each.close();
    await superuser.query(`DROP OWNED BY ${role}`);
    await superuser.query(`DROP ROLE ${role}`);
  }
});

test('G21: one act asks all lanes but the paused to go on, once; the incident ends with the last lane', async () => {
  const identity = identityOf();
  const database = pool(identity);
  await ask(database);
  await fromElsewhere();
  await identity.check(database);
  const { pool: console } = fixture.test;
  await console.query(
    "UPDATE message_delivery_checkpoint SET paused_at = now(), paused_by = 'x' WHERE interface_id = $1",
    [fixture.interfaceIds[0]],
  );
  expect(await requestRelease(console, 1, ACT)).toEqual({ ok: false });
  expect(await requestRelease(console, 2, ACT)).toEqual({ ok: true, lanes: LANES - 1 });
  expect(await requestRelease(console, 2, ACT)).toEqual({ ok: true, lanes: 0 });
  expect(await rows('SELECT kind, actor, status FROM lane_command WHERE plan_hash IS NOT NULL')).toEqual(
    Array(LANES - 1).fill({ kind: 'RESUME', actor: ACT.actor, status: 'PENDING' }),
  );
  expect(await rows("SELECT actor, reason, detail FROM audit_log WHERE action = 'store.release'")).toEqual([
    { ...ACT, detail: { generation: 2, lanes: LANES - 1 } },
  ]);
  await console.query('UPDATE message_delivery_checkpoint SET held_for = NULL WHERE paused_at IS NULL');
  await identity.check(database);
  expect(await rows('SELECT closed_at FROM incident')).toEqual([{ closed_at: null }]);
  await console.query('UPDATE message_delivery_checkpoint SET held_for = NULL');
  await identity.check(database);
  expect(await rows('SELECT 1 AS n FROM incident WHERE closed_at IS NOT NULL')).toEqual([{ n: 1 }]);
  expect((await readRestored(console)).heldAt).toBeNull();
});

test('G21: a process that worked with another Postgres is told to forget what it read there', async () => {
  const identity = identityOf();
  const database = pool(identity);
  let forgot = 0;
  identity.onOther(() => {
    forgot += 1;
  });
  await ask(database);
  await identity.check(database);
  expect(forgot).toBe(0);
  await fromElsewhere();
  await identity.check(database);
  await identity.check(database);
  expect(forgot).toBe(1);
  // One that finds it done by another instance forgets all the same.
  await fixture.test.pool.query('UPDATE store_identity SET generation = generation + 1');
  await identity.check(database);
  expect(forgot).toBe(2);
});
