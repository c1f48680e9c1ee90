import { may, PERMISSIONS } from '@inorder/shared';
import { signedInProcedure } from '../../trpc.ts';

/** The user and every right they have; what the CLI prints and the screen mirrors. */
export const whoAmI = signedInProcedure.query(({ ctx: { user } }) => ({
  name: user.name,
  email: user.email,
  role: user.role,
  via: user.via,
  permissions: PERMISSIONS.filter((permission) => may(user, permission)),
}));
