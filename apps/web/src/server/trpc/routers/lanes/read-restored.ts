import { readRestored } from '@inorder/db';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

/** Whether lanes hold because Postgres was restored or failed over, and how many still do (G21). */
export const readRestoredProcedure = protectedProcedure('lane.read').query(() => readRestored(database().pool));
