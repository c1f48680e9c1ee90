import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { applySite, createDatabase, migrate, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import { connectionDocumentSchema, siteDocumentSchema } from '@inorder/shared';
import { redisServer } from '@inorder/testkit/redis-server';
import { freePort, testDatabase, testRedis } from '@inorder/testkit/services';
import { LOCALHOST_CERT, LOCALHOST_KEY } from '@inorder/testkit/tls-fixture';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stateFolder } from '../checkout.ts';
import { examine } from './examine.ts';
import { Findings, type Level } from './finding.ts';
import { nodeVersion } from './machine.ts';
import { judgeQueues } from './queue-check.ts';
import { examineRedis } from './redis.ts';
import { findSubject } from './subject.ts';
import { certificates, examineDestinations, touchWire } from './wires.ts';
import { words } from './words.ts';

const hasRedis = (await testRedis()) !== undefined;
const KEY = new Uint8Array(32).fill(7);
const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-doctor-'));
const state = stateFolder(path.join(folder, 'state'));
let stop: () => Promise<void>;
let url: string;
let pool: pg.Pool;

/** A durable server of this file's own: its settings are broken on purpose. */
beforeAll(async () => {
  mkdirSync(state.path, { recursive: true });
  chmodSync(folder, 0o711);
  const server = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), port: 0 });
  stop = () => server.stop();
  url = withDatabase(server.url, 'inorder');
  await createDatabase(url);
  await migrate(url);
  pool = new pg.Pool({ connectionString: url, max: 2 });
  // The server goes while the last connection is idle.
  pool.on('error', () => undefined);
});
afterAll(async () => {
  await pool.end();
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const subject = (databaseUrl = url) => {
  const found = findSubject(state, { DATABASE_URL: databaseUrl });
  if (found === undefined) throw new Error('DATABASE_URL names a site');
  return found;
};

async function found(area: string, databaseUrl = url): Promise<{ level: Level; what: string }[]> {
  const { findings } = await examine(subject(databaseUrl), { connect: true, secretKey: KEY });
  return findings.filter((finding) => finding.area === area).map(({ level, what }) => ({ level, what }));
}

async function withSettings(settings: readonly string[], check: () => Promise<void>): Promise<void> {
  for (const setting of settings) await pool.query(`ALTER SYSTEM SET ${setting}`);
  await pool.query('SELECT pg_reload_conf()');
  // The postmaster reads its files in its own time.
  for (const setting of settings)
    await setTo(setting.split(' = ')[0] ?? '', (setting.split(' = ')[1] ?? '').replaceAll("'", ''));
  try {
    await check();
  } finally {
    for (const setting of settings) await pool.query(`ALTER SYSTEM RESET ${setting.split(' ')[0]}`);
    await pool.query('SELECT pg_reload_conf()');
  }
}

async function setTo(name: string, wanted: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ is: string }>('SELECT setting AS is FROM pg_settings WHERE name = $1', [
      name,
    ]);
    await client.end();
    if (rows[0]?.is === wanted) return;
  }
  throw new Error(`${name} did not become ${wanted}`);
}

async function beat(instance: string, roles: readonly string[], change = ''): Promise<void> {
  await pool.query(
    `INSERT INTO engine_instance (instance, roles, version, heartbeats) VALUES ($1, $2, '0.1.0', 1)
     ON CONFLICT (instance) DO UPDATE SET roles = excluded.roles, version = excluded.version, heartbeat_at = now(), stopped_at = NULL`,
    [instance, roles],
  );
  if (change !== '') await pool.query(`UPDATE engine_instance SET ${change} WHERE instance = $1`, [instance]);
}

test('a sound Postgres is called sound', async () => {
  const list = await found('Postgres');
  expect(list.filter(({ level }) => level !== 'ok')).toEqual([]);
  expect(list.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['autovacuum runs', 'the schema is up to date', 'the connection stays on this machine']),
  );
});

test.each([
  [['fsync = off'], 'problem', /^fsync is off/],
  [
    ["synchronous_commit = 'off'", 'full_page_writes = off'],
    'problem',
    /^full_page_writes, synchronous_commit are off/,
  ],
  [['autovacuum = off'], 'problem', /^autovacuum is off/],
  [["log_statement = 'all'"], 'problem', /writes statements with their values/],
  [['log_min_duration_statement = 500'], 'problem', /writes statements with their values/],
] as const)('G12, G18: %s is found', async (settings, level, what) => {
  await withSettings(settings, async () => {
    expect(await found('Postgres')).toContainEqual({ level, what: expect.stringMatching(what) });
  });
});

test('a schema that is behind, ahead or half done is found', async () => {
  await using store = await testDatabase();
  const name = '(SELECT max(migration_name) FROM _prisma_migrations)';
  await store.pool.query(
    `UPDATE _prisma_migrations SET migration_name = '9999_of_tomorrow' WHERE migration_name = ${name}`,
  );
  const list = await found('Postgres', store.url);
  expect(list).toContainEqual({ level: 'problem', what: expect.stringMatching(/^the schema is not up to date: 000/) });
  expect(list).toContainEqual({ level: 'warning', what: expect.stringMatching(/does not know: 9999_of_tomorrow/) });
  await store.pool.query(`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '9999_of_tomorrow'`);
  expect(await found('Postgres', store.url)).toContainEqual({
    level: 'problem',
    what: 'migration 9999_of_tomorrow failed half way',
  });
});

test('an empty database, a wrong password and a server that is not there are told apart', async () => {
  const empty = withDatabase(url, 'empty');
  await createDatabase(empty);
  expect(await found('Postgres', empty)).toContainEqual({
    level: 'problem',
    what: expect.stringMatching(/not up to date/),
  });
  expect(await found('engines', empty)).toEqual([
    { level: 'unknown', what: 'could not be looked at (a table is missing (42P01))' },
  ]);
  const wrong = new URL(url);
  wrong.password = 'wrong';
  expect(await found('Postgres', wrong.href)).toEqual([
    { level: 'problem', what: expect.stringMatching(/the password is wrong/) },
  ]);
  const gone = new URL(url);
  gone.port = String(await freePort());
  const { findings, postgresAnswers } = await examine(subject(gone.href), { connect: true, secretKey: KEY });
  expect(postgresAnswers).toBe(false);
  expect(JSON.stringify(findings)).not.toContain(gone.password);
});

test('G21: a role that may not ask for system identifier and timeline is told', async () => {
  await using store = await testDatabase();
  const role = `doctor_${process.pid}`;
  await store.pool.query('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
  await store.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'plain'`);
  try {
    await store.pool.query(`GRANT USAGE ON SCHEMA parts TO ${role}`);
    await store.pool.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public, parts TO ${role}`);
    const plain = new URL(store.url);
    plain.username = role;
    plain.password = 'plain';
    expect(await found('Postgres', plain.href)).toContainEqual({
      level: 'warning',
      what: 'this role may not ask for the system identifier and the timeline',
    });
  } finally {
    await store.pool.query(`DROP OWNED BY ${role}`);
    await store.pool.query(`DROP ROLE ${role}`);
  }
});

test('payloads in the default partition and partitions not made ahead are found', async () => {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'message_payload'::regclass AND c.relname ~ '_\\d{8}$'
        AND to_date(right(c.relname, 8), 'YYYYMMDD') > (now() AT TIME ZONE 'UTC')::date`,
  );
  for (const { name } of rows) await pool.query(`DROP TABLE ${name}`);
  // An id of the year 2100.
  await pool.query(
    "INSERT INTO message_payload (message_id, format, raw) VALUES ('03bb2cc3-d800-7000-8000-000000000001', 'HL7V2', '\\x00')",
  );
  const list = await found('Postgres');
  expect(list).toContainEqual({ level: 'warning', what: 'payloads lie in the default partition (1)' });
  expect(list).toContainEqual({ level: 'warning', what: 'payload partitions are made for 1 day ahead' });
  await pool.query('TRUNCATE message_payload');
  await pool.query("SELECT parts.ensure_payload_partitions((now() AT TIME ZONE 'UTC')::date, 8)");
  expect((await found('Postgres')).filter(({ level }) => level !== 'ok')).toEqual([]);
});

test('more engines than the server has connections for are found', async () => {
  for (let i = 1; i <= 17; i++) await beat(`engine-${i}`, ['deliver']);
  expect(await found('Postgres')).toContainEqual({
    level: 'problem',
    what: expect.stringMatching(/^17 engines and a console may open 420 connections, the server gives 397/),
  });
  await pool.query('DELETE FROM engine_instance');
});

test('engines: nobody lives; a role nobody hosts; a silent one; two versions; shards without owner; a stuck chunk', async () => {
  expect(await found('engines')).toContainEqual({ level: 'problem', what: 'no engine lives' });
  await beat('engine-1', ['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog']);
  await pool.query("UPDATE shard_lease SET owner = 'engine-1', expires_at = now() + interval '10 seconds'");
  const well = await found('engines');
  expect(well.filter(({ level }) => level === 'problem')).toEqual([]);
  expect(well).toContainEqual({ level: 'ok', what: 'every role is hosted by a living engine' });

  await beat('engine-1', ['ingest', 'validate', 'deliver', 'watchdog']);
  await beat('engine-2', ['validate'], "heartbeat_at = now() - interval '40 seconds'");
  await beat('engine-3', ['validate'], "version = '0.2.0'");
  await pool.query("UPDATE shard_lease SET owner = 'engine-2' WHERE shard < 10");
  await pool.query('UPDATE shard_lease SET owner = NULL WHERE shard = 200');
  await pool.query(
    `INSERT INTO stage_claim (claim_id, instance, message_ids, claimed_at) VALUES
      ('01900000-0000-7000-8000-000000000001', 'engine-2', ARRAY['01900000-0000-7000-8000-000000000002'::uuid], now() - interval '1 minute')`,
  );
  const list = await found('engines');
  for (const [level, what] of [
    ['problem', /^no living engine has the role enrich/],
    ['problem', /^no living engine has the role route/],
    ['warning', /^engine-2 \(silent for 4\d s\) ended without saying goodbye/],
    ['warning', /^engines of different versions run: 0.1.0, 0.2.0/],
    ['problem', /^10 shards belong to engine-2, which does not live/],
    ['problem', /^1 shard of 256 has no owner/],
    ['warning', /^1 message has been in the stages of engine-2/],
  ] as const)
    expect(list).toContainEqual({ level, what: expect.stringMatching(what) });
  expect(list.filter(({ what }) => /role (validate|ingest|deliver)/.test(what))).toEqual([]);
  await pool.query('TRUNCATE engine_instance, stage_claim');
  await pool.query('UPDATE shard_lease SET owner = NULL');
});

test('lanes: held, paused, waiting for long, with an incident and a dead letter; a source nobody reads', async () => {
  const site = siteDocumentSchema.parse({
    connections: { jms: { kind: 'LISTEN', host: '0.0.0.0', port: 5672 } },
    destinations: { 'LIS-1': { kind: 'MLLP', host: '127.0.0.1', port: await freePort() } },
    sources: { orders: { connection: 'jms', address: 'orders', interfaces: ['LAB-0001', 'LAB-0002'] } },
    interfaces: {
      'LAB-0001': { name: 'One', route: [{ name: 'all', to: 'LIS-1' }] },
      'LAB-0002': { name: 'Two', route: [{ name: 'all', to: 'LIS-1' }] },
    },
  });
  expect(await applySite(pool, site, { actor: 'test', secretKey: KEY })).toMatchObject({ ok: true });
  expect((await found('lanes')).filter(({ level }) => level !== 'ok')).toEqual([]);

  const laneOf = "(SELECT interface_id FROM interface WHERE code = 'LAB-0001')";
  const message = '01900000-0000-7000-8000-000000000009';
  await pool.query(`UPDATE message_delivery_checkpoint SET held_for = 'PASS_LIMIT' WHERE interface_id = ${laneOf}`);
  await pool.query(
    `UPDATE message_delivery_checkpoint SET paused_at = now(), paused_by = 'ada' WHERE interface_id <> ${laneOf}`,
  );
  await pool.query(`UPDATE interface_sequence SET last_sequence_no = 1 WHERE interface_id = ${laneOf}`);
  await pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, revision, received_at) VALUES ('${message}', ${laneOf}, 1, 1, now() - interval '2 hours')`,
  );
  await pool.query(
    `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts)
     VALUES ('${message}', ${laneOf}, 1, 'ENRICH', 'ENRICH_CODE_UNKNOWN', 's', 'd', 1)`,
  );
  await pool.query(
    "INSERT INTO incident (incident_id, kind, scope, scope_name, detail, open_key) VALUES (gen_random_uuid(), 'ENDPOINT_DOWN', 'DESTINATION', 'LIS-1', 'MLLP_CONNECT', 'k')",
  );
  const lanes = await found('lanes');
  for (const [level, what] of [
    ['problem', /^LAB-0001 holds: /],
    ['warning', /^LAB-0002 is paused/],
    ['problem', /^1 lane waits for more than 15 minutes: LAB-0001 \(1 waiting, 120 min\)/],
    ['problem', /^incident ENDPOINT_DOWN at LIS-1 since /],
    ['warning', /^1 dead letter waits/],
  ] as const)
    expect(lanes).toContainEqual({ level, what: expect.stringMatching(what) });
  await beat('engine-1', ['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog']);
  expect(await found('engines')).toContainEqual({ level: 'problem', what: '1 source of 1 is read by nobody: orders' });
  await pool.query('TRUNCATE engine_instance');
  expect(await found('JMS')).toContainEqual({
    level: 'problem',
    what: 'our listener jms lets anybody in who can reach 0.0.0.0',
  });
  expect(await found('JMS')).toContainEqual({ level: 'problem', what: 'TLS is off to our listener jms' });
  expect(await found('destinations')).toContainEqual({
    level: 'problem',
    what: expect.stringMatching(/^LIS-1 \(127.0.0.1:\d+\) cannot be reached: nobody listens there/),
  });
});

test('destinations: one that answers, one without TLS elsewhere, a certificate that is not trusted or ends', async () => {
  let bytes = 0;
  const lis = net.createServer((socket) => socket.on('data', (chunk) => (bytes += chunk.byteLength)));
  const secure = tls.createServer({ cert: LOCALHOST_CERT, key: LOCALHOST_KEY }, () => undefined);
  const portOf = async (server: net.Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };
  const [plainPort, securePort] = [await portOf(lis), await portOf(secure)];
  const document = (more: object) => ({ kind: 'MLLP', host: '127.0.0.1', port: plainPort, ...more });
  const site = siteDocumentSchema.parse({
    connections: {
      hub: { kind: 'CONNECT', host: '127.0.0.1', port: plainPort },
      ours: { kind: 'LISTEN', port: 0 },
    },
    destinations: {
      'LIS-1': document({}),
      'LIS-2': document({ host: '192.0.2.1', connectTimeoutMs: 50 }),
      'LIS-3': document({ host: '192.0.2.2', connectTimeoutMs: 50, tls: { verify: false } }),
      'LIS-4': document({ host: 'localhost', port: securePort, tls: {} }),
      'LIS-5': document({ host: 'localhost', port: securePort, tls: { ca: LOCALHOST_CERT } }),
      'QUEUE-1': { kind: 'JMS', connection: 'hub', address: 'lab.orders' },
      'QUEUE-2': { kind: 'JMS', connection: 'ours', address: 'lab.orders' },
    },
  });
  const list = await examineDestinations(site, true);
  const seen = list.map(({ level, what }) => `${level}: ${what}`);
  expect(seen).toEqual(
    expect.arrayContaining([
      'problem: TLS is off to LIS-2',
      'problem: the certificate of LIS-3 is not checked (verify: false)',
      expect.stringMatching(/^problem: LIS-2 \(192\.0\.2\.1:\d+\).* cannot be reached: /),
      expect.stringMatching(/^problem: the certificate of LIS-4 is not trusted: .*SELF_SIGNED/),
      'problem: the connection of QUEUE-2 leads to no broker',
      'ok: 4 destinations of 7 can be reached',
    ]),
  );
  expect(seen.filter((line) => line.includes('LIS-5') || line.includes('LIS-1 '))).toEqual([]);
  expect(bytes).toBe(0);
  // The fixture lasts for a hundred years: time is moved instead.
  const wire = {
    name: 'LIS-5',
    host: 'localhost',
    port: securePort,
    tls: { ca: LOCALHOST_CERT, verify: true },
    timeoutMs: 5000,
  };
  const touch = await touchWire(wire);
  const judged = (daysBefore: number): string[] => {
    const findings = new Findings('destinations');
    certificates(findings, [{ wire, touch }], (touch.validTo?.getTime() ?? 0) - daysBefore * 86_400_000);
    return findings.list.map(({ level, what }) => `${level}: ${what}`);
  };
  expect(judged(31)).toEqual([]);
  expect(judged(29.5)).toEqual([
    expect.stringMatching(/^warning: the certificate of LIS-5 ends on \d{4}-\d\d-\d\d, in 29 days$/),
  ]);
  expect(judged(-1)).toEqual([expect.stringMatching(/^problem: the certificate of LIS-5 ended on /)]);
  const untouched = await examineDestinations(site, false);
  expect(untouched.some(({ what }) => what.includes('cannot be reached'))).toBe(false);
  await Promise.all([lis, secure].map((server) => new Promise((resolve) => server.close(resolve))));
});

test('G3: a queue of many with one fault is one sentence; what was not seen is said', async () => {
  const connection = connectionDocumentSchema.parse({ kind: 'CONNECT', host: '127.0.0.1', port: 1 });
  const asked: string[] = [];
  const verdicts = await judgeQueues(
    connection,
    Array.from({ length: 130 }, (_, i) => `q${i}`),
    async (_, queue) => {
      asked.push(queue);
      if (queue === 'q7') return [];
      return [{ kind: 'notExclusive', level: 'warning', text: `${queue}: set exclusive` }];
    },
  );
  expect(asked).toHaveLength(100);
  expect(verdicts.map(({ level, what }) => `${level}: ${what}`)).toEqual([
    'warning: q0, q1, q10, q11, q12 and 94 more: set exclusive',
    expect.stringMatching(/^ok: q7: one reader at a time/),
    expect.stringMatching(/^unknown: could not check q100, .* and 25 more: only 100 are looked at/),
  ]);
});

test('G22: brokers are asked with the credentials of the site, which need its key', async () => {
  // It takes connections and says nothing that AMQP knows.
  const mute = net.createServer((socket) =>
    socket
      .on('error', () => undefined)
      .resume()
      .end('\r\n'),
  );
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const address = mute.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const connection = { kind: 'CONNECT', host: '127.0.0.1', port, username: 'u', password: 'hunter2' };
  const site = siteDocumentSchema.parse({
    connections: { broker: connection, gone: { ...connection, port: await freePort() } },
    sources: {
      away: { connection: 'broker', address: 'orders' },
      lost: { connection: 'gone', address: 'other-orders' },
    },
  });
  expect(await applySite(pool, site, { actor: 'test', secretKey: KEY })).toMatchObject({ ok: true });
  const jms = async (secretKey: Uint8Array | null): Promise<string[]> => {
    const { findings } = await examine(subject(), { connect: true, secretKey });
    expect(JSON.stringify(findings)).not.toContain('hunter2');
    return findings.filter(({ area }) => area === 'JMS').map(({ level, what }) => `${level}: ${what}`);
  };
  expect(await jms(null)).toContainEqual(
    expect.stringMatching(/^unknown: could not check orders: its credentials are sealed/),
  );
  expect(await jms(new Uint8Array(32))).toContainEqual(
    expect.stringMatching(/^unknown: could not check orders: its credentials do not open/),
  );
  const withKey = await jms(KEY);
  expect(withKey).toContainEqual(expect.stringMatching(/^problem: the broker of gone cannot be reached at 127.0.0.1/));
  expect(withKey).toContainEqual(expect.stringMatching(/^problem: orders: 127.0.0.1:\d+: /));
  // Said once: what cannot be reached is not asked.
  expect(withKey.filter((line) => line.includes('other-orders'))).toEqual([]);
  await new Promise((resolve) => mute.close(resolve));
});

test.skipIf(!hasRedis)(
  'Redis: a policy that forgets, a policy that is not told, memory that is full, one that is away',
  async () => {
    await using server = await redisServer();
    await server.start();
    const seen = async (at = server.url) => (await examineRedis(at)).map(({ level, what }) => `${level}: ${what}`);
    expect(await seen()).toEqual([expect.stringMatching(/^ok: Redis \d/), 'ok: maxmemory-policy is noeviction']);
    const admin = new Redis(server.url);
    admin.on('error', () => undefined);
    const tell = (command: string, ...args: string[]) => admin.call(command, ...args);
    await tell('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await tell('CONFIG', 'SET', 'maxmemory', '600000');
    expect(await seen()).toEqual(
      expect.arrayContaining([
        'problem: maxmemory-policy is allkeys-lru',
        expect.stringMatching(/^warning: \d+ % of its memory/),
      ]),
    );
    await tell('CONFIG', 'SET', 'maxmemory', '0');
    await tell('ACL', 'SETUSER', 'watcher', 'on', '>pw', '~*', '+info', '+auth');
    const asWatcher = server.url.replace('redis://', 'redis://watcher:pw@');
    expect(await seen(asWatcher)).toContain('unknown: it does not tell its maxmemory-policy');
    const wrong = await seen(asWatcher.replace('pw@', 'wrong@'));
    expect(wrong).toEqual([expect.stringMatching(/^problem: it does not answer/)]);
    admin.disconnect();
    await server.kill();
    expect(await seen()).toEqual([expect.stringMatching(/^problem: it does not answer \(/)]);
  },
);

test('a Redis elsewhere without TLS, none at all, and something that is no Redis', async () => {
  expect(await examineRedis(null)).toMatchObject([{ level: 'warning', what: 'no Redis is configured' }]);
  expect(await examineRedis('redis://192.0.2.1:1')).toMatchObject([
    { level: 'problem', what: 'TLS is off on the connection to 192.0.2.1' },
    { level: 'problem' },
  ]);
  const other = net.createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(await examineRedis(`redis://127.0.0.1:${port}`)).toMatchObject([{ level: 'problem' }]);
  await new Promise((resolve) => other.close(resolve));
});

test('G22: files with secrets that others may read are found; so is an old Node', async () => {
  writeFileSync(state.secrets, '{}', { mode: 0o600 });
  expect(await found('this machine')).toContainEqual({
    level: 'ok',
    what: 'files with secrets are readable by their owner alone',
  });
  chmodSync(state.secrets, 0o644);
  expect(await found('this machine')).toContainEqual({
    level: 'problem',
    what: 'others on this machine may read secrets.json',
  });
  const findings = new Findings('this machine');
  nodeVersion(findings, 'v22.9.0');
  expect(findings.list).toMatchObject([{ level: 'problem' }]);
});

test('what is read aloud says what, why and what to do, and ends with a verdict', async () => {
  const { findings } = await examine(subject(), { connect: true, secretKey: KEY });
  const text = words(findings);
  expect(findings.filter(({ level, why }) => level !== 'ok' && why === '')).toEqual([]);
  expect(text).toMatch(/problems? needs? somebody/);
  expect(text).not.toContain(new URL(url).password);
});
