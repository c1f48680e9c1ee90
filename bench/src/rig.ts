/**
 * Everything one bench needs, started and ended together: a Postgres cluster of its own with fsync on, a migrated site,
 * engines as processes of their own in one of three layouts with the broker and Redis they need, and both ends of the
 * wire (upstream and laboratory) in this process.
 */

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applySite, createDatabase, DEMO_ADDRESS, migrate, withDatabase } from '@inorder/db';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@inorder/db/embedded';
import {
  type LisHandle,
  preciseNow,
  simulatorConfigSchema,
  startSimulator,
  type UpstreamHandle,
} from '@inorder/simulator';
import { type EngineProcess, startEngine, TEST_SECRET_KEY } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { freePort } from '@inorder/testkit/services';
import pg from 'pg';
import { z } from 'zod';
import { type CommitProbe, startCommitProbe } from './commit-probe.ts';
import { Journeys } from './journeys.ts';
import { enginesOf, type LayoutPlan, type LayoutServices, startServices } from './layout.ts';
import { readCalls, readSessions } from './postgres-statements.ts';
import { benchSite } from './site.ts';
import type { Calls } from './statements.ts';
import { processUsage, serverUsage, type Usage } from './usage.ts';

export interface RigOptions {
  readonly interfaces: number;
  readonly plan: LayoutPlan;
  /** Shares of the messages. */
  readonly poison: { readonly unknownCode: number; readonly nackCode: number };
  /** Folder for a CPU profile of each engine, written when it ends. */
  readonly profile: string | undefined;
  /** Takes lines about what is being done. */
  readonly log: (line: string) => void;
}

export interface Rig {
  readonly lis: LisHandle;
  readonly upstream: UpstreamHandle;
  readonly plan: LayoutPlan;
  readonly journeys: Journeys;
  /** From the start of the first process until all of them serve. */
  readonly engineStartMs: number;
  /** How often the engines' watchdogs have looked heads up. */
  watchdogChecks(): Promise<number>;
  /** What each engine says of itself, by its name. */
  counters(): Promise<Readonly<Record<string, unknown>>>;
  /** Commits beside the engine's, to show what one costs. */
  probeCommits(): CommitProbe;
  /** Connections to the engines' database so far, theirs and ours. */
  sessions(): Promise<number>;
  /** The engines' statements so far. */
  calls(): Promise<Calls>;
  /** Dead letters by error code. */
  deadLetters(): Promise<Readonly<Record<string, number>>>;
  /** Resolves when every order that was accepted has a number and no lane an open one; false when that takes too long. */
  settled(withinMs: number): Promise<boolean>;
  /** What engines logged as warnings or errors, how often each: of the last lines only. */
  warnings(): Readonly<Record<string, number>>;
  /** What was tried of these interfaces around the numbers of these control ids, a line each: how an order violation came about. */
  attempts(controlIds: readonly string[]): Promise<readonly string[]>;
  /** Of all engines together. */
  usage(): { readonly engine: Usage | null; readonly postgres: Usage | null };
  /** Ends everything and removes its files; no message may be under way for the engines to end in peace. */
  stop(): Promise<void>;
}

const DATABASE = 'bench';
const OWN_ROLE = 'bench_observer';
const ENGINE_ROLE = 'postgres';
export const LIS_NAMES = ['LIS-1', 'LIS-2', 'LIS-3', 'LIS-4'] as const;

const SHARED_MS_MAX = 60_000;
/** Instances look around each second. */
const STANDS_MS = 3_000;

type Closer = () => Promise<unknown> | unknown;

export async function startRig(options: RigOptions): Promise<Rig> {
  const closers: Closer[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await assemble(options, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(options: RigOptions, closers: Closer[], stop: () => Promise<void>): Promise<Rig> {
  const { log } = options;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-bench-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  // The account that Postgres runs as has to get in.
  chmodSync(folder, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), port: 0, durable: true, log });
  closers.push(() => postgres.stop());
  const { pool, observer } = await openDatabase(postgres);
  closers.push(
    () => pool.end(),
    () => observer.end(),
  );

  const services = await startServices(options.plan, DEMO_ADDRESS, freePort);
  closers.push(() => services[Symbol.asyncDispose]());
  let upstream: UpstreamHandle | undefined;
  const journeys = new Journeys(() => upstream?.ledger);
  const simulator = await startSimulator(simulatorPlan(options, services), journeys);
  closers.push(() => simulator.stop());
  ({ upstream } = simulator);
  const { lis } = simulator;
  if (lis === undefined || upstream === undefined) throw new Error('the simulator was asked for both ends');

  const startMs = performance.now();
  const applied = await applySite(
    pool,
    benchSite({ interfaces: options.interfaces, connection: services.connection, lis: lis.status() }),
    { actor: 'bench', secretKey: TEST_SECRET_KEY },
  );
  if (!applied.ok) throw new Error(`the site was refused: ${JSON.stringify(applied.problems.slice(0, 3))}`);
  log(`${options.interfaces} interfaces applied in ${Math.round(performance.now() - startMs)} ms`);
  // What autovacuum would do soon after; a plan made before it would be another than the one of daily life.
  await pool.query('VACUUM ANALYZE');

  const beforeMs = performance.now();
  const engines = await startEngines(options, withDatabase(postgres.url, DATABASE), services, closers);
  const engineStartMs = performance.now() - beforeMs;
  log(
    `${engines.length === 1 ? 'the engine serves' : `${engines.length} engines serve`} after ${Math.round(engineStartMs)} ms`,
  );
  const sender = upstream;
  await eventually('the upstream is connected', () => sender.status().connected);
  await sharesSettled(pool, options.plan);
  return {
    lis,
    upstream,
    plan: options.plan,
    journeys,
    engineStartMs,
    watchdogChecks: () => watchdogChecks(engines),
    counters: () => countersOf(engines),
    probeCommits: () => startCommitProbe(pool),
    sessions: () => readSessions(observer, DATABASE),
    calls: () => readCalls(observer, DATABASE, ENGINE_ROLE),
    deadLetters: () => countDeadLetters(pool),
    warnings: () => countWarnings(engines),
    attempts: (controlIds) => readAttempts(pool, controlIds),
    settled: (withinMs) => isSettled(sender, pool, withinMs),
    usage: () => ({
      engine: sumOfUsage(engines.map(({ pid }) => processUsage(pid))),
      postgres: serverUsage(postgres.pid),
    }),
    stop,
  };
}

/** All at once, as after a power cut; each is in `closers` as soon as it runs. */
async function startEngines(
  { plan, profile }: RigOptions,
  databaseUrl: string,
  { redisUrl, listenPort }: LayoutServices,
  closers: Closer[],
): Promise<EngineProcess[]> {
  const begun = enginesOf(plan).map(async ({ instance, roles }) => {
    const engine = await startEngine({
      databaseUrl,
      instance,
      ...(roles === undefined ? {} : { roles }),
      ...(redisUrl === undefined ? {} : { redisUrl }),
      ...(listenPort === undefined ? {} : { amqpPort: listenPort }),
      env: { INORDER_UNSAFE: '0', ...profiling(profile) },
    });
    closers.push(async () => {
      await engine.stop();
      await engine[Symbol.asyncDispose]();
    });
    return engine;
  });
  // One that fails must not leave the others without an owner.
  await Promise.allSettled(begun);
  return Promise.all(begun);
}

/** Resolves when every engine that delivers has shards and none has changed hands for a while: before, lanes move. */
async function sharesSettled(pool: pg.Pool, plan: LayoutPlan): Promise<void> {
  const owners = enginesOf(plan).filter(({ delivers }) => delivers).length;
  let [seen, sinceMs] = ['', performance.now()];
  const stands = async (): Promise<boolean> => {
    const { rows } = await pool.query<{ owners: number; free: number; epochs: string }>(
      `SELECT count(DISTINCT owner)::int AS owners, count(*) FILTER (WHERE owner IS NULL)::int AS free, sum(epoch)::text AS epochs
         FROM shard_lease`,
    );
    const [now] = rows;
    const state = JSON.stringify(now);
    if (state !== seen) [seen, sinceMs] = [state, performance.now()];
    return now?.owners === owners && now.free === 0 && performance.now() - sinceMs >= STANDS_MS;
  };
  await eventually('the shards are shared out', stands, { withinMs: SHARED_MS_MAX, everyMs: 200, shown: () => seen });
}

/** Our statements run under a role of our own: those of the engine's role are the engine's. */
async function openDatabase(postgres: EmbeddedPostgres): Promise<{ pool: pg.Pool; observer: pg.Pool }> {
  const url = withDatabase(postgres.url, DATABASE);
  await createDatabase(url);
  await migrate(url);
  const password = randomBytes(16).toString('hex');
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  try {
    await admin.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await admin.query(`CREATE ROLE ${OWN_ROLE} SUPERUSER LOGIN PASSWORD '${password}'`);
  } finally {
    await admin.end();
  }
  // One connection that stays, so that new sessions are the engine's.
  const own = (database: string): pg.Pool => {
    const as = new URL(withDatabase(postgres.url, database));
    as.username = OWN_ROLE;
    as.password = password;
    const pool = new pg.Pool({ connectionString: as.toString(), max: 1, idleTimeoutMillis: 0 });
    pool.on('error', () => undefined); // Postgres may go before us; nobody waits for an answer then.
    return pool;
  };
  return { pool: own(DATABASE), observer: own('postgres') };
}

function simulatorPlan({ interfaces, poison }: RigOptions, { upstream, connection }: LayoutServices) {
  return simulatorConfigSchema.parse({
    lis: { endpoints: LIS_NAMES.map((name) => ({ name, kind: 'MLLP' })) },
    upstream: {
      ...upstream,
      interfaces: Object.keys(benchSite({ interfaces, connection, lis: NO_LIS }).interfaces).map((code) => ({ code })),
      poison,
    },
  });
}

/** Enough of one to ask the site for its codes. */
const NO_LIS = LIS_NAMES.map((name) => ({ name, host: '127.0.0.1', port: 1 }));

function profiling(folder: string | undefined): Readonly<Record<string, string>> {
  if (folder === undefined) return {};
  mkdirSync(folder, { recursive: true });
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${path.resolve(folder)}` };
}

/** Without the role it has no delivery. */
const countersSchema = z.looseObject({ delivery: z.looseObject({ batchChecks: z.int() }).nullable() });

async function countersOf(engines: readonly EngineProcess[]): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    await Promise.all(engines.map(async (engine) => [engine.instance, await engine.counters()] as const)),
  );
}

async function watchdogChecks(engines: readonly EngineProcess[]): Promise<number> {
  const all = Object.values(await countersOf(engines));
  return all.reduce<number>((sum, one) => sum + (countersSchema.parse(one).delivery?.batchChecks ?? 0), 0);
}

function sumOfUsage(all: readonly (Usage | null)[]): Usage | null {
  return all.reduce((sum, one) =>
    sum === null || one === null ? null : { cpuSeconds: sum.cpuSeconds + one.cpuSeconds, bytes: sum.bytes + one.bytes },
  );
}

async function countDeadLetters(pool: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ error_code: string; n: number }>(
    'SELECT error_code, count(*)::int AS n FROM dead_letter GROUP BY error_code ORDER BY error_code',
  );
  return Object.fromEntries(rows.map((row) => [row.error_code, row.n]));
}

const WARNING = 40;

function countWarnings(engines: readonly EngineProcess[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of engines.flatMap((engine) => engine.log())) {
    if (typeof line['level'] !== 'number' || line['level'] < WARNING) continue;
    const what = [line.msg, line['code'], line['kind']].filter((part) => typeof part === 'string').join(' ');
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** Of each control id its own number and those beside it, in the order in which they ended. */
async function readAttempts(pool: pg.Pool, controlIds: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `SELECT concat_ws(' ', i.code || ':' || a.sequence_no, a.control_id, a.kind, a.outcome, a.error_code, 'attempt', a.attempt_no, 'epoch', a.epoch,
                      a.instance, 'ended', to_char(a.ended_at, 'HH24:MI:SS.MS'), 'took', a.duration_ms, 'ms') AS line
       FROM delivery_attempt a JOIN interface i USING (interface_id)
      WHERE EXISTS (SELECT 1 FROM delivery_attempt o WHERE o.control_id = ANY($1) AND o.interface_id = a.interface_id
                       AND abs(o.sequence_no - a.sequence_no) <= 1)
      ORDER BY i.code, a.ended_at, a.attempt_id LIMIT 200`,
    [controlIds],
  );
  return rows.map(({ line }) => line);
}

async function isSettled(upstream: UpstreamHandle, pool: pg.Pool, withinMs: number): Promise<boolean> {
  const noneOpen = async (): Promise<boolean> => {
    if (upstream.status().open > 0) return false;
    // What a broker has accepted need not have a number yet.
    const { rows } = await pool.query<{ numbered: number; open: number }>(
      `SELECT coalesce(sum(s.last_sequence_no), 0)::float8 AS numbered,
              count(*) FILTER (WHERE s.last_sequence_no > c.last_delivered_sequence)::int AS open
         FROM interface_sequence s JOIN message_delivery_checkpoint c USING (interface_id)`,
    );
    return rows[0]?.open === 0 && rows[0].numbered >= upstream.ledger.acknowledged.size;
  };
  try {
    return await eventually('every number is settled', noneOpen, { withinMs, everyMs: 200 });
  } catch {
    return false;
  }
}

export { preciseNow };
