import type { Permission } from '@inorder/shared';
import { initTRPC, TRPCError } from '@trpc/server';
import superjson from 'superjson';
import type { Context } from './context.ts';
import { assertMay, MissingPermission } from './errors.ts';

const t = initTRPC.context<Context>().create({
  transformer: superjson,
  isDev: false,
  sse: {
    ping: { enabled: true, intervalMs: 10_000 },
    client: { reconnectAfterInactivityMs: 25_000 },
  },
  errorFormatter({ shape, error }) {
    const missingPermission = error.cause instanceof MissingPermission ? error.cause.permission : null;
    // A bug's text may hold anything; people get a constant sentence, the log gets the rest (route handler).
    const message = error.code === 'INTERNAL_SERVER_ERROR' ? 'the console could not do that' : shape.message;
    return { ...shape, message, data: { ...shape.data, missingPermission } };
  },
});

export const router = t.router;
export const createCallerFactory = t.createCallerFactory;

/**
 * Every procedure but `session.whoAmI` is built on this: deny by default.
 * `protectedProcedure('lane.read').input(…).query(({ ctx }) => ctx.user.email)`
 */
export function protectedProcedure(permission: Permission) {
  return t.procedure.use(({ ctx, next }) => {
    const { user } = ctx;
    if (user === null) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'sign in first' });
    assertMay(user, permission);
    return next({ ctx: { ...ctx, user } });
  });
}

/** For what anybody signed in may do. */
export const signedInProcedure = t.procedure.use(({ ctx, next }) => {
  const { user } = ctx;
  if (user === null) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'sign in first' });
  return next({ ctx: { ...ctx, user } });
});
