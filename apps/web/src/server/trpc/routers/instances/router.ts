import { router } from '../../trpc.ts';
import { listInstances } from './list-instances.ts';

export const instancesRouter = router({ list: listInstances });
