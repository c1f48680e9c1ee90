import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isRunning } from './identity.ts';
import { openLogFolder } from './logs.ts';
import type { ProcessSpec } from './process-spec.ts';
import { type SupervisedProcess, Supervisor } from './supervisor.ts';

let folder: string;
let said: string[];
let now: readonly SupervisedProcess[];
let supervisor: Supervisor;
let logs: ReturnType<typeof openLogFolder>;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-supervisor-'));
  said = [];
  now = [];
  logs = openLogFolder(folder, 2_000, 20);
  supervisor = new Supervisor({
    logs,
    say: (line) => said.push(line),
    onChange: (processes) => {
      now = processes;
    },
    restartDelayMs: 10,
  });
});

afterEach(async () => {
  await supervisor.stop();
  logs.close();
  rmSync(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A real process that runs a line of JavaScript; `listen` answers on the ready port. */
function spec(name: string, port: number, program: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  const listen = `const listen = () => require('node:http').createServer((q, r) => r.end()).listen(${port}, '127.0.0.1');`;
  return {
    name,
    command: process.execPath,
    args: ['-e', `${listen} ${program}`],
    cwd: folder,
    env: {},
    ready: { kind: 'tcp', port },
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 5_000,
    address: null,
    ...more,
  };
}

const sayAtTheEnd = (file: string): string =>
  `process.on('SIGTERM', () => { require('node:fs').appendFileSync('order', '${file} '); process.exit(0); });`;

test('a process is up when its ready check passes, and stopped in reverse order of the start', async () => {
  for (const name of ['first', 'second', 'third']) {
    const port = await freePort();
    await supervisor.start(
      spec(name, port, `${sayAtTheEnd(name)} setTimeout(listen, 50)`, {
        ready: { kind: 'http', url: `http://127.0.0.1:${port}` },
      }),
    );
  }
  const started = now;
  expect(started.map(({ name }) => name)).toEqual(['first', 'second', 'third']);
  await supervisor.stop();
  expect(readFileSync(path.join(folder, 'order'), 'utf8')).toBe('third second first ');
  expect(started.filter(isRunning)).toEqual([]);
  expect(now).toEqual([]);
});

test('neighbours of one kind are ended at once, and before what they depend on', async () => {
  // Each of the two ends only when it sees that the other was asked to end as well.
  const endTogether = (mine: string, other: string): string => `
    const fs = require('node:fs');
    process.on('SIGTERM', () => {
      fs.writeFileSync('${mine}', '');
      setInterval(() => { if (fs.existsSync('${other}')) { fs.appendFileSync('order', '${mine} '); process.exit(0); } }, 5);
    });
    listen()`;
  await supervisor.start(spec('broker', await freePort(), `${sayAtTheEnd('broker')} listen()`));
  await Promise.all([
    supervisor.start(spec('one', await freePort(), endTogether('one', 'two'), { kind: 'engine' })),
    supervisor.start(spec('two', await freePort(), endTogether('two', 'one'), { kind: 'engine' })),
  ]);
  const batches: string[] = [];
  await supervisor.stop((names) => batches.push(names.toSorted().join(' ')));
  expect(batches).toEqual(['one two', 'broker']);
  expect(readFileSync(path.join(folder, 'order'), 'utf8')).toMatch(/^(one two|two one) broker $/);
});

test('a process whose start a stop overtakes is ended with the others', async () => {
  const start = supervisor.start(spec('late', await freePort(), 'listen()'));
  const failed = expect(start).rejects.toThrow(/late/);
  // The process is being made at this moment: the stop does not see it yet.
  await supervisor.stop();
  await failed;
  await expect(supervisor.start(spec('later', await freePort(), 'listen()'))).rejects.toThrow('stopping');
  expect(now).toEqual([]);
});

test('a process that ends before it is ready fails the start with the end of its log', async () => {
  const start = supervisor.start(spec('broken', await freePort(), "console.error('no such setting'); process.exit(3)"));
  await expect(start).rejects.toThrow(/broken ended before it was ready[\s\S]*no such setting/);
  expect(now).toEqual([]);
});

test('a process that never gets ready is given up and ended', async () => {
  const slow = spec('slow', await freePort(), 'setInterval(() => {}, 1000)', { readyTimeoutMs: 300 });
  const seen: SupervisedProcess[] = [];
  const start = supervisor.start(slow);
  await vi.waitFor(() => expect(now).toHaveLength(1));
  seen.push(...now);
  await expect(start).rejects.toThrow('slow was not ready');
  expect(seen.filter(isRunning)).toEqual([]);
});

test('a process that is killed is started again under a new identity', async () => {
  await supervisor.start(spec('engine-1', await freePort(), 'listen()'));
  const [before] = now;
  if (before === undefined) throw new Error('not started');
  process.kill(before.pid, 'SIGKILL');
  await vi.waitFor(() => expect(now[0]?.pid).not.toBe(before.pid));
  expect(said).toEqual(['engine-1 ended (SIGKILL); starting it again']);
  expect(now.filter(isRunning)).toHaveLength(1);
});

test('a process that ends again and again stays down, and the others stay up', async () => {
  await supervisor.start(spec('steady', await freePort(), 'listen()'));
  await supervisor.start(
    spec(
      'flapping',
      await freePort(),
      "const fs = require('node:fs'); if (fs.existsSync('once')) process.exit(1); fs.writeFileSync('once', ''); listen(); setTimeout(() => process.exit(1), 300)",
    ),
  );
  await vi.waitFor(() => expect(said.at(-1)).toMatch(/^flapping stays down: it ended 6 times within a minute/), {
    timeout: 10_000,
  });
  // status and doctor show that it is missing.
  expect(now.map((each) => [each.name, isRunning(each)])).toEqual([
    ['steady', true],
    ['flapping', false],
  ]);
});

test('a process that does not listen to SIGTERM is killed', async () => {
  await supervisor.start(
    spec('stubborn', await freePort(), "process.on('SIGTERM', () => {}); listen()", { stopTimeoutMs: 200 }),
  );
  const started = now;
  await supervisor.stop();
  expect(started.filter(isRunning)).toEqual([]);
});

test('a log is bounded while its process goes on writing', async () => {
  await supervisor.start(
    spec('talker', await freePort(), "listen(); setInterval(() => console.log('x'.repeat(100)), 1)"),
  );
  await vi.waitFor(() => expect(readFileSync(`${logs.fileOf('talker')}.1`, 'utf8').length).toBeGreaterThan(2_000));
  await vi.waitFor(() => expect(readFileSync(logs.fileOf('talker'), 'utf8').length).toBeLessThan(2_000), {
    interval: 5,
  });
  expect(now.filter(isRunning)).toHaveLength(1);
});
