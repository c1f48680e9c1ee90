/** `up --distributed` as a person uses it: Artemis, Redis and several engines; killed, restarted in turn, split, stopped. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { artemisJars } from '@inorder/brokers/artemis-jars';
import { BrokerMissing } from '@inorder/brokers/broker';
import type { InstanceRow } from '@inorder/db/console';
import { eventually } from '@inorder/testkit/eventually';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine, START_TIMEOUT_MS, takeTurn } from './whole-site.ts';

const missing = await whatIsMissing();
const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-distributed-'));
const state = path.join(folder, 'state');
const { run: inorder, done } = commandLine(folder, state);
const UP = ['up', '--distributed', '--detach', '--interfaces', '40', '--rate', '20'];
const SPLIT = ['ingest', 'validate', 'enrich', 'route', 'deliver'].flatMap((role) => [`${role}-1`, `${role}-2`]);

interface Status {
  readonly processes: readonly { readonly name: string; readonly up: boolean }[];
  readonly counters: { readonly delivered: number; readonly orderViolations: number | null };
  readonly instances: readonly InstanceRow[];
}
interface RunFile {
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

// What comes back is held against expectations, field by field.
const status = (): Status => JSON.parse(done('status', '--json'));
const runFile = (): RunFile => JSON.parse(readFileSync(path.join(state, 'run.json'), 'utf8'));
const alive = (): InstanceRow[] => status().instances.filter((instance) => instance.alive);

function pidOf(name: string): number {
  const pid = runFile().processes.find((process) => process.name === name)?.pid;
  if (pid === undefined) throw new Error(`${name} is not in the run file`);
  return pid;
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** Every shard and every source has an owner that lives. */
function allIsHeld(instances: readonly InstanceRow[]): boolean {
  const sum = (count: (row: InstanceRow) => number): number => instances.reduce((all, row) => all + count(row), 0);
  // Two interfaces of forty have queues of their own; the others share one; orders by hand come to our listener.
  return sum(({ shards }) => shards) === 256 && sum(({ sources }) => sources) === 4;
}

async function more(count: number): Promise<void> {
  const before = status().counters.delivered;
  await eventually(`${count} more are delivered`, () => status().counters.delivered >= before + count, {
    withinMs: 60_000,
  });
}

let turn: AsyncDisposable | undefined;
beforeAll(async () => {
  if (missing === undefined) turn = await takeTurn();
}, 2 * START_TIMEOUT_MS);

afterAll(async () => {
  if (missing === undefined) inorder('down');
  await turn?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const options = { skip: missing !== undefined, timeout: 2 * START_TIMEOUT_MS };

test(
  `two engines on Artemis and Redis: one is killed, then one after the other is restarted, and order holds${because()}`,
  options,
  async () => {
    const said = done(...UP);
    expect(said).toMatch(/JMS broker Artemis [\d.]+ on port \d+, 3 exclusive queues/);
    expect(said).toMatch(/first order acknowledged/);
    const processes = status().processes.map(({ name, up }) => `${name} ${up ? 'up' : 'down'}`);
    expect(processes.toSorted()).toEqual([
      'artemis up',
      'console up',
      'engine-1 up',
      'engine-2 up',
      'postgres up',
      'redis up',
      'simulator up',
      'supervisor up',
    ]);
    await eventually('both engines share the shards', () => {
      const instances = alive();
      return allIsHeld(instances) && instances.every(({ shards }) => shards > 0);
    });

    const killed = pidOf('engine-2');
    process.kill(killed, 'SIGKILL');
    await eventually('it is started again', () => pidOf('engine-2') !== killed);
    await eventually('every shard and source has a living owner', () => allIsHeld(alive()));
    await more(20);

    const before = runFile().processes;
    const { restarted } = JSON.parse(done('restart', '--rolling', '--json'));
    expect(restarted.map(({ name }: { name: string }) => name).toSorted()).toEqual(['engine-1', 'engine-2']);
    for (const { name, pid } of before) expect(pidOf(name) === pid, name).toBe(!name.startsWith('engine-'));
    await eventually('every shard and source has a living owner', () => allIsHeld(alive()));
    await more(20);
    expect(status().counters.orderViolations).toBe(0);

    const pids = runFile().processes.map(({ pid }) => pid);
    expect(done('down')).toMatch(/stopped/);
    expect(pids.filter((pid) => !isGone(pid))).toEqual([]);
  },
);

test(
  `the split layout goes on with the same data: a role in each process, and every lane at one of two owners${because()}`,
  options,
  async () => {
    expect(done(...UP, '--layout', 'split')).toMatch(/first order acknowledged/);
    const instances = await eventually('every shard and source has a living owner', () => {
      const found = alive();
      return found.length === SPLIT.length && allIsHeld(found) && found;
    });
    expect(instances.map(({ instance }) => instance).toSorted()).toEqual(SPLIT.toSorted());
    for (const { instance, roles, shards, sources } of instances) {
      const role = instance.slice(0, -2);
      expect(roles, instance).toEqual(role === 'deliver' ? ['deliver', 'watchdog'] : [role]);
      if (role !== 'deliver') expect(shards, instance).toBe(0);
      if (role !== 'ingest') expect(sources, instance).toBe(0);
    }
    await more(20);
    expect(inorder('status').stdout).toMatch(/^deliver-2 +deliver watchdog +\d+ +\d+ +0 +[\d.]+ s ago +\d/m);
    expect(status().counters.orderViolations).toBe(0);
    expect(done('down')).toMatch(/stopped/);
    expect(inorder('restart', '--rolling')).toMatchObject({ status: 4 });
  },
);

async function whatIsMissing(): Promise<string | undefined> {
  try {
    await artemisJars();
  } catch (error) {
    if (!(error instanceof BrokerMissing)) throw error;
    return refusedUnderCi(error.message);
  }
  if (spawnSync('redis-server', ['--version']).status === 0) return undefined;
  return refusedUnderCi('there is no redis-server on PATH');
}

function refusedUnderCi(reason: string): string {
  if (process.env['CI'] === 'true') throw new Error(`${reason} (CI=true allows no skip)`);
  return reason;
}

function because(): string {
  return missing === undefined ? '' : ` (${missing})`;
}
