/** One router per noun. A new noun: `routers/<noun>/router.ts` that names its procedures, and one line here. */
import { auditRouter } from './routers/audit/router.ts';
import { commandsRouter } from './routers/commands/router.ts';
import { configRouter } from './routers/config/router.ts';
import { deadLettersRouter } from './routers/dead-letters/router.ts';
import { instancesRouter } from './routers/instances/router.ts';
import { lanesRouter } from './routers/lanes/router.ts';
import { messagesRouter } from './routers/messages/router.ts';
import { sessionRouter } from './routers/session/router.ts';
import { createCallerFactory, router } from './trpc.ts';

export const appRouter = router({
  audit: auditRouter,
  commands: commandsRouter,
  config: configRouter,
  deadLetters: deadLettersRouter,
  instances: instancesRouter,
  lanes: lanesRouter,
  messages: messagesRouter,
  session: sessionRouter,
});

export type AppRouter = typeof appRouter;
/** For server components and tests: `createCaller(context).lanes.read…()`. */
export const createCaller = createCallerFactory(appRouter);
