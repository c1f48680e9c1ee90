/** Who asks: a session's user, or the user an API token is bound to. */
import { isRole, may, type Permission, type Role } from '@inorder/shared';
import { database } from '../database.ts';
import { auth } from './auth.ts';
import { tokenHash } from './sign-in-link.ts';

export interface Actor {
  readonly id: string;
  readonly name: string;
  /** What the audit calls them. */
  readonly email: string;
  readonly role: Role;
  readonly phiReveal: boolean;
  readonly via: 'session' | 'token';
}

interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  readonly phiReveal: boolean;
  readonly banned: boolean;
}

function actorOf(user: UserRow, via: Actor['via']): Actor | null {
  if (user.banned || !isRole(user.role)) return null;
  return { id: user.id, name: user.name, email: user.email, role: user.role, phiReveal: user.phiReveal, via };
}

/**
 * @param fresh true for acts: the role is read from the database, not from the cookie's copy (up to 30 s old).
 * @returns null for nobody, a banned user, an unknown role or a token nobody made.
 */
export async function actorFrom(headers: Headers, fresh: boolean): Promise<Actor | null> {
  const bearer = /^Bearer ([\w-]{20,200})$/i.exec(headers.get('authorization') ?? '')?.[1];
  if (bearer !== undefined) return actorOfToken(bearer);
  const session = await auth().api.getSession({ headers, query: { disableCookieCache: fresh } });
  return session === null ? null : actorOf(session.user, 'session');
}

async function actorOfToken(token: string): Promise<Actor | null> {
  // last_used_at is for people: written at most once a minute.
  const { rows } = await database().pool.query<{
    id: string;
    name: string;
    email: string;
    role: string;
    phi_reveal: boolean;
    banned: boolean;
  }>(
    `WITH touched AS (
       UPDATE api_token SET last_used_at = now()
        WHERE token_hash = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute'))
     SELECT u.id, u.name, u.email, u.role, u.phi_reveal, u.banned
       FROM api_token t JOIN app_user u ON u.id = t.user_id WHERE t.token_hash = $1`,
    [tokenHash(token)],
  );
  const row = rows[0];
  return row === undefined ? null : actorOf({ ...row, phiReveal: row.phi_reveal }, 'token');
}

/** For pages and route handlers, which have no procedure to ask. */
export function actorMay(actor: Actor | null, permission: Permission): actor is Actor {
  return actor !== null && may(actor, permission);
}
