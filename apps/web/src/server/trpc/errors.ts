import { may, type Permission } from '@inorder/shared';
import { TRPCError } from '@trpc/server';

/** Carried as the cause of a FORBIDDEN, so that the screen can name the right that is missing. */
export class MissingPermission extends Error {
  readonly permission: Permission;

  constructor(permission: Permission) {
    super(`your role does not include ${permission}`);
    this.name = 'MissingPermission';
    this.permission = permission;
  }
}

/** @throws FORBIDDEN with the missing right. For rights that depend on the input; else `protectedProcedure`. */
export function assertMay(user: Parameters<typeof may>[0], permission: Permission): void {
  if (may(user, permission)) return;
  const cause = new MissingPermission(permission);
  throw new TRPCError({ code: 'FORBIDDEN', message: cause.message, cause });
}

/** `throw notFound('interface LAB-0042')` */
export function notFound(what: string): TRPCError {
  return new TRPCError({ code: 'NOT_FOUND', message: `there is no ${what}` });
}
