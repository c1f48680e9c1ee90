import { testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { readConfig } from '../config.ts';
import { openStore } from './store.ts';

test('G10: heartbeats and renewals wait behind nothing that lanes, ingest or stages ask', async () => {
  await using test = await testDatabase();
  const read = readConfig({
    DATABASE_URL: test.url,
    INORDER_DATA_DIR: '/nowhere',
    INORDER_ADMIN_SECRET: 'a secret of sixteen',
    INORDER_SECRET_KEY: '07'.repeat(32),
    INORDER_UNSAFE: '1',
  });
  if (!read.ok) throw new Error(read.problems.join());
  const store = await openStore(read.config, systemClock, pino({ level: 'silent' }));
  const { database, laneDatabase, leaseDatabase } = store;
  // Each waits for this lock, more of them than there are connections.
  const holder = await test.pool.connect();
  await holder.query('BEGIN; LOCK TABLE incident');
  const slow = { name: 'slow', text: 'SELECT count(*) FROM incident' };
  let answered = 0;
  const waiting = [database, laneDatabase].flatMap((each) =>
    Array.from({ length: 40 }, () =>
      each.query(slow, []).then(
        () => undefined,
        () => undefined,
      ),
    ),
  );
  for (const each of waiting) void each.then(() => (answered += 1));
  expect(await leaseDatabase.query({ name: 'beat', text: 'SELECT 1 AS beat' }, [])).toEqual([{ beat: 1 }]);
  expect(answered).toBe(0);
  await holder.query('ROLLBACK');
  holder.release();
  await Promise.all(waiting);
  await store.close();
}, 60_000);
