import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
let house: string;

beforeEach(() => {
  house = mkdtempSync(path.join(os.tmpdir(), 'inorder-house-'));
  write('package.json', '{ "type": "module" }');
  write('apps/engine/src/pipeline.ts', 'export interface Stage { readonly name: string }');
});

afterEach(() => rmSync(house, { recursive: true }));

function write(file: string, content: string): void {
  mkdirSync(path.dirname(path.join(house, file)), { recursive: true });
  writeFileSync(path.join(house, file), content);
}

function cruise(): { status: number | null; stdout: string } {
  const program = path.join(root, 'node_modules/.bin/depcruise');
  const args = ['--config', path.join(root, '.dependency-cruiser.cjs'), 'apps', 'packages'];
  return spawnSync(program, args, { cwd: house, encoding: 'utf8' });
}

test('a planted import from core to the engine fails the run, even of a type alone', () => {
  write(
    'packages/core/src/lane.ts',
    "import type { Stage } from '../../../apps/engine/src/pipeline.ts';\nexport type Lane = Stage;",
  );
  const { status, stdout } = cruise();
  expect(stdout).toContain('core-depends-on-nothing: packages/core/src/lane.ts');
  expect(status).toBe(1);
});

test('an engine that would run a broker fails the run, one that asks it about its queues does not', () => {
  write('packages/brokers/src/check-exclusive.ts', "import './run-broker.ts';\nexport const ask = 1;");
  write('packages/brokers/src/run-broker.ts', 'export const run = 1;');
  write('apps/engine/src/asks.ts', "export { ask } from '../../../packages/brokers/src/check-exclusive.ts';");
  expect(cruise().status).toBe(0);
  write('apps/engine/src/runs.ts', "export { run } from '../../../packages/brokers/src/run-broker.ts';");
  expect(cruise().stdout).toContain('engine-asks-brokers-only: apps/engine/src/runs.ts');
});

test('a file with a using declaration is read like any other', () => {
  write(
    'packages/core/src/lane.ts',
    "await using a = open();\nexport const b = await import('../../../apps/engine/src/pipeline.ts');\nfunction open(): AsyncDisposable { throw new Error(); }",
  );
  expect(cruise().stdout).toContain('core-depends-on-nothing: packages/core/src/lane.ts');
});

test('a house in order passes', () => {
  write('packages/core/src/lane.ts', "import { a } from './a.ts';\nexport const lane = a;");
  write('packages/core/src/a.ts', 'export const a = 1;');
  expect(cruise().status).toBe(0);
});
