import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DOCUMENT, renderTable, tableIn } from './table.ts';

test('the table in docs/operations/brokers.md names every behaviour of the suite, and says yes where it applies', () => {
  expect(tableIn(readFileSync(DOCUMENT, 'utf8'))).toBe(renderTable(() => true));
});
