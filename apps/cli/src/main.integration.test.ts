import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';

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
  [['test', 'nonsense'], /Tiers are unit/],
])('wrong use ends with 2 and says what is wrong: %j', (args, reason) => {
  const { status, stderr } = inorder(...args);
  expect(stderr).toMatch(reason);
  expect(status).toBe(2);
});

test.each([[['--help']], [['help', 'up']], [['up', '--help']], [['status', '--help']]])(
  'help ends with 0: %j',
  (args) => {
    const { status, stdout } = inorder(...args);
    expect(stdout).toMatch(/^Usage: inorder/);
    expect(status).toBe(0);
  },
);

test('status of nothing ends with 4 and is JSON all the same', () => {
  const { status, stdout } = inorder('status', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ processes: [], counters: { received: null } });
  expect(status).toBe(4);
});

test('down with nothing running is done', () => {
  expect(inorder('down')).toMatchObject({ status: 0, stdout: 'nothing is running\n' });
});
