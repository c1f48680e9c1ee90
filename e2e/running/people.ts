/** One user of every role, each with a session that the console itself has made. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hashPassword, uuidv7 } from '@inorder/db';
import { ADMIN_SECRET_HEADER, ROLES, type Role, SIGN_IN_LINK_PATH } from '@inorder/shared';
import type pg from 'pg';
import type { Person } from './facts.ts';

/** Makes them in an empty database. The analyst may see patient data, nobody else. */
export async function makePeople(pool: pg.Pool): Promise<Record<Role, Omit<Person, 'session'>>> {
  const made = ROLES.map((role) => ({
    role,
    email: `${role}@inorder.example`,
    password: randomBytes(15).toString('base64url'),
  }));
  for (const { role, email, password } of made) {
    const id = uuidv7();
    await pool.query(
      `INSERT INTO app_user (id, name, email, email_verified, role, phi_reveal, updated_at)
       VALUES ($1, $2, $3, true, $4, $5, now())`,
      [id, `The ${role}`, email, role, role === 'analyst'],
    );
    await pool.query(
      `INSERT INTO app_account (id, account_id, provider_id, user_id, password, updated_at)
       VALUES ($1, $2, 'credential', $2, $3, now())`,
      [uuidv7(), id, await hashPassword(password)],
    );
  }
  return byRole(made);
}

/** Opens everybody a session through a one-time link: the console allows few passwords a minute, and journeys try some. */
export async function signPeopleIn(
  consoleUrl: string,
  adminSecret: string,
  people: Record<Role, Omit<Person, 'session'>>,
  folder: string,
): Promise<Record<Role, Person>> {
  const signedIn = ROLES.map(async (role) => {
    const { email, password } = people[role];
    const answer = await fetch(await signInLink(consoleUrl, adminSecret, email), { redirect: 'manual' });
    const session = path.join(folder, `${role}.json`);
    const cookies = answer.headers.getSetCookie().flatMap((line) => cookieOf(line, consoleUrl));
    if (cookies.length === 0) throw new Error(`the ${role} cannot sign in: HTTP ${answer.status}`);
    writeFileSync(session, JSON.stringify({ cookies, origins: [] }), { mode: 0o600 });
    return { role, email, password, session };
  });
  return byRole(await Promise.all(signedIn));
}

/** As `./inorder up` prints it. Without an e-mail: for the oldest administrator. */
export async function signInLink(consoleUrl: string, adminSecret: string, email?: string): Promise<string> {
  const answer = await fetch(new URL(SIGN_IN_LINK_PATH, consoleUrl), {
    method: 'POST',
    headers: { [ADMIN_SECRET_HEADER]: adminSecret },
    body: JSON.stringify(email === undefined ? {} : { email }),
  });
  if (!answer.ok) throw new Error(`the console gives no sign-in link: HTTP ${answer.status}`);
  const { url } = (await answer.json()) as { url: string }; // the route's answer
  return url;
}

function cookieOf(line: string, consoleUrl: string): object[] {
  const pair = line.split(';')[0] ?? '';
  const at = pair.indexOf('=');
  const name = pair.slice(0, at);
  // The cached copy of the session lives half a minute; the session itself is asked for when it is gone.
  if (name.endsWith('session_data')) return [];
  return [
    {
      name,
      value: pair.slice(at + 1),
      domain: new URL(consoleUrl).hostname,
      path: '/',
      expires: -1,
      httpOnly: true,
      secure: false,
      sameSite: 'Lax',
    },
  ];
}

function byRole<T extends { readonly role: Role }>(all: readonly T[]): Record<Role, T> {
  // ROLES went in, so every role comes out.
  return Object.fromEntries(all.map((each) => [each.role, each])) as Record<Role, T>;
}
