import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, migrate, withDatabase } from './migrate.ts';

let directory: string;
let database: TestDatabase;

beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'inorder-migrations-'));
  database = await testDatabase();
  await database.pool.query('TRUNCATE _prisma_migrations');
});

afterEach(async () => {
  rmSync(directory, { recursive: true });
  await database[Symbol.asyncDispose]();
});

function write(name: string, sql: string): void {
  mkdirSync(path.join(directory, name), { recursive: true });
  writeFileSync(path.join(directory, name, 'migration.sql'), sql);
}

test('migrations are applied in the order of their names, each once', async () => {
  write('2_fill', 'INSERT INTO made_first VALUES (1)');
  write('1_make', 'CREATE TABLE made_first (id int)');
  expect(await migrate(database.url, { directory })).toEqual(['1_make', '2_fill']);
  expect(await migrate(database.url, { directory })).toEqual([]);
  const { rows } = await database.pool.query('SELECT count(*)::int AS rows FROM made_first');
  expect(rows).toEqual([{ rows: 1 }]);
});

test('several processes at once: one applies, the others find nothing to do', async () => {
  write('1_make', 'CREATE TABLE made_once (id int)');
  const applied = await Promise.all([1, 2, 3].map(() => migrate(database.url, { directory })));
  expect(applied.flat()).toEqual(['1_make']);
});

test('a failed migration leaves none of its statements, and the next run refuses until it is resolved', async () => {
  write('1_half', 'CREATE TABLE half_made (id int); SELECT 1 / 0');
  await expect(migrate(database.url, { directory })).rejects.toThrow('1_half failed: division by zero');
  await expect(migrate(database.url, { directory })).rejects.toThrow('1_half failed in an earlier run');
  const { rows } = await database.pool.query("SELECT to_regclass('half_made') AS found");
  expect(rows).toEqual([{ found: null }]);
});

test('an edited migration is told of, not applied again', async () => {
  write('1_make', 'CREATE TABLE edited (id int)');
  await migrate(database.url, { directory });
  write('1_make', 'CREATE TABLE edited (id int, more int)');
  const lines: string[] = [];
  expect(await migrate(database.url, { directory, log: (line) => lines.push(line) })).toEqual([]);
  expect(lines).toEqual(['warning: 1_make was edited after it was applied']);
});

test('a missing database is made once', async () => {
  const url = withDatabase(database.url, `${new URL(database.url).pathname.slice(1)}_made`);
  expect(await createDatabase(url)).toBe(true);
  expect(await createDatabase(url)).toBe(false);
  await database.pool.query(`DROP DATABASE "${new URL(url).pathname.slice(1)}"`);
});
