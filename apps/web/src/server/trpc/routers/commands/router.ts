import { router } from '../../trpc.ts';
import { getCommands } from './get-commands.ts';
import { listCommandsProcedure } from './list-commands.ts';
import { planCommandsProcedure } from './plan-commands.ts';
import { releaseRestored } from './release-restored.ts';
import { requestCommandsProcedure } from './request-commands.ts';

export const commandsRouter = router({
  plan: planCommandsProcedure,
  request: requestCommandsProcedure,
  get: getCommands,
  list: listCommandsProcedure,
  releaseRestored,
});
