import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { COMMANDS } from './commands/index.ts';

const state = mkdtempSync(path.join(os.tmpdir(), 'inorder-cli-'));
afterAll(() => rmSync(state, { recursive: true }));

function inorder(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const program = path.join(import.meta.dirname, 'main.ts');
  return spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, INORDER_STATE_DIR: state },
  });
}

test.each([
  [['nonsense'], /unknown command 'nonsense'/],
  [['up', '--nonsense'], /unknown option '--nonsense'/],
  [['up', '--rate', 'fast'], /a number from 0 to 10000/],
  [['up', '--interfaces', '1.5'], /a whole number/],
  [['up', '--interfaces', '0'], /a number from 1/],
  [['up', '--layout', 'split'], /needs --distributed/],
  [['up', '--layout', 'sideways'], /together, split/],
  [['restart'], /--rolling for all/],
  [['test', 'nonsense'], /Tiers are unit/],
  [['trace', 'LAB-0042'], /LAB-0042:123/],
  [['trace', 'LAB-0042:1-2'], /one number/],
  [['skip', 'LAB-0042:9-1', '--reason', 'a good reason'], /larger than the last/],
  [['skip', 'LAB-0042:9'], /--reason/],
  [['pause'], /missing required argument 'code'/],
  [['resume', '--reason', 'a good reason'], /name interfaces, or give --all-restored/],
  [['resume', 'LAB-0042', '--all-restored', '--reason', 'a good reason'], /and not both/],
  [['resume', '--all-restored'], /--reason/],
  [['resolve', 'LAB-0042', '--reason', 'a good reason'], /one of --arrived/],
  [['resolve', 'LAB-0042', '--arrived', '--dead-letter', '--reason', 'a good reason'], /one of --arrived/],
  [['dlq', '--code', 'NONSENSE'], /no such error code/],
  [['send', 'nothing.hl7'], /--interface/],
  [['send', 'nothing.hl7', '--interface', 'LAB-0042'], /nothing\.hl7 cannot be read/],
  [['send', 'x', '--interface', 'LAB-0042', '--url', 'http://x'], /amqp:\/\/host:port/],
  [['send', 'x', '--interface', 'LAB-0042', '--repeat', '0'], /a number from 1/],
  [['interface', 'apply', 'nothing.yaml'], /nothing\.yaml is not there/],
  [['lis', 'switch', 'LIS-1', 'tea'], /takes one of on, off/],
])('wrong use ends with 2 and says what is wrong: %j', (args, reason) => {
  const { status, stderr } = inorder(...args);
  expect(stderr).toMatch(reason);
  expect(status).toBe(2);
});

test.each([
  [['--help']],
  [['help', 'up']],
  ...COMMANDS.map(({ name }) => [[name, '--help']]),
  [['dlq', 'list', '--help']],
  [['lis', 'switch', '--help']],
  [['interface', 'apply', '--help']],
])('help ends with 0: %j', (args) => {
  const { status, stdout } = inorder(...args);
  expect(stdout).toMatch(/^Usage: inorder/);
  expect(status).toBe(0);
});

test.each([
  [['lag']],
  [['trace', 'LAB-0042:1']],
  [['dlq']],
  [['replay', 'LAB-0042:1', '--reason', 'a good reason']],
  [['interface', 'list']],
  [['lis', 'status']],
  [['send', import.meta.filename, '--interface', 'LAB-0042']],
])('without a running site it ends with 4 and says what starts one: %j', (args) => {
  const { status, stderr } = inorder(...args);
  expect(stderr).toMatch(/inorder up/);
  expect(status).toBe(4);
});

test('an address where nothing listens ends with 4', () => {
  const where = ['--address', 'orders', '--url', 'amqp://127.0.0.1:1'];
  const { status, stderr } = inorder('send', import.meta.filename, '--interface', 'LAB-0042', ...where);
  expect(stderr).toMatch('127.0.0.1:1, address orders: nothing listens there');
  expect(status).toBe(4);
});

test('status of nothing ends with 4 and is JSON all the same', () => {
  const { status, stdout } = inorder('status', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ processes: [], instances: [], counters: { received: null } });
  expect(status).toBe(4);
});

test('down with nothing running is done', () => {
  expect(inorder('down')).toMatchObject({ status: 0, stdout: 'nothing is running\n' });
});
