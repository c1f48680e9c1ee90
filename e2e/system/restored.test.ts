/**
 * A backup of Postgres is restored (G21): the data folder as it was, recovered and promoted, which gives it another
 * timeline. What was taken in and delivered after the backup is not in it; the laboratory has it all the same.
 */
import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createDatabase, migrate, readRestored, requestRelease, verifyAudit, withDatabase } from '@inorder/db';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@inorder/db/embedded';
import { SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import pg from 'pg';
import { expect, test } from 'vitest';
import { carriedOut } from './commands-of-people.ts';
import {
  allSettled,
  attemptsOf,
  brokenNumbers,
  checkpointOf,
  countersOf,
  incidentsOf,
  type Rig,
  startRig,
} from './rig.ts';

const run = promisify(execFile);
const CODES = ['LAB-0001', 'LAB-0002'];
const ACT = { actor: 'operator@example.org', reason: 'compared with the laboratory' };

/** Each starts Postgres three times; none of it is a measure. */
const TIMEOUT_MS = 300_000;

/** A Postgres of this test's own, with what people do to theirs. */
class Store {
  server: EmbeddedPostgres;
  private readonly options: { readonly dataDir: string; readonly port: number };
  /** Where the data really lies. */
  private readonly data: string;

  private constructor(server: EmbeddedPostgres, dataDir: string, data: string) {
    this.server = server;
    this.options = { dataDir, port: server.port };
    this.data = data;
  }

  static async start(folder: string): Promise<Store> {
    const dataDir = path.join(folder, 'postgres');
    const server = await startEmbeddedPostgres({ dataDir, port: 0 });
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query<{ data: string }>("SELECT current_setting('data_directory') AS data");
    await client.end();
    return new Store(server, dataDir, rows[0]?.data ?? dataDir);
  }

  /** Cold: the server is stopped, the folder copied, the server started again. */
  async backUp(): Promise<void> {
    await this.server.stop();
    await run('cp', ['-a', this.data, `${this.data}.backup`]);
    await this.again();
  }

  /** Point-in-time recovery to the end of what the backup holds: it ends with a promotion. */
  async restore(): Promise<void> {
    await this.server.stop();
    rmSync(this.data, { recursive: true });
    await run('cp', ['-a', `${this.data}.backup`, this.data]);
    appendFileSync(path.join(this.data, 'postgresql.auto.conf'), "restore_command = 'false'\n");
    writeFileSync(path.join(this.data, 'recovery.signal'), '');
    await run('chown', [`--reference=${this.data}`, path.join(this.data, 'recovery.signal')]);
    await this.again();
  }

  private async again(): Promise<void> {
    this.server = await startEmbeddedPostgres(this.options);
  }
}

async function storeWithRig(stack: AsyncDisposableStack): Promise<{ readonly store: Store; readonly rig: Rig }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-g21-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  // The server's account may be another than ours.
  chmodSync(folder, 0o755);
  const store = await Store.start(folder);
  stack.defer(() => store.server.stop());
  const databaseUrl = withDatabase(store.server.url, 'orders');
  await createDatabase(databaseUrl);
  await migrate(databaseUrl);
  const rig = stack.use(await startRig({ codes: CODES, databaseUrl, engine: { env: SHORT_LEASES } }));
  return { store, rig };
}

const sendTo = (rig: Rig, from: number, to: number): void => {
  for (let n = from; n <= to; n += 1) for (const code of CODES) rig.send(n, { code });
};

async function epochs(rig: Rig): Promise<{ readonly lowest: number; readonly highest: number }> {
  const [row] = await rig.query<{ lowest: string; highest: string }>(
    'SELECT min(epoch) AS lowest, max(epoch) AS highest FROM (SELECT epoch FROM shard_lease UNION ALL SELECT epoch FROM source_lease) e',
  );
  return { lowest: Number(row?.lowest), highest: Number(row?.highest) };
}

async function ready(rig: Rig): Promise<number> {
  return (await rig.query("SELECT 1 FROM message_tracking WHERE status = 'PROCESSED'")).length;
}

async function holding(rig: Rig): Promise<void> {
  await eventually('all lanes hold', async () => (await readRestored(rig.pool)).lanes === CODES.length);
}

test('G21: after a backup is restored lanes hold and nothing is sent until an operator releases them; epochs have jumped, one incident tells of it', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const { store, rig } = await storeWithRig(stack);
  let engine = await rig.start();
  sendTo(rig, 1, 3);
  await allSettled(rig, 6);
  await store.backUp();

  // What the backup does not know: 4 and 5 of each, taken in and delivered.
  sendTo(rig, 4, 5);
  await allSettled(rig, 10);
  const before = await epochs(rig);
  expect(await readRestored(rig.pool)).toMatchObject({ heldAt: null, generation: 1 });
  expect((await engine.stop()).code).toBe(0);

  await store.restore();
  engine = await rig.start();
  const second = await rig.start({ instance: 'engine-2', roles: 'deliver' });
  await holding(rig);
  expect((await epochs(rig)).lowest).toBeGreaterThan(before.highest);
  expect(await readRestored(rig.pool)).toMatchObject({ generation: 2, lanes: 2, paused: 0 });
  const incidents = await incidentsOf(rig);
  expect(incidents.filter((i) => i.kind === 'RESTORED')).toMatchObject([
    { scope: 'postgres', occurrences: 1, open: true },
  ]);

  // Intake goes on: number 4 is given again, to another order. It waits, as does what follows it.
  const sent = rig.received.length;
  sendTo(rig, 6, 8);
  await eventually('they are accepted', () => rig.settled.filter((s) => s.outcome === 'accepted').length === 16);
  await eventually('they are ready', async () => (await ready(rig)) === 6);
  await eventually('both owners say that they hold', async () => {
    const lanes = [...(await engine.lanes()), ...(await second.lanes())];
    return lanes.length === 2 && lanes.every((lane) => lane.state === 'HOLDING');
  });
  expect(rig.received.length).toBe(sent);

  // A skip prepares the release and is none.
  expect(await carriedOut(rig, { kind: 'SKIP', from: 4 })).toMatchObject({ status: 'DONE' });
  expect(rig.received.length).toBe(sent);
  expect((await readRestored(rig.pool)).lanes).toBe(2);

  expect(await requestRelease(rig.pool, 1, ACT)).toEqual({ ok: false });
  expect(await requestRelease(rig.pool, 2, ACT)).toEqual({ ok: true, lanes: 2 });
  await allSettled(rig, 12);
  expect(countersOf(rig, 'LAB-0001')).toEqual([1, 2, 3, 4, 5, 7, 8]);
  expect(countersOf(rig, 'LAB-0002')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await checkpointOf(rig)).toBe(6);
  expect(await brokenNumbers(rig)).toEqual([]);
  await eventually('the incident has ended', async () => (await incidentsOf(rig)).every((i) => !i.open));
  expect(await readRestored(rig.pool)).toMatchObject({ heldAt: null, lanes: 0 });
  expect(await rig.query("SELECT actor FROM audit_log WHERE action LIKE 'store.%' ORDER BY audit_id")).toEqual([
    { actor: 'system' },
    { actor: ACT.actor },
  ]);
  expect(await verifyAudit(rig.pool)).toMatchObject({ ok: true });
});

test('G21: a fail-over under running engines is noticed before anything is sent again; what was in flight is marked as a possible duplicate', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const { store, rig } = await storeWithRig(stack);
  const engine = await rig.start();
  sendTo(rig, 1, 2);
  await allSettled(rig, 4);
  // Order 3 waits at a laboratory that is down: in the backup it is ready and not delivered.
  await rig.lis.setListening('LIS-1', false);
  sendTo(rig, 3, 3);
  await eventually('3 waits', async () => (await ready(rig)) === 2);
  await store.backUp();
  await rig.lis.setListening('LIS-1', true);
  sendTo(rig, 4, 4);
  await allSettled(rig, 8);
  const sent = rig.received.length;
  const before = await epochs(rig);

  await store.restore();
  await holding(rig);
  await eventually('the engine holds', async () => {
    const lanes = await engine.lanes();
    return lanes.length === 2 && lanes.every((lane) => lane.state === 'HOLDING' && lane.epoch > before.highest);
  });
  sendTo(rig, 5, 5);
  await eventually('5 is ready', async () => (await ready(rig)) === 4);
  expect(rig.received.length).toBe(sent);
  expect((await incidentsOf(rig)).filter((i) => i.kind === 'RESTORED')).toMatchObject([{ occurrences: 1, open: true }]);
  expect(await requestRelease(rig.pool, 2, ACT)).toEqual({ ok: true, lanes: 2 });
  await allSettled(rig, 8);
  expect(countersOf(rig)).toEqual([1, 2, 3, 4, 3, 5]);
  expect((await attemptsOf(rig)).filter((a) => a.outcome === 'ACKED').slice(-2)).toMatchObject([
    { n: 3, kind: 'RESEND' },
    { n: 4, kind: 'FIRST' },
  ]);
  expect((await engine.stop()).code).toBe(0);
});
