import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CommandFailure, EXIT } from '../exit.ts';
import { identify } from './identity.ts';
import { openLogFolder } from './logs.ts';
import { engineInstancesOf, instanceNamed, requireAllReady, restartInstance } from './restart.ts';
import { newRun, type RunFile, readRunFile, writeRunFile } from './run-file.ts';
import { Supervisor } from './supervisor.ts';

let folder: string;
let runFile: string;
let logs: ReturnType<typeof openLogFolder>;
let supervisor: Supervisor;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-restart-'));
  runFile = path.join(folder, 'run.json');
  const me = identify(process.pid);
  if (me === undefined) throw new Error('cannot identify ourselves');
  const run = newRun(me, 0);
  writeRunFile(runFile, run);
  logs = openLogFolder(path.join(folder, 'logs'));
  supervisor = new Supervisor({
    logs,
    say: () => undefined,
    onChange: (processes) => writeRunFile(runFile, { ...run, processes: [...processes] }),
    restartDelayMs: 10,
  });
});

afterEach(async () => {
  await supervisor.stop();
  logs.close();
  rmSync(folder, { recursive: true });
});

/** A real process with the engine's admin paths; not ready while the file `unready` is there. */
async function startEngine(name: string): Promise<void> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  const program = `
    const fs = require('node:fs');
    require('node:http').createServer((request, response) => {
      const ready = request.url === '/healthz' || !fs.existsSync('unready-${name}');
      response.writeHead(ready ? 200 : 503).end();
    }).listen(${address.port}, '127.0.0.1');
    process.on('SIGTERM', () => process.exit(0));`;
  const url = `http://127.0.0.1:${address.port}`;
  await supervisor.start({
    name,
    kind: 'engine',
    command: process.execPath,
    args: ['-e', program],
    cwd: folder,
    env: {},
    ready: { kind: 'http', url: `${url}/healthz` },
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 5_000,
    address: url,
  });
}

const instances = (): RunFile['processes'] => engineInstancesOf(readRunFile(runFile));

function exitCodeOf(work: () => unknown): number | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof CommandFailure) return error.exitCode;
    throw error;
  }
  return undefined;
}

test('an instance is asked to end, started again, and done with when the new process is ready', async () => {
  await startEngine('engine-1');
  const before = instanceNamed(instances(), 'engine-1');
  const done = await restartInstance(runFile, before);
  expect(done.name).toBe('engine-1');
  const after = instanceNamed(instances(), 'engine-1');
  expect(after.pid).not.toBe(before.pid);
  expect(identify(before.pid)?.startTime).not.toBe(before.startTime);
  await requireAllReady(instances());
});

test('a rolling restart does not begin while an instance is not ready, and says which', async () => {
  await startEngine('engine-1');
  await startEngine('engine-2');
  await requireAllReady(instances());
  writeFileSync(path.join(folder, 'unready-engine-2'), '');
  await expect(requireAllReady(instances())).rejects.toThrow(/^not ready: engine-2\. /);
});

test('only instances of a running site can be restarted', async () => {
  await startEngine('engine-1');
  expect(exitCodeOf(() => instanceNamed(instances(), 'console'))).toBe(EXIT.wrongUse);
  expect(exitCodeOf(() => engineInstancesOf(undefined))).toBe(EXIT.notReachable);
});
