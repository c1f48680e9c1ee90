import { expect, test } from 'vitest';
import { runQuietly } from '../program.ts';
import { createProgress } from '../steps.ts';
import { checkDocument, runChecks } from './run.ts';
import type { CheckStep } from './steps.ts';

const step = (name: string, program: string): CheckStep => ({
  name,
  run: () => runQuietly({ command: process.execPath, args: ['-e', program] }),
});

test('each step with its outcome and its time, in the order of the list, and why those failed that did', async () => {
  const said: string[] = [];
  const result = await runChecks(
    createProgress((text) => said.push(text), false),
    [
      step('slow', 'setTimeout(() => {}, 300)'),
      step('broken', "console.log('\\u001B[31mfile.ts:1\\u001B[39m is wrong'); process.exit(3)"),
      { name: 'thrown', run: () => Promise.reject(new Error('no server')) },
      step('quick', ''),
    ],
  );
  const ms = expect.any(Number);
  expect(checkDocument(result)).toEqual({
    passed: 2,
    failed: 2,
    ms,
    steps: [
      { name: 'slow', outcome: 'passed', ms },
      { name: 'broken', outcome: 'failed', ms, output: 'file.ts:1 is wrong' },
      { name: 'thrown', outcome: 'failed', ms, output: 'no server' },
      { name: 'quick', outcome: 'passed', ms },
    ],
  });
  expect(result.steps[0]?.ms).toBeGreaterThanOrEqual(250);
  expect(result.ms).toBeGreaterThanOrEqual(result.steps[0]?.ms ?? 0);
  expect(said.at(-1)).toMatch(/check: failed in .* s: broken, thrown/);
});
