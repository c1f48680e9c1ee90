/** The engine's processes as Postgres knows them: who beats, in which roles, and what each of them holds. */
import type pg from 'pg';

export interface InstanceRow {
  /** Name of the process, the same over restarts. */
  readonly instance: string;
  readonly roles: readonly string[];
  /** Its admin HTTP; null where it has none. */
  readonly adminUrl: string | null;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Since its last heartbeat, by Postgres's clock alone: its writer and its reader. */
  readonly heartbeatAgeMs: number;
  /** It said that it stops; false for one that was killed. */
  readonly stopped: boolean;
  /** Not stopped, and its heartbeat is younger than the limit asked for. */
  readonly alive: boolean;
  /** Shards leased to it. A killed instance keeps them until a successor has seen their lease end. */
  readonly shards: number;
  /** The highest epoch among these shards; null without one. */
  readonly epochMax: number | null;
  /** Sources leased to it: queues that it, and nobody else, reads. */
  readonly sources: number;
  /** Of these, the queues that the broker would give to a second reader as well (G3). */
  readonly unprotected: number;
  /** Their names, at most UNPROTECTED_NAMES_MAX. */
  readonly unprotectedNames: readonly string[];
}

export const UNPROTECTED_NAMES_MAX = 20;

/** Heartbeats come every two seconds; older than a lease means dead or cut off. */
export const INSTANCE_ALIVE_MS_MAX = 10_000;

// Names come and go where a scheduler makes them up: whoever is silent for a day and holds nothing is history.
const INSTANCES = `
SELECT e.instance, e.roles, e.admin_url, e.version, e.started_at, e.stopped_at IS NOT NULL AS stopped,
       greatest(0, extract(epoch FROM now() - e.heartbeat_at) * 1000)::bigint AS heartbeat_age_ms,
       coalesce(l.shards, 0)::int AS shards, l.epoch_max, coalesce(s.sources, 0)::int AS sources,
       coalesce(u.names, '{}') AS unprotected_names, coalesce(u.sources, 0)::int AS unprotected
  FROM engine_instance e
  LEFT JOIN (SELECT owner, count(*) AS shards, max(epoch) AS epoch_max FROM shard_lease WHERE owner IS NOT NULL GROUP BY owner) l
    ON l.owner = e.instance
  LEFT JOIN (SELECT owner, count(*) AS sources FROM source_lease WHERE owner IS NOT NULL GROUP BY owner) s
    ON s.owner = e.instance
  LEFT JOIN (SELECT sl.owner, count(*) AS sources, (array_agg(so.name ORDER BY so.name))[1:${UNPROTECTED_NAMES_MAX}] AS names
               FROM source_protection p JOIN source_lease sl USING (source_id) JOIN source so USING (source_id)
              WHERE p.verdict = 'NOT_PROTECTED' AND sl.owner IS NOT NULL GROUP BY sl.owner) u
    ON u.owner = e.instance
 WHERE e.heartbeat_at > now() - interval '1 day' OR l.owner IS NOT NULL OR s.owner IS NOT NULL
 ORDER BY e.stopped_at IS NOT NULL, e.heartbeat_at DESC
 LIMIT $1`;

/** More are not shown: the newest heartbeats come first. */
export const INSTANCES_MAX = 1_000;

/** Every instance of the last day, and any older one that still holds a lease; by name, `engine-2` before `engine-10`. */
export async function readInstances(pool: pg.Pool, aliveMsMax = INSTANCE_ALIVE_MS_MAX): Promise<InstanceRow[]> {
  const { rows } = await pool.query<{
    instance: string;
    roles: string[];
    admin_url: string | null;
    version: string;
    started_at: Date;
    stopped: boolean;
    heartbeat_age_ms: string;
    shards: number;
    epoch_max: string | null;
    sources: number;
    unprotected: number;
    unprotected_names: string[];
  }>({ name: 'console-instances', text: INSTANCES, values: [INSTANCES_MAX] });
  return rows
    .map((row) => ({
      instance: row.instance,
      roles: row.roles,
      adminUrl: row.admin_url,
      version: row.version,
      startedAt: row.started_at.getTime(),
      heartbeatAgeMs: Number(row.heartbeat_age_ms),
      stopped: row.stopped,
      alive: !row.stopped && Number(row.heartbeat_age_ms) < aliveMsMax,
      shards: row.shards,
      epochMax: row.epoch_max === null ? null : Number(row.epoch_max),
      sources: row.sources,
      unprotected: row.unprotected,
      unprotectedNames: row.unprotected_names,
    }))
    .sort((a, b) => a.instance.localeCompare(b.instance, 'en', { numeric: true }));
}

export interface ShardRow {
  /** Name of the instance that holds its lease; null: given back, or never taken. */
  readonly owner: string | null;
  readonly epoch: number;
}

const SHARDS = 'SELECT owner, epoch FROM shard_lease ORDER BY shard';

/** Who owns which shard; position = shard, 0 to 255. A killed owner stands here until a successor has taken over. */
export async function readShards(pool: pg.Pool): Promise<ShardRow[]> {
  const { rows } = await pool.query<{ owner: string | null; epoch: string }>({ name: 'console-shards', text: SHARDS });
  return rows.map(({ owner, epoch }) => ({ owner, epoch: Number(epoch) }));
}
