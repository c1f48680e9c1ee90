/**
 * Redis is disposable (G11): emptied, killed and away under load, in front of a system that hands everything over between
 * processes. INORDER_SYSTEM_REDIS_OUTAGE_MS says how long it is away: 5 s by default, a minute in the full form.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { allSettled, brokenNumbers, numbersOf, type Rig, startRig } from './rig.ts';

const CODES = Array.from({ length: 10 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);
const OUTAGE_MS = Number(process.env['INORDER_SYSTEM_REDIS_OUTAGE_MS'] ?? 5_000);
const RATE = Number(process.env['INORDER_SYSTEM_RATE'] ?? 60);
const hasRedis = (await testRedis()) !== undefined;

async function more(rig: Rig, count: number): Promise<void> {
  const from = rig.received.length;
  await eventually(`${count} more arrive`, () => rig.received.length >= from + count, { withinMs: 30_000 });
}

test.skipIf(!hasRedis)(
  'G11: Redis emptied, killed and away under load: nothing lost or reordered, delivery goes on, its windows equal Postgres again',
  { timeout: 120_000 + 2 * OUTAGE_MS },
  async () => {
    await using redis = await redisServer();
    await redis.start();
    await using rig = await startRig({ codes: CODES, redisUrl: redis.url });
    // Each in a process of its own: what happened in one must be heard of over Redis or found in Postgres.
    for (const roles of ['ingest', 'validate', 'enrich', 'route', 'deliver,watchdog'])
      await rig.start({ instance: `${roles.split(',')[0]}-1`, roles, env: SHORT_LEASES });
    const upstream = rig.load({ ratePerSecond: RATE });
    await more(rig, RATE);
    await eventually('Redis holds the windows', async () => (await windows(redis.url)).size === CODES.length);
    for (let round = 0; round < 5; round += 1) {
      await redis.flushAll();
      await more(rig, 20);
    }
    await redis.kill();
    const before = rig.received.length;
    const pauses = watchPauses(rig);
    // How long it is away is the subject here.
    await delay(OUTAGE_MS);
    const longestMs = pauses();
    const meanwhile = rig.received.length - before;
    await redis.start();
    await more(rig, RATE);
    upstream.setRate(0);
    await upstream.drained();
    await allSettled(rig, rig.ledger.acknowledged.size);
    expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, gaps: 0, notTaken: 0, repeats: 0 });
    expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
    const rows = (await Promise.all(CODES.map((code) => numbersOf(rig, code)))).flat();
    expect(new Set(rows.map((row) => row.status))).toEqual(new Set(['DELIVERED']));
    expect(await brokenNumbers(rig)).toEqual([]);
    await eventually('the windows in Redis equal Postgres', async () => {
      expect(await windows(redis.url)).toEqual(await windowsOfPostgres(rig));
      return true;
    });
    process.stdout.write(
      `Redis away for ${OUTAGE_MS} ms: ${meanwhile} delivered meanwhile, longest pause ${Math.round(longestMs)} ms\n`,
    );
    expect(meanwhile).toBeGreaterThan((RATE * OUTAGE_MS) / 1000 / 4);
  },
);

/** Watches for the time between two arrivals; the function returned ends it and gives the longest. */
function watchPauses(rig: Rig): () => number {
  let seen = rig.received.length;
  let sinceMs = performance.now();
  let longestMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (rig.received.length > seen) sinceMs = nowMs;
    seen = rig.received.length;
    longestMs = Math.max(longestMs, nowMs - sinceMs);
  }, 10);
  return () => {
    clearInterval(timer);
    return longestMs;
  };
}

interface CachedWindow {
  readonly next: number;
  readonly failed: string;
  readonly upper: number;
}

async function windows(url: string): Promise<Map<string, CachedWindow>> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    const keys = await redis.keys('delivery:*');
    const found = await Promise.all(
      keys.map(async (key): Promise<[string, CachedWindow]> => {
        const hash = await redis.hgetall(key);
        const window = {
          next: Number(hash['next_expected']),
          failed: hash['failed_seqs'] ?? '',
          upper: Number(hash['window_upper']),
        };
        return [key.slice('delivery:'.length), window];
      }),
    );
    return new Map(found.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  } finally {
    redis.disconnect();
  }
}

async function windowsOfPostgres(rig: Rig): Promise<Map<string, CachedWindow>> {
  const rows = await rig.query<{ id: string; checkpoint: number; high: number; failed: string | null }>(
    `SELECT c.interface_id AS id, c.last_delivered_sequence::int AS checkpoint, s.last_sequence_no::int AS high,
            (SELECT string_agg(t.sequence_no::text, ',' ORDER BY t.sequence_no) FROM message_tracking t
              WHERE t.interface_id = c.interface_id AND t.sequence_no > c.last_delivered_sequence AND t.status = 'FAILED') AS failed
       FROM message_delivery_checkpoint c JOIN interface_sequence s USING (interface_id) ORDER BY c.interface_id::text`,
  );
  return new Map(
    rows.map(({ id, checkpoint, high, failed }) => [id, { next: checkpoint + 1, failed: failed ?? '', upper: high }]),
  );
}
