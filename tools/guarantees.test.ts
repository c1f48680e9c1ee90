/**
 * Every guarantee is named by a test, or says in docs/spec/not-yet-shown.json that it is not yet. What "named" means: the
 * title of a test, a group of tests, or a case of the conformance suite holds `G` and its number.
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
/** A list that grew would hide a promise that lost its test. Take a number out here when it leaves the JSON file. */
const BASELINE: readonly string[] = [];

const TEST_FILES = [
  '{apps,packages}/*/{src,test}/**/*.test.{ts,tsx}',
  'packages/testkit/src/*conformance*.ts',
  'tools/*.test.ts',
  'e2e/**/*.{spec,test}.ts',
];
/** `test('…'`, `describe.each(…)`, `test.skipIf(x)('…'`, and the call after a table: `])('…'` or `] as const)('…'`. */
const TITLE =
  /(?:\b(?:test|it|describe)(?:\.\w+)*(?:\([^()]*\))?|\](?: as const)?\))\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g;

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** Guarantee → files with a title that names it. */
function named(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const files = globSync(TEST_FILES, { cwd: root, exclude: (name) => name === 'node_modules' });
  for (const file of files.filter((name) => name !== 'tools/guarantees.test.ts')) {
    for (const [, , title = ''] of read(file).matchAll(TITLE)) {
      for (const [guarantee] of title.matchAll(/\bG\d+\b/g)) {
        found.set(guarantee, (found.get(guarantee) ?? new Set()).add(file.replaceAll(path.sep, '/')));
      }
    }
  }
  return found;
}

/** Sections of guarantees.md: `### G7 a dead endpoint skips nobody`, and the files after "Tests:", without the ending that tells the tier. */
function promised(): { readonly guarantee: string; readonly tests: readonly string[] }[] {
  return read('docs/spec/guarantees.md')
    .split(/^### (?=G\d+ )/m)
    .slice(1)
    .map((section) => {
      const [, line = ''] = /^Tests: (.*)$/m.exec(section) ?? [];
      return {
        guarantee: section.slice(0, section.indexOf(' ')),
        tests: [...line.matchAll(/`([^`]+)`/g)].flatMap(([, file]) => file ?? []),
      };
    });
}

function notYetShown(): string[] {
  const { notYetShown: list }: { notYetShown: string[] } = JSON.parse(read('docs/spec/not-yet-shown.json'));
  return list;
}

describe('docs/spec/guarantees.md', () => {
  const tests = named();
  const promises = promised();

  test('has every guarantee once, in order', () => {
    expect(promises.map((p) => p.guarantee)).toEqual(Array.from({ length: 22 }, (_, i) => `G${i + 1}`));
  });

  test('each one is named by the title of a test, or stands in not-yet-shown.json', () => {
    const shown = new Set([...tests.keys(), ...notYetShown()]);
    expect(promises.map((p) => p.guarantee).filter((guarantee) => !shown.has(guarantee))).toEqual([]);
  });

  test('what stands in not-yet-shown.json is named by no test: take it out there, and out of BASELINE', () => {
    expect(notYetShown().filter((guarantee) => tests.has(guarantee))).toEqual([]);
  });

  test('not-yet-shown.json only shrinks', () => {
    expect(notYetShown().filter((guarantee) => !BASELINE.includes(guarantee))).toEqual([]);
  });

  test('titles name no guarantee that is not promised', () => {
    const known = new Set(promises.map((p) => p.guarantee));
    expect([...tests.keys()].filter((guarantee) => !known.has(guarantee))).toEqual([]);
  });

  test('the files it says show a guarantee do name it', () => {
    const wrong = promises.flatMap(({ guarantee, tests: files }) =>
      files
        .filter((file) => ![...(tests.get(guarantee) ?? [])].some((name) => name.startsWith(`${file}.`)))
        .map((file) => `${guarantee}: ${file}`),
    );
    expect(wrong).toEqual([]);
  });
});
