import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { log } from '../../../../server/log.ts';
import { createContext } from '../../../../server/trpc/context.ts';
import { appRouter } from '../../../../server/trpc/root.ts';

function handle(request: Request): Promise<Response> {
  return fetchRequestHandler({
    endpoint: '/api/trpc',
    req: request,
    router: appRouter,
    createContext: ({ info }) => createContext(request, info.type === 'mutation'),
    onError({ error, path, ctx }) {
      if (error.code !== 'INTERNAL_SERVER_ERROR') return;
      log().error({ err: error.cause ?? error, path, requestId: ctx?.requestId }, 'procedure failed');
    },
  });
}

export { handle as GET, handle as POST };
