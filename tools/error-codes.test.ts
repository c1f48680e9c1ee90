import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES_FILE, errorCodesDocument } from './error-codes.ts';

test('docs/spec/error-codes.md is what codes.ts says; node tools/error-codes.ts writes it', () => {
  expect(readFileSync(ERROR_CODES_FILE, 'utf8')).toBe(errorCodesDocument());
});
