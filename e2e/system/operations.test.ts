/** What operations see of a real engine: figures that add up, readiness that tells of a stop first, doctor on a living site. */
import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { readinessSchema } from '@inorder/shared';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { allSettled, CODE, controlId, startRig } from './rig.ts';

const MAIN = path.resolve(import.meta.dirname, '../../apps/cli/src/main.ts');
const SECRET = 'an-admin-secret-of-tests';

/** Name and labels → value. */
async function scrape(adminUrl: string): Promise<Map<string, number>> {
  const answer = await fetch(`${adminUrl}/metrics`, { headers: { authorization: `Bearer ${SECRET}` } });
  expect(answer.status).toBe(200);
  const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

async function readyz(adminUrl: string) {
  const answer = await fetch(`${adminUrl}/readyz`);
  return { status: answer.status, ...readinessSchema.parse(await answer.json()) };
}

interface Diagnosis {
  readonly findings: readonly { readonly level: string; readonly what: string }[];
}

function doctor(databaseUrl: string): Promise<Diagnosis & { readonly code: number }> {
  const { REDIS_URL: _, ...env } = process.env;
  const settings = { ...env, DATABASE_URL: databaseUrl, INORDER_STATE_DIR: path.join(os.tmpdir(), 'inorder-no-state') };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, 'doctor', '--json'], { env: settings }, (error, stdout, stderr) => {
      if (stdout === '') return reject(new Error(`doctor said nothing: ${stderr}`));
      // Held against expectations, field by field.
      const { findings }: Diagnosis = JSON.parse(stdout);
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, findings });
    });
  });
}

test('the figures of an engine add up: stored, staged, settled, attempts, latency, lag', async () => {
  await using rig = await startRig({ delivery: { retryDelayMs: [50] } });
  const engine = await rig.start({ env: { INORDER_METRICS_INTERFACES: CODE } });
  expect(await readyz(engine.adminUrl)).toMatchObject({ status: 200, ready: true });
  for (let n = 1; n <= 6; n += 1) rig.send(n, n === 4 ? { poison: 'unknownCode' } : {});
  await allSettled(rig, 6);
  const seen = await eventually('the last settlement is counted', async () => {
    const figures = await scrape(engine.adminUrl);
    return figures.get('inorder_settled_messages_total{end="delivered"}') === 5 && figures;
  });
  expect(Object.fromEntries(seen)).toMatchObject({
    inorder_serving: 1,
    'inorder_ingest_messages_total{result="stored"}': 6,
    'inorder_ingest_messages_total{result="duplicate"}': 0,
    'inorder_stage_messages_total{outcome="processed"}': 5,
    'inorder_stage_messages_total{outcome="failed"}': 1,
    inorder_stage_waiting_messages: 0,
    'inorder_settled_messages_total{end="failed"}': 1,
    'inorder_delivery_attempts_total{outcome="ACKED"}': 5,
    inorder_delivery_attempt_duration_seconds_count: 5,
    inorder_message_duration_seconds_count: 5,
    'inorder_lanes{state="IDLE"}': 1,
    inorder_lag_messages: 0,
    inorder_sends_in_flight: 0,
    inorder_shards_held: 256,
    inorder_listeners_open: 1,
    [`inorder_interface_settled_total{interface="${CODE}"}`]: 6,
    'inorder_destination_breaker_open{destination="LIS-1"}': 0,
    inorder_epochs_lost_total: 0,
  });
  expect(seen.get('inorder_settle_duration_seconds_count')).toBeGreaterThan(0);
  expect(seen.get('inorder_ingest_batch_messages_sum')).toBe(6);
});

test('a stop is seen at /readyz before the work in hand has ended, and that work ends', async () => {
  await using rig = await startRig({ destination: { ackTimeoutMs: 20_000 } });
  rig.lis.switches.set({ id: 'slow', controlId: controlId(1), times: 1, fault: { kind: 'delay', ms: 2500 } });
  const engine = await rig.start();
  rig.send(1);
  await eventually('the order is on the wire', () => rig.received.length === 1);
  const ended = engine.stop();
  const stopping = await eventually('the stop shows', async () => {
    const report = await readyz(engine.adminUrl);
    return report.status === 503 && report;
  });
  expect(stopping.serving).toBe(false);
  expect(stopping.dependencies.find(({ name }) => name === 'postgres')?.ok).toBe(true);
  // It still waits for the laboratory: the answer comes later than this look.
  expect((await scrape(engine.adminUrl)).get('inorder_sends_in_flight')).toBe(1);
  expect(await ended).toMatchObject({ code: 0 });
  const rows = await rig.query<{ status: string }>('SELECT status::text AS status FROM message_tracking');
  expect(rows).toEqual([{ status: 'DELIVERED' }]);
});

test('doctor calls a living site sound but for what tests switch off, and names what stops', async () => {
  await using rig = await startRig();
  const engine = await rig.start();
  rig.send(1);
  await allSettled(rig, 1);
  const problems = async () => {
    const { code, findings } = await doctor(rig.databaseUrl);
    return { code, what: findings.filter(({ level }) => level === 'problem').map(({ what }) => what) };
  };
  // The Postgres of tests runs without fsync.
  expect(await problems()).toEqual({
    code: 1,
    what: [expect.stringMatching(/^fsync, full_page_writes, synchronous_commit are off/)],
  });
  await rig.lis.setListening('LIS-1', false);
  expect((await problems()).what).toContainEqual(expect.stringMatching(/^LIS-1 \(.*\) cannot be reached/));
  await engine.kill();
  await rig.query("UPDATE engine_instance SET heartbeat_at = now() - interval '1 minute'");
  expect((await problems()).what).toContainEqual('no engine lives');
});
