import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { type Actor, actorFrom } from './actor.ts';

/** The signed-in user of this request, or null. Asked once per request. */
export const currentUser = cache(async (): Promise<Actor | null> => actorFrom(await headers(), false));

/** First line of every page: sends nobody to sign-in, and back to `path` (with its query) afterwards. */
export async function requireUser(path: string): Promise<Actor> {
  const user = await currentUser();
  if (user === null) redirect(`/sign-in?next=${encodeURIComponent(path)}`);
  return user;
}
