import { readInstances, readShards } from '@inorder/db/console';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

/** Every engine process of the last day and who owns which shard (position = shard). Admin addresses stay on the server. */
export const listInstances = protectedProcedure('lane.read').query(async () => {
  const { pool } = database();
  const [instances, shards] = await Promise.all([readInstances(pool), readShards(pool)]);
  return { instances: instances.map(({ adminUrl: _, ...shown }) => shown), shards };
});
