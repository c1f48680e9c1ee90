/** What runs and what it has counted, for `inorder status`. */
import { type InstanceRow, readInstances } from '@inorder/db/console/instances';
import { z } from 'zod';
import { askRedis } from '../doctor/redis.ts';
import { query, withPool } from './database.ts';
import { isRunning } from './identity.ts';
import type { RunFile } from './run-file.ts';

export interface SiteStatus {
  readonly processes: readonly { readonly name: string; readonly up: boolean; readonly address: string | null }[];
  /** null where nobody could be asked. */
  readonly counters: {
    readonly received: number | null;
    readonly delivered: number | null;
    readonly failed: number | null;
    readonly skipped: number | null;
    readonly filtered: number | null;
    readonly inFlight: number | null;
    /** As the simulated laboratory systems judge; null without them. */
    readonly orderViolations: number | null;
  };
  /** As Postgres knows them, stopped ones of the last day too; empty when it does not answer. */
  readonly instances: readonly InstanceRow[];
}

const NOTHING_COUNTED: SiteStatus['counters'] = {
  received: null,
  delivered: null,
  failed: null,
  skipped: null,
  filtered: null,
  inFlight: null,
  orderViolations: null,
};

export async function siteStatus(run: RunFile | undefined): Promise<SiteStatus> {
  if (run === undefined) return { processes: [], counters: NOTHING_COUNTED, instances: [] };
  const { databaseUrl, simulatorControl } = run.endpoints;
  const counters = databaseUrl === null ? undefined : await countMessages(databaseUrl);
  const instances = databaseUrl === null || counters === undefined ? [] : await withPool(databaseUrl, readInstances);
  const supervisor = { name: 'supervisor', up: isRunning(run.supervisor), address: null };
  const postgres = {
    name: 'postgres',
    up: counters !== undefined,
    address: databaseUrl === null ? null : new URL(databaseUrl).host,
  };
  const others = run.processes.map((process) => ({
    name: process.name,
    up: isRunning(process),
    address: process.address,
  }));
  return {
    processes: [supervisor, postgres, ...(await givenRedis(run)), ...others],
    counters: { ...NOTHING_COUNTED, ...counters, orderViolations: await askOrderViolations(simulatorControl) },
    instances,
  };
}

/** The Redis of REDIS_URL, which is no process of ours. */
async function givenRedis({ endpoints: { redisUrl }, processes }: RunFile): Promise<SiteStatus['processes']> {
  if (redisUrl === null || processes.some(({ name }) => name === 'redis')) return [];
  const up = await askRedis(redisUrl).then(
    () => true,
    () => false,
  );
  return [{ name: 'redis', up, address: new URL(redisUrl).host }];
}

/** Every number once: with its row from the retention floor up, in the range of its interface below it. */
const COUNTS = `
SELECT status, sum(messages)::text AS messages
  FROM (SELECT t.status::text AS status, count(*) AS messages
          FROM message_tracking t JOIN interface_sequence s USING (interface_id)
         WHERE t.sequence_no >= s.retained_from GROUP BY 1
        UNION ALL
        SELECT e.status, e.messages
          FROM sequence_range r
         CROSS JOIN LATERAL (VALUES ('DELIVERED', r.delivered), ('FAILED', r.failed), ('SKIPPED', r.skipped), ('FILTERED', r.filtered)) e(status, messages)
       ) counted
 GROUP BY status`;

async function countMessages(
  databaseUrl: string,
): Promise<Omit<SiteStatus['counters'], 'orderViolations'> | undefined> {
  try {
    const rows = await query<{ status: string; messages: string }>(databaseUrl, COUNTS);
    const count = (...statuses: string[]): number =>
      rows.filter((row) => statuses.includes(row.status)).reduce((sum, row) => sum + Number(row.messages), 0);
    return {
      received: rows.reduce((sum, row) => sum + Number(row.messages), 0),
      delivered: count('DELIVERED'),
      failed: count('FAILED'),
      skipped: count('SKIPPED'),
      filtered: count('FILTERED'),
      inFlight: count('RECEIVED', 'VALIDATED', 'ENRICHED', 'PROCESSED'),
    };
  } catch {
    return undefined; // Not reachable, or not migrated yet: the processes' lines say which.
  }
}

const simulatorStatusSchema = z.object({ judge: z.object({ orderViolations: z.number() }) });

async function askOrderViolations(control: string | null): Promise<number | null> {
  if (control === null) return null;
  try {
    const response = await fetch(new URL('/status', control), { signal: AbortSignal.timeout(3_000) });
    return simulatorStatusSchema.parse(await response.json()).judge.orderViolations;
  } catch {
    return null;
  }
}
