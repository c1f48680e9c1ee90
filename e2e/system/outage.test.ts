/**
 * A laboratory that is switched off under load (G7). INORDER_SYSTEM_OUTAGE_MS sets how long: 4 s by default, 120,000 in
 * the full form.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { carriedOut } from './commands-of-people.ts';
import {
  allSettled,
  attemptsOf,
  brokenNumbers,
  checkpointOf,
  controlId,
  countersOf,
  incidentsOf,
  startRig,
} from './rig.ts';

const OUTAGE_MS = Number(process.env['INORDER_SYSTEM_OUTAGE_MS'] ?? 4_000);
const CODES = ['LAB-0001', 'LAB-0002', 'LAB-0003', 'LAB-0004', 'LAB-0005', 'LAB-0006'];
/** LIS-1 has every other interface. */
const OF_LIS_1 = ['LAB-0001', 'LAB-0003', 'LAB-0005'];

test(`G7: a laboratory off for ${OUTAGE_MS} ms under load: 0 dead letters, order intact, one breaker probes with one head`, {
  timeout: OUTAGE_MS + 120_000,
}, async () => {
  await using rig = await startRig({ codes: CODES, lis: ['LIS-1', 'LIS-2'] });
  const engine = await rig.start();
  const upstream = rig.load({ ratePerSecond: 60 });
  await eventually('traffic flows', () => CODES.every((code) => countersOf(rig, code).length >= 3));

  await rig.lis.setListening('LIS-1', false);
  await eventually('one incident says so', async () =>
    (await incidentsOf(rig)).some((i) => i.kind === 'ENDPOINT_DOWN' && i.open),
  );
  const before = { down: countersOf(rig, 'LAB-0001').length, up: countersOf(rig, 'LAB-0002').length };
  // The length of the outage is the subject here: this is the fault, not a wait for something.
  await delay(OUTAGE_MS);
  expect(countersOf(rig, 'LAB-0001').length).toBe(before.down);
  expect(countersOf(rig, 'LAB-0002').length).toBeGreaterThan(before.up);
  expect((await engine.lanes()).filter((lane) => lane.state === 'ENDPOINT_DOWN')).toHaveLength(OF_LIS_1.length);
  await rig.lis.setListening('LIS-1', true);

  upstream.setRate(0);
  await upstream.drained();
  await allSettled(rig, rig.ledger.acknowledged.size, OUTAGE_MS + 30_000);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, notTaken: 0, gaps: 0 });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  expect(await incidentsOf(rig)).toEqual([{ kind: 'ENDPOINT_DOWN', scope: 'LIS-1', occurrences: 1, open: false }]);

  // A head writes down its first failure of a kind and no more: probes do not flood the attempts. A connection that was
  // open when it went is another kind (its answer is unknown).
  const attempts = (await Promise.all(OF_LIS_1.map((code) => attemptsOf(rig, code)))).flat();
  const failures = attempts.filter((a) => a.outcome !== 'ACKED');
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.length).toBeLessThanOrEqual(OF_LIS_1.length * 2);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G7: a laboratory that was off when the engine started gets everything once it is there', async () => {
  await using rig = await startRig();
  await rig.lis.setListening('LIS-1', false);
  await rig.start();
  for (let n = 1; n <= 10; n += 1) rig.send(n);
  await eventually('all are accepted', () => rig.settled.length === 10);
  await eventually('one incident says so', async () =>
    (await incidentsOf(rig)).some((i) => i.kind === 'ENDPOINT_DOWN' && i.open),
  );
  expect(countersOf(rig)).toEqual([]);
  await rig.lis.setListening('LIS-1', true);
  await allSettled(rig, 10);
  expect(countersOf(rig)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
});

test('G7, G13: a lane that is paused while its laboratory is off does not keep the others from going on', async () => {
  await using rig = await startRig({ codes: CODES.slice(0, 3) });
  await rig.lis.setListening('LIS-1', false);
  const engine = await rig.start();
  for (const code of rig.codes) rig.send(1, { code });
  await eventually('all wait', async () => (await engine.lanes()).every((lane) => lane.state === 'ENDPOINT_DOWN'));
  // Two of three, so that the breaker's turn comes to a paused one.
  for (const code of ['LAB-0001', 'LAB-0002']) {
    expect(await carriedOut(rig, { kind: 'PAUSE', code })).toMatchObject({ status: 'DONE' });
  }
  await rig.lis.setListening('LIS-1', true);
  await eventually('the third is delivered', async () => (await checkpointOf(rig, 'LAB-0003')) === 1);
  expect(rig.received).toEqual([controlId(1, 'LAB-0003')]);
  for (const code of ['LAB-0001', 'LAB-0002']) await carriedOut(rig, { kind: 'RESUME', code });
  await allSettled(rig, 3);
});
