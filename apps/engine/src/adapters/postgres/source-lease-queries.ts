/** Who reads which source (G3). The broker's exclusive consumer keeps the order; this only decides who attaches. */
import { type Epoch, epoch, type InstanceId, type SourceId, sourceId } from '@inorder/core';
import type { Queries, Statement } from './database.ts';

export interface SourceLease {
  readonly sourceId: SourceId;
  readonly owner: string | null;
  readonly epoch: Epoch;
  readonly renewals: number;
}

const OBSERVE: Statement = {
  name: 'observe_sources',
  text: 'SELECT source_id, owner, epoch, renewals FROM source_lease',
};

export async function observeSources(queries: Queries): Promise<SourceLease[]> {
  const rows = await queries.query<{ source_id: string; owner: string | null; epoch: string; renewals: string }>(
    OBSERVE,
    [],
  );
  return rows.map((r) => ({
    sourceId: sourceId(r.source_id),
    owner: r.owner,
    epoch: epoch(r.epoch),
    renewals: Number(r.renewals),
  }));
}

const ACQUIRE: Statement = {
  name: 'acquire_sources',
  text: `
UPDATE source_lease l SET owner = $1, epoch = l.epoch + 1, renewals = 0, expires_at = now() + $2 * interval '1 millisecond'
  FROM unnest($3::uuid[], $4::bigint[], $5::bigint[]) AS o(source_id, epoch, renewals)
 WHERE l.source_id = o.source_id AND l.epoch = o.epoch AND l.renewals = o.renewals
RETURNING l.source_id, l.epoch`,
};

/** Those that still stand as they were observed. */
export async function acquireSources(
  queries: Queries,
  owner: InstanceId,
  leaseMs: number,
  observed: readonly SourceLease[],
): Promise<Map<SourceId, Epoch>> {
  const rows = await queries.query<{ source_id: string; epoch: string }>(ACQUIRE, [
    owner,
    leaseMs,
    observed.map((l) => l.sourceId),
    observed.map((l) => l.epoch),
    observed.map((l) => l.renewals),
  ]);
  return new Map(rows.map((r) => [sourceId(r.source_id), epoch(r.epoch)]));
}

const RENEW: Statement = {
  name: 'renew_sources',
  text: `
UPDATE source_lease l SET renewals = l.renewals + 1, expires_at = now() + $2 * interval '1 millisecond'
  FROM unnest($3::uuid[], $4::bigint[]) AS o(source_id, epoch)
 WHERE l.source_id = o.source_id AND l.epoch = o.epoch AND l.owner = $1
RETURNING l.source_id`,
};

export async function renewSources(
  queries: Queries,
  owner: InstanceId,
  leaseMs: number,
  held: ReadonlyMap<SourceId, Epoch>,
): Promise<Set<SourceId>> {
  const rows = await queries.query<{ source_id: string }>(RENEW, [
    owner,
    leaseMs,
    [...held.keys()],
    [...held.values()],
  ]);
  return new Set(rows.map((r) => sourceId(r.source_id)));
}

const GIVE_BACK: Statement = {
  name: 'give_back_sources',
  text: 'UPDATE source_lease SET owner = NULL, expires_at = now() WHERE owner = $1 AND source_id = ANY($2::uuid[])',
};

export async function giveBackSources(queries: Queries, owner: InstanceId, ids: readonly SourceId[]): Promise<void> {
  if (ids.length > 0) await queries.query(GIVE_BACK, [owner, ids]);
}
