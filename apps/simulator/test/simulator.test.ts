import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type SimulatorHandle, type SimulatorHooks, simulatorConfigSchema, startSimulator } from '../src/simulator.ts';
import { catalogueTable } from '../src/upstream/catalogue.ts';
import { AmqpPeer, type Taken } from './amqp-peer.ts';
import { forward } from './line-engine.ts';
import { LisClient, order } from './lis-client.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function both(
  upstream: object,
  hooks?: SimulatorHooks,
  between?: (batch: Taken[]) => Taken[],
  batchMin?: number,
): Promise<{ simulator: SimulatorHandle; peer: AmqpPeer }> {
  const peer = await AmqpPeer.listen();
  stops.push(() => peer.close());
  const config = simulatorConfigSchema.parse({
    lis: { endpoints: [{ name: 'LIS-1', kind: 'MLLP' }] },
    upstream: { port: peer.port, interfaces: 3, run: 'a', ...upstream },
  });
  const simulator = await startSimulator(config, hooks);
  stops.push(() => simulator.stop());
  const lis = await LisClient.open(simulator.lis?.status()[0]?.port ?? 0);
  forward(peer, lis, between, batchMin);
  return { simulator, peer };
}

async function call(simulator: SimulatorHandle, path: string, body?: object, headers = {}): Promise<[number, unknown]> {
  const init = body === undefined ? { headers } : { method: 'POST', body: JSON.stringify(body), headers };
  const response = await fetch(`${simulator.control.url}${path}`, init);
  return [response.status, await response.json()];
}

test('G4: a burst through an honest engine is judged clean, poison included', async () => {
  const sent: string[] = [];
  const answered: string[] = [];
  const { simulator } = await both(
    { poison: { nackCode: 0.2 } },
    {
      onSent: ({ controlId }) => sent.push(controlId),
      onAnswered: ({ controlId }) => answered.push(controlId),
    },
  );
  simulator.upstream?.burst(300);
  await simulator.upstream?.drained();
  expect(simulator.lis?.judge.report()).toMatchObject({
    received: 300,
    distinct: 300,
    repeats: 0,
    missing: 0,
    notTaken: 0,
    orderViolations: 0,
    interfaces: 3,
  });
  expect(simulator.upstream?.status()).toMatchObject({ accepted: 300, open: 0, burstLeft: 0 });
  expect(simulator.lis?.status()[0]?.refused).toBeGreaterThan(20);
  expect(answered).toEqual(sent);
});

test('G1, G4: an engine that swaps, repeats or loses is found out', async () => {
  const inOne = { interfaces: [{ code: 'LAB-1' }] };
  // 3, 1, 1 arrive instead of 1, 2, 3.
  const spoil = ([first, , third]: Taken[]): Taken[] =>
    first === undefined || third === undefined ? [] : [third, first, first];
  const { simulator } = await both(inOne, {}, spoil, 3);
  simulator.upstream?.burst(3);
  await simulator.upstream?.drained();
  expect(simulator.lis?.judge.report()).toMatchObject({ outOfOrder: 1, regressions: 1, repeats: 1, missing: 1 });
  expect(simulator.lis?.judge.report().missingExamples).toEqual(['LAB-1.a.000002']);
});

test('orders come at a rate, and stop when it is set to nothing', async () => {
  const { simulator, peer } = await both({ ratePerSecond: 500 });
  await peer.arrived(20);
  simulator.upstream?.setRate(0);
  await simulator.upstream?.drained();
  const { offered } = simulator.upstream?.status() ?? {};
  expect(offered).toBeGreaterThanOrEqual(20);
  expect(simulator.lis?.judge.report()).toMatchObject({ received: offered, orderViolations: 0 });
});

test('an upstream whose receiver is slow keeps its counters in order through the full queue', async () => {
  const { simulator } = await both({ inFlightMax: 50, interfaces: 2, pick: 'inTurn' });
  simulator.upstream?.burst(12_000);
  await simulator.upstream?.drained();
  expect(simulator.lis?.judge.report()).toMatchObject({ received: 12_000, gaps: 0, orderViolations: 0 });
  expect(simulator.upstream?.counters()).toEqual({ 'LAB-0001': 6001, 'LAB-0002': 6001 });
});

test('the control API shows, switches, sends and forgets', async () => {
  const { simulator } = await both({});
  const rule = { id: 'r', interface: 'LAB-0002', fault: { kind: 'answer', code: 'AE' } };
  expect(await call(simulator, '/switches', { set: [rule] })).toMatchObject([200, { switches: [{ rule }] }]);
  const [, reply] = await call(simulator, '/upstream', { send: ['LAB-0001', 'LAB-0002', 'NOBODY'] });
  expect(reply).toMatchObject({ sent: ['LAB-0001.a.000001', 'LAB-0002.a.000001', null] });
  await simulator.upstream?.drained();
  expect(await call(simulator, '/status?perInterface=true')).toMatchObject([
    200,
    {
      endpoints: [{ name: 'LIS-1', received: 2, taken: 1, refused: 1 }],
      judge: { received: 2, notTaken: 1, perInterface: { 'LAB-0002': { received: 1 } } },
      upstream: { accepted: 2 },
      switches: [{ acted: 1 }],
    },
  ]);
  expect(await call(simulator, '/received?interface=LAB-0002')).toEqual([
    200,
    { interface: 'LAB-0002', controlIds: ['LAB-0002.a.000001'] },
  ]);
  expect(await call(simulator, '/switches', { listening: { 'LIS-1': false } })).toMatchObject([
    200,
    { endpoints: [{ listening: false }] },
  ]);
  expect((await call(simulator, '/replays', { controlIds: ['LAB-0001.a.000001'] }))[0]).toBe(200);
  expect((await call(simulator, '/reset', {}))[0]).toBe(200);
  expect(await call(simulator, '/status')).toMatchObject([200, { judge: { received: 0 }, switches: [] }]);
});

test('the control API refuses what it does not know, and browsers', async () => {
  const { simulator } = await both({});
  expect((await call(simulator, '/switches', { set: [{ id: 'x', fault: { kind: 'tea' } }] }))[0]).toBe(400);
  expect((await call(simulator, '/switches', { outage: { endpoint: 'LIS-9', everyMs: 100, forMs: 10 } }))[0]).toBe(404);
  expect((await call(simulator, '/upstream', { ratePerSecond: -1 }))[0]).toBe(400);
  expect((await call(simulator, '/nothing', {}))[0]).toBe(404);
  expect((await call(simulator, '/reset', {}, { origin: 'http://example.test' }))[0]).toBe(403);
});

test('an interface may have an address of its own, and the others share', async () => {
  const interfaces = [{ code: 'LAB-1' }, { code: 'LAB-2', address: 'orders.LAB-2' }];
  const { simulator, peer } = await both({ interfaces, pick: 'inTurn' });
  simulator.upstream?.burst(4);
  await simulator.upstream?.drained();
  expect(peer.taken.map(({ address }) => address).sort()).toEqual(['orders', 'orders', 'orders.LAB-2', 'orders.LAB-2']);
});

test('as a process: the catalogue is printed as a code table', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, 'catalogue'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  expect(JSON.parse(line)).toEqual(catalogueTable());
});

test('a port that is taken fails the start and leaves nothing open', async () => {
  const { simulator, peer } = await both({});
  const taken = simulator.lis?.status()[0]?.port;
  const config = simulatorConfigSchema.parse({
    lis: {
      endpoints: [
        { name: 'A', kind: 'MLLP' },
        { name: 'B', kind: 'MLLP', port: taken },
      ],
    },
    upstream: { port: peer.port, interfaces: 1 },
  });
  await expect(startSimulator(config)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('as a process: one line when ready, exit code 0 after SIGTERM', async () => {
  const peer = await AmqpPeer.listen();
  stops.push(() => peer.close());
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  stops.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'demo.json');
  const lis = {
    endpoints: [
      { name: 'LIS-1', kind: 'MLLP' },
      { name: 'LIS-2', kind: 'HTTP' },
    ],
  };
  await writeFile(file, JSON.stringify({ lis, upstream: { port: peer.port, interfaces: 2, ratePerSecond: 200 } }));
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, 'demo', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  stops.push(async () => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const ready = JSON.parse(line);
  expect(ready).toMatchObject({
    ready: true,
    endpoints: [
      { name: 'LIS-1', kind: 'MLLP' },
      { name: 'LIS-2', kind: 'HTTP' },
    ],
    upstream: { interfaces: 2 },
  });
  await peer.arrived(5);
  const client = await LisClient.open(ready.endpoints[0].port);
  await client.ask(order('LAB-0001.000001'));
  const status = await (await fetch(`${ready.control}/status`)).json();
  expect(status).toMatchObject({ judge: { received: 1 }, upstream: { connected: true } });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
