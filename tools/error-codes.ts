/** Writes docs/spec/error-codes.md from packages/core/src/codes.ts: `node tools/error-codes.ts`. A test keeps them equal. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ERROR_CODES, type ErrorCodeEntry } from '../packages/core/src/codes.ts';

export const ERROR_CODES_FILE = path.resolve(import.meta.dirname, '../docs/spec/error-codes.md');

const HEAD = `# Error codes

Made by \`node tools/error-codes.ts\` from \`packages/core/src/codes.ts\`; do not edit it here.

A code is stable once it has been released: dead letters, attempts, screens and runbooks refer to it. Its class decides
what happens ([guarantees.md](guarantees.md), "Failure classes"); no text ever does.
`;

/** The whole document. */
export function errorCodesDocument(): string {
  const entries: [string, ErrorCodeEntry][] = Object.entries(ERROR_CODES);
  const areas = Map.groupBy(entries, ([code]) => code.slice(0, code.indexOf('_')));
  const sections = [...areas].map(([area, codes]) => {
    const rows = codes.map(
      ([code, { class: kind, title, action }]) => `| \`${code}\` | ${kind} | ${title} | ${action} |`,
    );
    return `\n## ${area}\n\n| code | class | what happened | what to do |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return HEAD + sections.join('');
}

if (process.argv[1] === import.meta.filename) writeFileSync(ERROR_CODES_FILE, errorCodesDocument());
