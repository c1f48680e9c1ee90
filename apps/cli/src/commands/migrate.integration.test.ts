import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { migrationsDirectory, withDatabase } from '@inorder/db';
import { freePort, testDatabase } from '@inorder/testkit/services';
import pg from 'pg';
import { expect, test } from 'vitest';
import { ROOT } from '../checkout.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  /** Both streams. */
  readonly text: string;
}

function migrate(url: string, ...args: string[]): Promise<Ended> {
  const main = path.join(ROOT, 'apps/cli/src/main.ts');
  const env = { ...process.env, DATABASE_URL: url, INORDER_SECRET_KEY: '7'.repeat(64), NODE_NO_WARNINGS: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'migrate', ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, text: stdout + stderr }),
    );
  });
}

test('a deployment’s database is made, migrated and given its first administrator and site, once, however many do it', async () => {
  await using store = await testDatabase();
  const name = `inorder_test_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(store.url, name);
  try {
    const site = path.join(ROOT, 'deploy/site.example.yaml');
    const all = await Promise.all([1, 2].map(() => migrate(url, '--site', site)));
    expect(all.map(({ code }) => code)).toEqual([0, 0]);
    expect(all.filter(({ text }) => text.includes('first administrator: admin@'))).toHaveLength(1);
    const again = await migrate(url, '--site', site);
    expect(again).toMatchObject({
      code: 0,
      text: 'the schema is up to date\nthe site is there; its file is not applied\n',
    });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT (SELECT count(*)::int FROM app_user) AS users, (SELECT string_agg(code, ',') FROM interface) AS codes",
    );
    await client.end();
    expect(rows).toEqual([{ users: 1, codes: 'LAB-0001' }]);
  } finally {
    await store.pool.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }
});

test('--json: what was applied by this run, what is current, and nobody’s password', async () => {
  await using store = await testDatabase();
  const name = `inorder_test_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(store.url, name);
  const here = readdirSync(migrationsDirectory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  try {
    const first = await migrate(url, '--json', '--site', path.join(ROOT, 'deploy/site.example.yaml'));
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({
      applied: here,
      current: here.at(-1),
      edited: [],
      unknown: [],
      firstAdministrator: 'admin@inorder.example',
      site: 'applied',
    });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(
      "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at) VALUES ('1', '', '99990101_of_a_later_version', now(), now())",
    );
    await client.end();
    expect(JSON.parse((await migrate(url, '--json')).stdout)).toEqual({
      applied: [],
      current: '99990101_of_a_later_version',
      edited: [],
      unknown: ['99990101_of_a_later_version'],
      firstAdministrator: null,
      site: null,
    });
  } finally {
    await store.pool.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }
});

test('--json: a database that is not named, or does not answer, is an error with the exit code in the document', async () => {
  const unnamed = await migrate('', '--json');
  expect(unnamed.code).toBe(2);
  expect(JSON.parse(unnamed.stdout)).toEqual({ error: { exitCode: 2, message: 'DATABASE_URL names no database' } });
  const port = await freePort();
  const silent = await migrate(`postgresql://inorder:hunter2@127.0.0.1:${port}/inorder`, '--json');
  expect(silent.code).toBe(4);
  const message = `no Postgres answers at 127.0.0.1:${port}`;
  expect(JSON.parse(silent.stdout)).toEqual({ error: { exitCode: 4, message } });
  expect(silent.text).toContain(`inorder: ${message}\n`);
  expect(silent.text).not.toContain('hunter2');
});

test('without a database it says what is missing; with one that does not answer it ends with 4', async () => {
  expect((await migrate('')).code).toBe(2);
  expect(await migrate(`postgresql://inorder:hunter2@127.0.0.1:${await freePort()}/inorder`)).toMatchObject({
    code: 4,
    text: expect.not.stringContaining('hunter2'),
  });
});
