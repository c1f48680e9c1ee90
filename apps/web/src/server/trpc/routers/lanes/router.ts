import { router } from '../../trpc.ts';

export const lanesRouter = router({});
