import { instanceId } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { agedLane, many } from '../../test/aged-numbers.ts';
import { realClock, silent } from '../../test/site-fixture.ts';
import { createDatabase, type Database } from '../adapters/postgres/database.ts';
import type { JobScheduler } from './job-scheduler.ts';
import { MAINTENANCE_DEFAULTS, Maintenance, type MaintenanceJob, maintenanceJobs } from './maintenance.ts';

const LEASE_MS = 10_000;
let store: TestDatabase;
let database: Database;

beforeAll(async () => {
  store = await testDatabase();
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 30_000,
    connectionsMax: 4,
    applicationName: 'maintenance',
    clock: realClock,
  });
});
afterAll(async () => {
  await database.close();
  await store[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await store.pool.query('TRUNCATE maintenance_run, engine_instance');
  await store.pool.query(
    "INSERT INTO engine_instance (instance, roles, version) VALUES ('a', '{}', 'test'), ('b', '{}', 'test')",
  );
});

/** Calls nobody by itself; the test does. */
const byHand: JobScheduler = { every: () => undefined, close: () => Promise.resolve() };

function maintenance(
  instance: string,
  scheduler: JobScheduler = byHand,
  jobs: readonly MaintenanceJob[] = [],
): Maintenance {
  return new Maintenance({
    database,
    scheduler,
    jobs,
    instance: instanceId(instance),
    clock: realClock,
    logger: silent,
    leaseMs: LEASE_MS,
  });
}

function countingJob(name: string): MaintenanceJob & { runs: number } {
  return {
    name,
    everyMs: 60_000,
    runs: 0,
    run() {
      this.runs += 1;
      return Promise.resolve({ done: 1 });
    },
  };
}

const lastRun = async (job: string) =>
  (await store.pool.query('SELECT instance, outcome, counts FROM maintenance_run WHERE job = $1', [job])).rows[0];
const startedAgo = (job: string, ms: number) =>
  store.pool.query("UPDATE maintenance_run SET started_at = now() - $2 * interval '1 millisecond' WHERE job = $1", [
    job,
    ms,
  ]);

test('G13: many instances and many triggers make one run an interval', async () => {
  const job = countingJob('count');
  await store.pool.query(
    "INSERT INTO engine_instance (instance, roles, version) SELECT 'i' || n, '{}', 'test' FROM generate_series(0, 5) n",
  );
  const instances = Array.from({ length: 6 }, (_, i) => maintenance(`i${i}`));
  await Promise.all(instances.flatMap((each) => [each.ask(job), each.ask(job), each.ask(job)]));
  expect(job.runs).toBe(1);
  expect(await lastRun('count')).toMatchObject({ outcome: 'DONE', counts: { done: 1 } });
  await startedAgo('count', 30_000);
  await Promise.all(instances.map((each) => each.ask(job)));
  expect(job.runs).toBe(1);
  // Timers come a little early.
  await startedAgo('count', 59_000);
  await Promise.all(instances.map((each) => each.ask(job)));
  expect(job.runs).toBe(2);
});

test('G11: a run whose instance died is taken by another; one whose instance lives is not', async () => {
  const hanging: MaintenanceJob = { name: 'hangs', everyMs: 1, run: () => new Promise(() => undefined) };
  void maintenance('a').ask(hanging);
  await expect.poll(() => lastRun('hangs')).toMatchObject({ instance: 'a', outcome: null });
  const job = { ...countingJob('hangs'), everyMs: 1 };
  await startedAgo('hangs', 3_600_000);
  const b = maintenance('b');
  await b.ask(job);
  expect(job.runs).toBe(0);
  await store.pool.query(
    "UPDATE engine_instance SET heartbeat_at = now() - interval '11 seconds' WHERE instance = 'a'",
  );
  await b.ask(job);
  expect(job.runs).toBe(1);
  expect(await lastRun('hangs')).toMatchObject({ instance: 'b', outcome: 'DONE' });
});

test('G11: a process that was killed in a run takes it up again under its own name', async () => {
  const hanging: MaintenanceJob = { name: 'killed', everyMs: 60_000, run: () => new Promise(() => undefined) };
  void maintenance('a').ask(hanging);
  await expect.poll(() => lastRun('killed')).toMatchObject({ instance: 'a', outcome: null });
  const job = countingJob('killed');
  await maintenance('a').ask(job);
  expect(job.runs).toBe(1);
});

test('a job that fails says so and comes again when it is due; the others run', async () => {
  const failing: MaintenanceJob = { name: 'fails', everyMs: 60_000, run: () => Promise.reject(new TypeError('x')) };
  const job = countingJob('works');
  const a = maintenance('a');
  await Promise.all([a.ask(failing), a.ask(job)]);
  expect(await lastRun('fails')).toMatchObject({ outcome: 'FAILED' });
  expect(job.runs).toBe(1);
});

test('a stop ends a run after its step, and the run says that there is more', async () => {
  const stepping = Promise.withResolvers<void>();
  const step = Promise.withResolvers<void>();
  let steps = 0;
  const job: MaintenanceJob = {
    name: 'steps',
    everyMs: 60_000,
    async run(goOn) {
      while (goOn()) {
        steps += 1;
        stepping.resolve();
        await step.promise;
      }
      return { steps };
    },
  };
  const a = maintenance('a');
  void a.ask(job);
  await stepping.promise;
  const stopped = a.stop();
  step.resolve();
  await stopped;
  expect(steps).toBe(1);
  expect(await lastRun('steps')).toMatchObject({ outcome: 'UNFINISHED', counts: { steps: 1 } });
  await a.ask(countingJob('steps'));
  expect(steps).toBe(1);
});

test('G19: every job of the list runs, and each table goes by its own age', async () => {
  const lane = await agedLane(store.pool, many(3, { status: 'DELIVERED', days: 500 }));
  const { pool } = store;
  const at = (days: number): string => `now() - interval '${days} days'`;
  for (const [old, days] of [
    [true, 500],
    [false, 80],
  ] as const) {
    const tag = old ? 'old' : 'young';
    await pool.query(
      `INSERT INTO ingest_reject (ingest_reject_id, source_id, error_code, detail, body_bytes, received_at) VALUES ($1, $1, $2, '', 0, ${at(days)})`,
      [uuidv7(), tag],
    );
    await pool.query(
      `INSERT INTO lane_command (command_id, interface_id, kind, reason, actor, requested_at, status, done_at) VALUES ($1, $2, 'PAUSE', $3, 'ada', ${at(days)}, 'DONE', ${at(days)})`,
      [uuidv7(), lane.id, tag],
    );
    await pool.query(
      `INSERT INTO incident (incident_id, kind, scope, scope_name, detail, opened_at, closed_at) VALUES ($1, $2, 'ENGINE', 'x', '', ${at(days)}, ${at(days)})`,
      [uuidv7(), tag],
    );
    await pool.query(
      `INSERT INTO incident (incident_id, kind, scope, scope_name, detail, opened_at) VALUES ($1, $2, 'ENGINE', 'x', '', ${at(days)})`,
      [uuidv7(), `open ${tag}`],
    );
    await pool.query(
      `INSERT INTO engine_instance (instance, roles, version, heartbeat_at) VALUES ($1, '{}', 'test', ${at(old ? 40 : 20)})`,
      [tag],
    );
    await pool.query(
      `INSERT INTO ingest_key (interface_id, source_id, id_hash, body_hash, message_id, received_at) VALUES ($1, $1, $2, '', $1, ${at(old ? 8 : 6)})`,
      [lane.id, Buffer.from(tag)],
    );
    await pool.query(
      `INSERT INTO app_verification (id, identifier, value, expires_at, updated_at) VALUES ($1, $1, '', ${at(old ? 2 : 0)}, now())`,
      [tag],
    );
  }
  const jobs = maintenanceJobs({
    database,
    incidents: { open: () => expect.unreachable() },
    settings: MAINTENANCE_DEFAULTS,
  });
  const asked: Promise<void>[] = [];
  const a = maintenance(
    'a',
    { every: (_name, _everyMs, run) => void asked.push(run()), close: () => Promise.resolve() },
    jobs,
  );
  a.start();
  await Promise.all(asked);
  const { rows } = await pool.query<{ job: string; outcome: string }>(
    "SELECT job, outcome FROM maintenance_run WHERE outcome <> 'DONE'",
  );
  expect(rows).toEqual([]);
  expect((await pool.query('SELECT job FROM maintenance_run')).rows).toHaveLength(jobs.length);
  const left = async (table: string, column: string): Promise<string[]> =>
    (await pool.query<{ x: string }>(`SELECT ${column} AS x FROM ${table} ORDER BY 1`)).rows.map((r) => r.x);
  expect(await left('ingest_reject', 'error_code')).toEqual(['young']);
  expect(await left('lane_command', 'reason')).toEqual(['young']);
  expect(await left('incident', 'kind')).toEqual(['open old', 'open young', 'young']);
  expect(await left('engine_instance', 'instance')).toEqual(['a', 'b', 'young']);
  expect(await left('ingest_key', "convert_from(id_hash, 'UTF8')")).toEqual(['young']);
  expect(await left('app_verification', 'id')).toEqual(['young']);
  expect(await left('message_tracking', 'sequence_no')).toEqual([]);
  expect(await lastRun('settled-numbers')).toMatchObject({ counts: { passed: 3, removed: 3, broken: 0 } });
});

test('G18: payloads that would outlive their numbers are refused as a setting', () => {
  const settings = { ...MAINTENANCE_DEFAULTS, payloadDays: 30, settledDays: 29 };
  expect(() => maintenanceJobs({ database, incidents: { open: () => undefined }, settings })).toThrow('settledDays');
});
