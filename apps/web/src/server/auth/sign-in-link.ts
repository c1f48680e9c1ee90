/**
 * One-time sign-in links: made for whoever holds the admin secret (`./inorder up`), valid 10 minutes, used once.
 * Only the hash of the token is stored.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthEndpoint } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import { z } from 'zod';
import { database } from '../database.ts';

const LINK_TTL_MS = 600_000;

export interface SignInLink {
  readonly token: string;
  readonly expiresAt: Date;
}

export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** @returns null when there is no such user, or the user is banned. Without an e-mail: the oldest administrator. */
export async function makeSignInLink(email?: string): Promise<SignInLink | null> {
  const { prisma } = database();
  const user = await prisma.user.findFirst({
    where: { banned: false, ...(email === undefined ? { role: 'admin' } : { email: email.toLowerCase() }) },
    orderBy: { createdAt: 'asc' },
    select: { id: true },
  });
  if (user === null) return null;
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(Date.now() + LINK_TTL_MS);
  await prisma.signInLink.deleteMany({ where: { expiresAt: { lt: new Date() } } });
  await prisma.signInLink.create({ data: { tokenHash: new Uint8Array(tokenHash(token)), userId: user.id, expiresAt } });
  return { token, expiresAt };
}

/** Uses the link up: one statement, so that of two who come at once one is told no. */
async function useUp(token: string): Promise<string | null> {
  const { rows } = await database().pool.query<{ user_id: string }>(
    `UPDATE sign_in_link SET used_at = now()
      WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now() RETURNING user_id`,
    [tokenHash(token)],
  );
  return rows[0]?.user_id ?? null;
}

/** `auth.api.signInByLink`: turns a link into a session. */
export function signInLink() {
  return {
    id: 'inorder-sign-in-link',
    endpoints: {
      signInByLink: createAuthEndpoint(
        '/sign-in/use-link',
        { method: 'POST', body: z.object({ token: z.string().min(20).max(100) }) },
        async (ctx) => {
          const userId = await useUp(ctx.body.token);
          if (userId === null)
            throw new APIError('UNAUTHORIZED', { message: 'the link was used already or has expired' });
          const user = await ctx.context.internalAdapter.findUserById(userId);
          if (user === null) throw new APIError('UNAUTHORIZED', { message: 'the user is gone' });
          const session = await ctx.context.internalAdapter.createSession(userId);
          await setSessionCookie(ctx, { session, user });
          return ctx.json({ signedIn: true });
        },
      ),
    },
  } satisfies BetterAuthPlugin;
}
