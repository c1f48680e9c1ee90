import { readDirectory } from '@inorder/db/console';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

/** Every interface with its site, tags and destinations; what `./inorder interface list` prints. */
export const listConfig = protectedProcedure('config.read').query(async () =>
  (await readDirectory(database().pool)).map(({ interfaceId: _, ...shown }) => shown),
);
