import { type Actor, actorFrom } from '../auth/actor.ts';
import { fromOwnPage } from '../auth/own-page.ts';

export interface Context {
  readonly user: Actor | null;
  /** For the audit and logs; never in an answer. */
  readonly requestId: string;
}

/**
 * @param acts true when the request carries a mutation: then the role is read from the database, and a session cookie
 *   counts only for requests that come from our own pages.
 */
export async function createContext(request: Request, acts: boolean): Promise<Context> {
  const user = await actorFrom(request.headers, acts);
  const foreign = acts && user?.via === 'session' && !fromOwnPage(request);
  return { user: foreign ? null : user, requestId: crypto.randomUUID() };
}
