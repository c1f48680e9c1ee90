/** Leases on shards and the heartbeats of instances (G10). Times on the server are for people; nobody compares clocks. */
import { type Epoch, epoch, type InstanceId, type Shard, shard } from '@inorder/core';
import type { Queries, Statement } from './database.ts';

const BEAT: Statement = {
  name: 'instance_beat',
  text: `
INSERT INTO engine_instance (instance, roles, admin_url, version, started_at, heartbeat_at, heartbeats, stopped_at)
VALUES ($1, $2::text[], $3, $4, now(), now(), 1, NULL)
ON CONFLICT (instance) DO UPDATE
   SET roles = excluded.roles, admin_url = excluded.admin_url, version = excluded.version, heartbeat_at = now(),
       heartbeats = engine_instance.heartbeats + 1, stopped_at = NULL,
       started_at = CASE WHEN $5 THEN now() ELSE engine_instance.started_at END`,
};

export interface InstanceCard {
  readonly instance: InstanceId;
  readonly roles: readonly string[];
  readonly adminUrl: string | null;
  readonly version: string;
}

/** `first` = this process has just started. */
export async function beat(queries: Queries, card: InstanceCard, first: boolean): Promise<void> {
  await queries.query(BEAT, [card.instance, card.roles, card.adminUrl, card.version, first]);
}

const STOPPED: Statement = {
  name: 'instance_stopped',
  text: 'UPDATE engine_instance SET stopped_at = now() WHERE instance = $1',
};

export async function sayStopped(queries: Queries, instance: InstanceId): Promise<void> {
  await queries.query(STOPPED, [instance]);
}

const OBSERVE: Statement = {
  name: 'observe_leases',
  text: `
SELECT (SELECT coalesce(json_agg(json_build_array(instance, heartbeats, roles, extract(epoch FROM now() - heartbeat_at) * 1000)), '[]') FROM engine_instance WHERE stopped_at IS NULL) AS instances,
       (SELECT json_agg(json_build_array(shard, owner, epoch, renewals) ORDER BY shard) FROM shard_lease) AS leases`,
};

export interface Lease {
  readonly shard: Shard;
  readonly owner: string | null;
  readonly epoch: Epoch;
  readonly renewals: number;
}

export interface Observation {
  readonly instances: readonly {
    readonly instance: string;
    readonly heartbeats: number;
    readonly roles: readonly string[];
    /** Since its last heartbeat, by Postgres's clock alone. */
    readonly silentMs: number;
  }[];
  readonly leases: readonly Lease[];
}

/** Everybody's heartbeats and all 256 leases in one small read. */
export async function observe(queries: Queries): Promise<Observation> {
  const [row] = await queries.query<{
    instances: [string, number, string[], number][];
    leases: [number, string | null, number, number][];
  }>(OBSERVE, []);
  return {
    instances: (row?.instances ?? []).map(([instance, heartbeats, roles, silentMs]) => ({
      instance,
      heartbeats,
      roles,
      silentMs,
    })),
    leases: (row?.leases ?? []).map(([s, owner, e, renewals]) => ({
      shard: shard(s),
      owner,
      epoch: epoch(e),
      renewals,
    })),
  };
}

const ACQUIRE: Statement = {
  name: 'acquire_shards',
  text: `
UPDATE shard_lease l
   SET owner = $1, epoch = l.epoch + 1, renewals = 0, expires_at = now() + $2 * interval '1 millisecond'
 WHERE l.shard IN (
   SELECT s.shard FROM shard_lease s JOIN unnest($3::smallint[], $4::bigint[], $5::bigint[]) AS o(shard, epoch, renewals)
       ON s.shard = o.shard AND s.epoch = o.epoch AND s.renewals = o.renewals
      FOR UPDATE OF s SKIP LOCKED)
RETURNING l.shard, l.epoch`,
};

/** Takes shards that still stand as they were observed; a row that a hung settlement locks is passed over. */
export async function acquire(
  queries: Queries,
  owner: InstanceId,
  leaseMs: number,
  observed: readonly Lease[],
): Promise<{ shard: Shard; epoch: Epoch }[]> {
  const rows = await queries.query<{ shard: number; epoch: string }>(ACQUIRE, [
    owner,
    leaseMs,
    observed.map((l) => l.shard),
    observed.map((l) => l.epoch),
    observed.map((l) => l.renewals),
  ]);
  return rows.map((r) => ({ shard: shard(r.shard), epoch: epoch(r.epoch) }));
}

const RENEW: Statement = {
  name: 'renew_shards',
  text: `
WITH own AS MATERIALIZED (
  SELECT l.shard FROM shard_lease l JOIN unnest($3::smallint[], $4::bigint[]) AS o(shard, epoch) ON l.shard = o.shard AND l.epoch = o.epoch
   WHERE l.owner = $1 ORDER BY l.shard FOR UPDATE OF l
)
UPDATE shard_lease l SET renewals = l.renewals + 1, expires_at = now() + $2 * interval '1 millisecond'
  FROM own WHERE l.shard = own.shard
RETURNING l.shard`,
};

/** Shards that are still ours. Locked in the order settlements lock them, or the two would wait for each other. */
export async function renew(
  queries: Queries,
  owner: InstanceId,
  leaseMs: number,
  held: readonly { shard: Shard; epoch: Epoch }[],
): Promise<Set<Shard>> {
  const rows = await queries.query<{ shard: number }>(RENEW, [
    owner,
    leaseMs,
    held.map((h) => h.shard),
    held.map((h) => h.epoch),
  ]);
  return new Set(rows.map((r) => shard(r.shard)));
}

const GIVE_BACK: Statement = {
  name: 'give_back_shards',
  text: `
WITH own AS MATERIALIZED (
  SELECT l.shard FROM shard_lease l JOIN unnest($2::smallint[], $3::bigint[]) AS o(shard, epoch) ON l.shard = o.shard AND l.epoch = o.epoch
   WHERE l.owner = $1 ORDER BY l.shard FOR UPDATE OF l
)
UPDATE shard_lease l SET owner = NULL, expires_at = now() FROM own WHERE l.shard = own.shard`,
};

/** After the drain: whoever comes next may begin at once and knows that nothing is under way. */
export async function giveBack(
  queries: Queries,
  owner: InstanceId,
  held: readonly { shard: Shard; epoch: Epoch }[],
): Promise<void> {
  if (held.length > 0) await queries.query(GIVE_BACK, [owner, held.map((h) => h.shard), held.map((h) => h.epoch)]);
}
