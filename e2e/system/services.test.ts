/** Postgres goes and comes back under load (G12). It is this file's own: nobody else is hurt. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, migrate, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import { SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { allSettled, brokenNumbers, incidentsOf, numbersOf, type Rig, startRig } from './rig.ts';

const CODES = Array.from({ length: 10 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);

async function more(rig: Rig, count: number): Promise<void> {
  const from = rig.received.length;
  await eventually(`${count} more arrive`, () => rig.received.length >= from + count, { withinMs: 30_000 });
}

async function nothingLost(rig: Rig): Promise<void> {
  await allSettled(rig, rig.ledger.acknowledged.size);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, gaps: 0, notTaken: 0 });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  const statuses = new Set(
    (await Promise.all(CODES.map((code) => numbersOf(rig, code)))).flat().map((row) => row.status),
  );
  expect([...statuses]).toEqual(['DELIVERED']);
  expect(await brokenNumbers(rig)).toEqual([]);
}

test('G12: Postgres stopped, then killed, under load: nothing is accepted meanwhile, nothing lost or failed, all resumes by itself', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-g12-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const options = { dataDir: path.join(folder, 'postgres'), port: 0 };
  let server = await startEmbeddedPostgres(options);
  stack.defer(() => server.stop());
  const databaseUrl = withDatabase(server.url, 'orders');
  await createDatabase(databaseUrl);
  await migrate(databaseUrl);
  await using rig = await startRig({ codes: CODES, databaseUrl });
  // Durable commits: this one engine takes orders without being told that it is unsafe.
  const engine = await rig.start({ env: { ...SHORT_LEASES, INORDER_UNSAFE: '0' } });
  const upstream = rig.load({ ratePerSecond: 60 });
  await more(rig, 100);

  // The second outage is longer than the lease of 3 s.
  for (const [how, forMs] of [
    ['stopped', 1_500],
    ['killed', 5_000],
  ] as const) {
    if (how === 'stopped') await server.stop();
    else {
      // SIGQUIT to the postmaster is its immediate shutdown: every backend dies at once, recovery follows.
      process.kill(server.pid, 'SIGQUIT');
    }
    await eventually('orders wait at the upstream', () => upstream.status().open > 20);
    const { accepted } = upstream.status();
    // How long it is away is the subject here.
    await delay(forMs);
    expect(upstream.status().accepted, how).toBe(accepted);
    expect(await engine.health()).toBe(200);
    server = await startEmbeddedPostgres({ ...options, port: server.port });
    await eventually('the upstream is told of new acceptances', () => upstream.status().accepted > accepted + 20);
    await more(rig, 60);
  }
  upstream.setRate(0);
  await upstream.drained();
  await nothingLost(rig);
  expect((await incidentsOf(rig)).filter((incident) => incident.open)).toEqual([]);
  expect((await engine.stop()).code).toBe(0);
});
