/** The command line, as a person at a fresh checkout uses it: up, send, trace, act, down, and up again over what a kill left. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '@inorder/testkit/eventually';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine, START_TIMEOUT_MS, takeTurn } from './whole-site.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-command-line-'));
const state = path.join(folder, 'state');
const { run: inorder, done } = commandLine(folder, state);
const UP = ['up', '--detach', '--interfaces', '20', '--rate', '20'];

interface Status {
  readonly processes: readonly { readonly name: string; readonly up: boolean }[];
  readonly counters: { readonly orderViolations: number | null };
}
interface Lane {
  readonly highWater: number;
}
interface Message {
  readonly status: string;
  readonly controlId: string | null;
  readonly attempts: readonly unknown[];
}

// What comes back is held against expectations, field by field.
const status = (): Status => JSON.parse(done('status', '--json'));
const lane = (code: string): Lane => JSON.parse(done('lag', code, '--json'));
const message = (name: string): Message => JSON.parse(done('trace', name, '--json'));
const supervisorPid = (): number => JSON.parse(readFileSync(path.join(state, 'run.json'), 'utf8')).supervisor.pid;

function order(controlId: string): string {
  const file = path.join(folder, `${controlId}.hl7`);
  const segments = [
    `MSH|^~\\&|WARD|NORTHGATE|LAB|CENTRAL|20260101120000||ORM^O01^ORM_O01|${controlId}|P|2.5.1`,
    'PID|1||900001^^^HOSP^MR||Test^Patient||19800101|F',
    'PV1|1|I',
    `ORC|NW|PL-${controlId}`,
    `OBR|1|PL-${controlId}||GLUC^Glucose^L|||20260101115500`,
  ];
  writeFileSync(file, `${segments.join('\r')}\r`);
  return file;
}

let turn: AsyncDisposable | undefined;
beforeAll(async () => {
  turn = await takeTurn();
}, 2 * START_TIMEOUT_MS);

afterAll(async () => {
  inorder('down');
  await turn?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('up, send, trace, skip, replay and down; a second start goes on with the data, also after a kill', {
  timeout: 2 * START_TIMEOUT_MS,
}, async () => {
  expect(done(...UP)).toMatch(/first order acknowledged/);
  const { processes, counters } = status();
  expect(processes.filter(({ up }) => !up)).toEqual([]);
  expect(processes.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['supervisor', 'postgres', 'engine-1', 'console', 'simulator']),
  );
  expect(counters).toMatchObject({ skipped: 0, filtered: 0, orderViolations: 0 });
  expect(statSync(path.join(state, 'cli-token')).mode & 0o777).toBe(0o600);

  // A message of our own, found by its control id among those of the demonstration.
  const code = 'LAB-0005';
  done('pause', code, '--reason', 'end-to-end test', '--yes');
  const sent = JSON.parse(done('send', order('BY-HAND-1'), '--interface', code, '--json'));
  expect(sent).toEqual(expect.objectContaining({ accepted: 1, rejected: 0, released: 0 }));
  const highest = lane(code).highWater;
  const mine = Array.from({ length: highest }, (_, i) => `${code}:${highest - i}`).find(
    (name) => message(name).controlId === 'BY-HAND-1',
  );
  if (mine === undefined) throw new Error('the message sent by hand was not numbered');
  expect(message(mine).attempts).toEqual([]);
  expect(inorder('trace', mine).stdout).toMatch(/not passed yet/);

  // Without agreement nothing happens; with it the message is passed.
  expect(inorder('skip', mine, '--reason', 'end-to-end test')).toMatchObject({ status: 2 });
  expect(done('skip', mine, '--reason', 'end-to-end test', '--dry-run')).toMatch(/1 will be passed without delivery/);
  expect(done('skip', mine, '--reason', 'end-to-end test', '--yes')).toMatch(/1 message skipped/);
  done('resume', code, '--reason', 'end-to-end test', '--yes');
  await eventually('it is passed', () => inorder('trace', mine).stdout.includes('SKIPPED; the lane has passed it'));
  expect(inorder('skip', mine, '--reason', 'end-to-end test', '--yes')).toMatchObject({ status: 3 });

  // What was delivered is sent once more because we say so: the judge hears of it and sees no violation.
  const delivered = Array.from({ length: highest }, (_, i) => `${code}:${i + 1}`).find(
    (name) => message(name).status === 'DELIVERED',
  );
  if (delivered === undefined) throw new Error('nothing was delivered yet');
  done('replay', delivered, '--reason', 'end-to-end test', '--yes');
  await eventually('the replay is through', () => message(delivered).attempts.length === 2);
  await eventually('the judge knows', () => status().counters.orderViolations === 0);

  // Killed, and taken up again.
  process.kill(supervisorPid(), 'SIGKILL');
  const again = inorder(...UP, '--json');
  expect(again.stderr).toMatch(/ended what a killed run had left: .*engine-1/);
  const { console, ...told }: { console: string } = JSON.parse(again.stdout);
  expect(told).toMatchObject({
    outcome: 'works',
    alreadyUp: false,
    layout: 'together',
    instances: [{ name: 'engine-1', roles: expect.arrayContaining(['ingest', 'deliver']) }],
    services: expect.arrayContaining([expect.objectContaining({ name: 'postgres' })]),
    firstPasswords: path.join(state, 'first-users.txt'),
  });
  expect((await fetch(new URL('/sign-in', console))).status).toBe(200);
  for (const line of readFileSync(path.join(state, 'first-users.txt'), 'utf8').trim().split('\n'))
    expect(again.stdout + again.stderr).not.toContain(line.split('  ')[1]);
  expect(message(mine).status).toBe('SKIPPED');
  expect(status().counters).toMatchObject({ orderViolations: 0, skipped: 1 });

  const { ended, supervisorKilled } = JSON.parse(done('down', '--json'));
  expect(ended.slice(0, 3)).toEqual(['simulator', 'console', 'engine-1']);
  expect(ended.slice(-2)).toEqual(['postgres', 'supervisor']);
  expect(supervisorKilled).toBe(false);
  expect(inorder('status')).toMatchObject({ status: 4 });
  expect(inorder('lag')).toMatchObject({ status: 4 });
});
