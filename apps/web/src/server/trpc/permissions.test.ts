import { PERMISSIONS, ROLE_PERMISSIONS, ROLES } from '@inorder/shared';
import { TRPCError } from '@trpc/server';
import { expect, test } from 'vitest';
import type { Actor } from '../auth/actor.ts';
import { MissingPermission } from './errors.ts';
import { appRouter, createCaller } from './root.ts';
import { createCallerFactory, protectedProcedure, router } from './trpc.ts';

const actor = (more: Partial<Actor> = {}): Actor => ({
  id: 'u1',
  name: 'Vera',
  email: 'vera@example.org',
  role: 'viewer',
  phiReveal: false,
  via: 'session',
  ...more,
});

async function refusal(call: () => unknown): Promise<TRPCError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TRPCError) return error;
    throw error;
  }
  throw new Error('nobody refused');
}

/** `lanes.read` → the caller's function. */
function procedureAt(caller: object, path: string): (input?: unknown) => unknown {
  // The caller is a proxy over exactly these paths.
  return path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], caller) as () => unknown;
}

test('nobody is let in anywhere: every procedure asks who it is before it looks at the input', async () => {
  const caller = createCaller({ user: null, requestId: 'r1' });
  const paths = Object.keys(appRouter._def.procedures);
  expect(paths).toContain('lanes.watch');
  for (const path of paths) {
    const error = await refusal(() => procedureAt(caller, path)());
    expect([path, error.code]).toEqual([path, 'UNAUTHORIZED']);
  }
});

test('each right lets in exactly the roles that have it, and a refusal names it', async () => {
  const procedures = Object.fromEntries(
    PERMISSIONS.map((permission) => [permission.replace('.', '_'), protectedProcedure(permission).query(() => 'in')]),
  );
  const call = createCallerFactory(router(procedures));
  for (const role of ROLES) {
    for (const permission of PERMISSIONS) {
      const caller = call({ user: actor({ role }), requestId: 'r1' });
      const ask = () => procedureAt(caller, permission.replace('.', '_'))();
      if (ROLE_PERMISSIONS[role].includes(permission)) {
        expect(await ask()).toBe('in');
        continue;
      }
      const error = await refusal(ask);
      expect([role, permission, error.code]).toEqual([role, permission, 'FORBIDDEN']);
      expect(error.cause instanceof MissingPermission && error.cause.permission).toBe(permission);
    }
  }
});

test('phi.reveal comes with no role, not even admin’s', async () => {
  const call = createCallerFactory(router({ reveal: protectedProcedure('phi.reveal').query(() => 'in') }));
  expect((await refusal(() => call({ user: actor({ role: 'admin' }), requestId: 'r' }).reveal())).code).toBe(
    'FORBIDDEN',
  );
  expect(await call({ user: actor({ phiReveal: true }), requestId: 'r' }).reveal()).toBe('in');
});
