import { expect, test } from 'vitest';
import { connectionLost, realClock, siteFixture } from '../../../test/site-fixture.ts';
import { classify, createDatabase, errorCodeOf } from './database.ts';

async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

test('G16: errors mean data, infrastructure or a bug by their SQLSTATE, never by their text', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const { database } = fixture;
  const query = (text: string, values: unknown[] = []): Promise<unknown> =>
    errorOf(() => database.query({ name: text.slice(0, 60), text }, values));
  expect(classify(await query('SELECT $1::text', ['a\0b']))).toBe('data');
  expect(classify(await query('SELECT $1::jsonb', ['{"a":"\\u0000"}']))).toBe('data');
  expect(classify(await query('INSERT INTO interface_sequence SELECT interface_id FROM interface LIMIT 1'))).toBe(
    'data',
  );
  expect(classify(await query('SELECT no_such_column'))).toBe('bug');
  expect(classify(await query('SELECT pg_terminate_backend(pg_backend_pid())'))).toBe('infrastructure');
  expect(classify(connectionLost())).toBe('infrastructure');
  expect(classify(new TypeError('x is not a function'))).toBe('bug');
  expect(errorCodeOf(await query('SELECT 1/0'))).toBe('22012');
});

test('G12: no server, and a statement past its time, are infrastructure; a transaction is all or nothing', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const options = { connectionsMax: 1, applicationName: 'test', clock: realClock, statementTimeoutMs: 50 };
  const nowhere = createDatabase({ ...options, url: 'postgresql://nobody@127.0.0.1:1/none' });
  expect(classify(await errorOf(() => nowhere.query({ name: 'one', text: 'SELECT 1' }, [])))).toBe('infrastructure');
  await nowhere.close();
  const impatient = createDatabase({ ...options, url: fixture.test.url });
  const late = await errorOf(() => impatient.query({ name: 'sleep', text: 'SELECT pg_sleep(5)' }, []));
  expect([classify(late), errorCodeOf(late)]).toEqual(['infrastructure', '57014']);
  await errorOf(() =>
    impatient.transaction(async (queries) => {
      await queries.query({ name: 'off', text: 'UPDATE interface SET enabled = false' }, []);
      await queries.query({ name: 'zero', text: 'SELECT 1/0' }, []);
    }),
  );
  expect(await impatient.query({ name: 'read', text: 'SELECT enabled FROM interface' }, [])).toEqual([
    { enabled: true },
  ]);
  await impatient.close();
});

test('listen comes back by itself, and says so', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const { pool } = fixture.test;
  const database = createDatabase({
    url: fixture.test.url,
    statementTimeoutMs: 1000,
    connectionsMax: 1,
    applicationName: 'ear',
    clock: realClock,
    listenRetryMs: 1,
  });
  let calls = 0;
  let onCall = (): void => undefined;
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      onCall = resolve;
    });
  const first = call();
  const stop = database.listen('some_channel', () => {
    calls += 1;
    onCall();
  });
  await first;
  const notified = call();
  await pool.query('NOTIFY some_channel');
  await notified;
  const again = call();
  await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ear'");
  await again;
  expect(calls).toBe(3);
  await stop();
  await database.close();
});
