/**
 * `node table.ts`: runs the suite at all three columns and writes its table into docs/operations/brokers.md, between two
 * marks. A cell says yes only if its test has just held. `renderTable` is also what a test compares the document with.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BEHAVIOURS, type BehaviourId } from './behaviours.ts';
import type { Column } from './column.ts';
import { ARTEMIS, LISTENER, RABBITMQ } from './columns.ts';

const CHECKOUT = path.resolve(import.meta.dirname, '../../../..');
export const DOCUMENT = path.join(CHECKOUT, 'docs/operations/brokers.md');
const BEGIN = '<!-- contract table: begin -->';
const END = '<!-- contract table: end -->';
const COLUMNS: readonly Column[] = [LISTENER, ARTEMIS, RABBITMQ];

/** `held` tells whether the test of a behaviour passed at a column. */
export function renderTable(held: (column: Column, id: BehaviourId) => boolean): string {
  const cell = (column: Column, id: BehaviourId): string => {
    const declared = column.cells[id];
    if (!declared.applies) return `n/a: ${declared.reason}`;
    const said = held(column, id) ? 'yes' : '**not shown**';
    return declared.note === undefined ? said : `${said}; ${declared.note}`;
  };
  const ids = Object.keys(BEHAVIOURS) as BehaviourId[]; // the keys of a const object are its ids
  return [
    `| behaviour | ${COLUMNS.map(({ name }) => name).join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---|').join('')}`,
    ...ids.map((id) => `| ${BEHAVIOURS[id]} | ${COLUMNS.map((column) => cell(column, id)).join(' | ')} |`),
  ].join('\n');
}

/** What stands between the marks. @throws where there are none. */
export function tableIn(document: string): string {
  return parts(document).table.trim();
}

function parts(document: string): { readonly before: string; readonly table: string; readonly after: string } {
  const begin = document.indexOf(BEGIN) + BEGIN.length;
  const end = document.indexOf(END);
  if (begin < BEGIN.length || end < begin) throw new Error(`${DOCUMENT} has no marks for the table`);
  return { before: document.slice(0, begin), table: document.slice(begin, end), after: document.slice(end) };
}

function run(): void {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-contract-'));
  try {
    const suite = path.relative(CHECKOUT, import.meta.dirname);
    const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'conformance', suite], {
      cwd: CHECKOUT,
      stdio: 'inherit',
      env: { ...process.env, CI: 'true', INORDER_CONTRACT_RECORD: folder },
    });
    const held = new Map(
      readdirSync(folder).map((name) => [name, new Set(readFileSync(path.join(folder, name), 'utf8').split('\n'))]),
    );
    const table = renderTable((column, id) => held.get(column.name)?.has(id) ?? false);
    const document = readFileSync(DOCUMENT, 'utf8');
    writeFileSync(
      DOCUMENT,
      document.replace(tableIn(document), () => table),
    );
    process.exitCode = status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) run();
