import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { type SiteFixture, siteFixture } from '../../test/site-fixture.ts';

const CHILD = new URL('../../test/ingest-child.ts', import.meta.url).pathname;

/** Runs the child and kills it, -9, once it has accepted `lines` messages. @returns what it accepted. */
async function accepted(fixture: SiteFixture, pending: readonly number[], lines: number): Promise<number[]> {
  const child = spawn(
    process.execPath,
    [CHILD, fixture.test.url, fixture.shared, fixture.codes.join(','), pending.join(',')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const said: number[] = [];
  for await (const line of createInterface(child.stdout)) {
    said.push(Number(line));
    if (said.length === lines) child.kill('SIGKILL');
  }
  return said;
}

test('G1: kill -9 in the middle of ingest: all that was accepted is in Postgres, once, in order', async () => {
  await using fixture = await siteFixture({ interfaces: 2 });
  let pending = Array.from({ length: 400 }, (_, i) => i);
  const all: number[] = [];
  for (const lines of [1, 17, 60, 90, Number.POSITIVE_INFINITY]) {
    const said = await accepted(fixture, pending, lines);
    expect(said.length).toBeGreaterThanOrEqual(Math.min(lines, pending.length));
    all.push(...said);
    const { rows } = await fixture.test.pool.query<{ raw: Buffer }>('SELECT raw FROM message_payload');
    const kept = new Set(rows.map((row) => Number(row.raw.toString())));
    expect(all.filter((index) => !kept.has(index))).toEqual([]);
    const done = new Set(all);
    pending = pending.filter((index) => !done.has(index));
  }
  expect(pending).toEqual([]);
  const { rows } = await fixture.test.pool.query<{ no: string; raw: Buffer }>(
    'SELECT t.sequence_no AS no, p.raw FROM message_tracking t JOIN message_payload p USING (message_id) JOIN interface i USING (interface_id) ORDER BY i.code, t.sequence_no',
  );
  const expected = [0, 1].flatMap((lane) => Array.from({ length: 200 }, (_, i) => [i + 1, i * 2 + lane]));
  expect(rows.map((row) => [Number(row.no), Number(row.raw.toString())])).toEqual(expected);
}, 120_000);
