import { currentUser } from '../auth/require-user.ts';
import { createCaller } from './root.ts';

/** The procedures as plain functions, for server components: same checks, no HTTP. */
export async function serverCaller(): Promise<ReturnType<typeof createCaller>> {
  return createCaller({ user: await currentUser(), requestId: crypto.randomUUID() });
}
