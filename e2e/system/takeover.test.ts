/** Several engines on one site: takeovers, zombies, rolling restarts (G9, G10). */
import { type EngineProcess, SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { allSettled, brokenNumbers, type Rig, startRig } from './rig.ts';

const CODES = Array.from({ length: 24 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);

const intake = (rig: Rig): Promise<EngineProcess> =>
  rig.start({ instance: 'engine-in', roles: 'ingest,validate,enrich,route', env: SHORT_LEASES });
const laneOwner = (rig: Rig, instance: string): Promise<EngineProcess> =>
  rig.start({ instance, roles: 'deliver,watchdog', env: SHORT_LEASES });

/** How many of the site's interfaces each instance owns. */
async function owners(rig: Rig): Promise<Record<string, number>> {
  const rows = await rig.query<{ owner: string | null; n: number }>(
    'SELECT l.owner, count(*)::int AS n FROM interface i JOIN shard_lease l USING (shard) GROUP BY 1',
  );
  return Object.fromEntries(rows.map((row) => [row.owner ?? 'nobody', row.n]));
}

const shared = (rig: Rig) =>
  eventually('both own lanes, and nobody none', async () => {
    const now = await owners(rig);
    return (
      (now['engine-a'] ?? 0) > 0 &&
      (now['engine-b'] ?? 0) > 0 &&
      (now['engine-a'] ?? 0) + (now['engine-b'] ?? 0) === CODES.length
    );
  });

async function more(rig: Rig, count: number): Promise<void> {
  const from = rig.received.length;
  await eventually(`${count} more arrive`, () => rig.received.length >= from + count, { withinMs: 30_000 });
}

test('G10: an owner frozen past its lease loses its lanes; thawed, it sends nothing and writes nothing', async () => {
  await using rig = await startRig({ codes: CODES });
  // Long answers: the freeze meets lanes in the middle of a send, whose answers wait for the zombie when it wakes.
  rig.lis.switches.set({ id: 'slow', fault: { kind: 'delay', ms: 60 } });
  await intake(rig);
  const a = await laneOwner(rig, 'engine-a');
  await laneOwner(rig, 'engine-b');
  await shared(rig);
  const upstream = rig.load({ ratePerSecond: 80 });
  await more(rig, 100);

  a.freeze();
  const leases = await rig.query<{ shard: number; epoch: number }>(
    "SELECT shard, epoch::int FROM shard_lease WHERE owner = 'engine-a'",
  );
  await eventually('the other owns every lane', async () => (await owners(rig))['engine-b'] === CODES.length);
  const taken = await rig.query<{ shard: number; epoch: number }>(
    'SELECT shard, epoch::int FROM shard_lease WHERE shard = ANY($1)',
    [leases.map((lease) => lease.shard)],
  );
  const epochs = new Map(taken.map((lease) => [lease.shard, lease.epoch]));
  expect(leases.every((lease) => (epochs.get(lease.shard) ?? 0) === lease.epoch + 1)).toBe(true);
  await more(rig, 100);
  const [{ at: thawedAt } = { at: '' }] = await rig.query<{ at: string }>('SELECT now()::text AS at');
  a.thaw();

  // It comes back as a good citizen: new epochs, its share of the lanes.
  await shared(rig);
  await more(rig, 100);
  upstream.setRate(0);
  await upstream.drained();
  await allSettled(rig, rig.ledger.acknowledged.size);

  const zombieWrites = await rig.query(
    `SELECT a.sequence_no, a.epoch FROM delivery_attempt a JOIN interface i USING (interface_id)
       JOIN unnest($1::int[], $2::int[]) AS old(shard, epoch) ON old.shard = i.shard AND old.epoch = a.epoch
      WHERE a.instance = 'engine-a' AND a.ended_at > $3::timestamptz`,
    [leases.map((l) => l.shard), leases.map((l) => l.epoch), thawedAt],
  );
  expect(zombieWrites).toEqual([]);
  expect(a.log().filter((line) => line.msg === 'shard lost').length).toBeGreaterThan(0);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, gaps: 0, notTaken: 0 });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G9, G10: an owner killed under load: its lanes move again within a lease and a second', async () => {
  await using rig = await startRig({ codes: CODES, stragglersByConnection: true });
  await intake(rig);
  const a = await laneOwner(rig, 'engine-a');
  await laneOwner(rig, 'engine-b');
  await shared(rig);
  const upstream = rig.load({ ratePerSecond: 80 });
  await more(rig, 100);
  await a.kill();
  const killedMs = performance.now();
  await eventually('the other owns every lane', async () => (await owners(rig))['engine-b'] === CODES.length);
  await more(rig, CODES.length);
  // The lease of these tests is 3 s; heartbeats of 2 s find it stale in between.
  expect(performance.now() - killedMs).toBeLessThan(8_000);
  upstream.setRate(0);
  await upstream.drained();
  await allSettled(rig, rig.ledger.acknowledged.size);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, gaps: 0, notTaken: 0 });
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G10: a rolling restart under load loses nothing, repeats nothing and takes no lease away', async () => {
  await using rig = await startRig({ codes: CODES });
  const start: Record<string, () => Promise<EngineProcess>> = {
    'engine-in': () => intake(rig),
    'engine-a': () => laneOwner(rig, 'engine-a'),
    'engine-b': () => laneOwner(rig, 'engine-b'),
  };
  const running = new Map<string, EngineProcess>();
  for (const [name, begin] of Object.entries(start)) running.set(name, await begin());
  await shared(rig);
  const upstream = rig.load({ ratePerSecond: 80 });
  for (const [name, begin] of Object.entries(start)) {
    await more(rig, 60);
    const end = await running.get(name)?.stop();
    expect(end).toMatchObject({ code: 0, stderr: '' });
    running.set(name, await begin());
  }
  await more(rig, 60);
  upstream.setRate(0);
  await upstream.drained();
  await allSettled(rig, rig.ledger.acknowledged.size);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, gaps: 0, notTaken: 0, repeats: 0 });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  expect(await brokenNumbers(rig)).toEqual([]);
});
