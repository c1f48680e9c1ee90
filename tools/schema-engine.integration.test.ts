import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { testDatabase } from '@inorder/testkit/services';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-prisma-'));
  write('migrations/migration_lock.toml', 'provider = "postgresql"');
  // A semicolon inside a function body, and a column of every kind that the catalogue is read for.
  write(
    'migrations/1_init/migration.sql',
    'CREATE TABLE "sample" ("id" INTEGER NOT NULL, "text" TEXT, CONSTRAINT "sample_pkey" PRIMARY KEY ("id"));\n' +
      'CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN n := n + n; RETURN n; END $$;',
  );
  write('same.prisma', schema('text String?'));
  write('more.prisma', schema('text String?\n  added DateTime?'));
});

afterAll(() => rmSync(folder, { recursive: true }));

function write(file: string, content: string): void {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), content);
}

function schema(columns: string): string {
  return `datasource db {\n  provider = "postgresql"\n}\n\nmodel Sample {\n  id Int @id\n  ${columns}\n  @@map("sample")\n}\n`;
}

async function prisma(databaseUrl: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const child = spawn(path.join(root, 'node_modules/.bin/prisma'), args, {
    cwd: root,
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      PRISMA_SCHEMA_ENGINE_BINARY: path.join(root, 'tools/schema-engine.mjs'),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

const diff = (url: string, to: string) =>
  prisma(
    url,
    'migrate',
    'diff',
    '--from-migrations',
    path.join(folder, 'migrations'),
    '--to-schema',
    path.join(folder, to),
    '--exit-code',
    '--script',
  );

test('drift is told by the exit code, and the shadow database is gone afterwards', async () => {
  await using database = await testDatabase();
  expect(await diff(database.url, 'same.prisma')).toMatchObject({ code: 0 });
  const drifted = await diff(database.url, 'more.prisma');
  expect(drifted.output).toMatch(/ADD COLUMN\s+"added"/);
  expect(drifted.code).toBe(2);
  const { rows } = await database.pool.query(
    "SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate_shadow%'",
  );
  expect(rows).toEqual([]);
}, 60_000);

test('a database that is missing is told of by its name', async () => {
  await using database = await testDatabase();
  const url = new URL(database.url);
  url.pathname = '/not_there';
  const { code, output } = await prisma(url.toString(), 'migrate', 'status');
  expect(output).toContain('P1003');
  expect(output).toContain('not_there');
  expect(code).toBe(1);
}, 60_000);
