/** One router per noun. A new noun: `routers/<noun>/router.ts` that names its procedures, and one line here. */
import { lanesRouter } from './routers/lanes/router.ts';
import { sessionRouter } from './routers/session/router.ts';
import { createCallerFactory, router } from './trpc.ts';

export const appRouter = router({
  lanes: lanesRouter,
  session: sessionRouter,
});

export type AppRouter = typeof appRouter;
/** For server components and tests: `createCaller(context).lanes.read…()`. */
export const createCaller = createCallerFactory(appRouter);
