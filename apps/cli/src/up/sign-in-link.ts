/** The one-time link that signs the first person in: made by the console, printed by `up`. */
import { ADMIN_SECRET_HEADER, SIGN_IN_LINK_PATH } from '@inorder/shared';
import { z } from 'zod';

const answerSchema = z.object({ url: z.url() });

/** A line for people: the link, or why there is none. Never fails: the site is up all the same. */
export async function askSignInLink(console: string, adminSecret: string): Promise<string> {
  try {
    const response = await fetch(new URL(SIGN_IN_LINK_PATH, console), {
      method: 'POST',
      headers: { [ADMIN_SECRET_HEADER]: adminSecret },
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) return `sign in: the console gave no link (HTTP ${response.status}); use the password of a user`;
    const { url } = answerSchema.parse(await response.json());
    return `sign in, once, within 10 minutes: ${url}`;
  } catch {
    return 'sign in: the console gave no link; use the password of a user';
  }
}
