import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { type Actor, actorFrom } from './actor.ts';

/** The signed-in user of this request, or null. Asked once per request. */
export const currentUser = cache(async (): Promise<Actor | null> => actorFrom(await headers(), false));

type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** First line of every page: sends nobody to sign-in, and back to `path` with its query afterwards. */
export async function requireUser(path: string, query: Query = {}): Promise<Actor> {
  const user = await currentUser();
  if (user !== null) return user;
  const pairs = Object.entries(query).flatMap(([key, value]) => [value ?? []].flat().map((each) => [key, each]));
  const search = pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
  redirect(`/sign-in?next=${encodeURIComponent(path + search)}`);
}
