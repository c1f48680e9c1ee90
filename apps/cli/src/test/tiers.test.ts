import path from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ROOT } from '../checkout.ts';
import { packageProgram, runQuietly } from '../program.ts';
import { tierOfFile } from './tiers.ts';

const listSchema = z.array(z.object({ file: z.string(), projectName: z.string() }));

test('every test file is of the tier that vitest runs it in', async () => {
  // Colours and words of a runner that this test may be of would stand before the list.
  const env = { NO_COLOR: '1', VITEST: '' };
  const { output } = await runQuietly({ ...packageProgram('vitest', ['list', '--filesOnly', '--json']), env });
  const files = listSchema.parse(JSON.parse(output));
  expect(files.length).toBeGreaterThan(100);
  const tierOfProject = (name: string): string => (name === 'system' ? 'e2e' : name);
  const mistaken = files
    .map(({ file, projectName }) => ({ file: path.relative(ROOT, file), tier: tierOfProject(projectName) }))
    .filter(({ file, tier }) => tierOfFile(file) !== tier);
  expect(mistaken).toEqual([]);
});
