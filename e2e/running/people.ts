/** One user of every role, each with a session that the console itself has made. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hashPassword, uuidv7 } from '@inorder/db';
import { ROLES, type Role } from '@inorder/shared';
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

/** Signs everybody in as the sign-in page does, once: the console allows few tries a minute. */
export async function signPeopleIn(
  consoleUrl: string,
  people: Record<Role, Omit<Person, 'session'>>,
  folder: string,
): Promise<Record<Role, Person>> {
  const signedIn = ROLES.map(async (role) => {
    const { email, password } = people[role];
    const answer = await fetch(new URL('/api/auth/sign-in/email', consoleUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: consoleUrl },
      body: JSON.stringify({ email, password }),
    });
    if (!answer.ok) throw new Error(`the ${role} cannot sign in: HTTP ${answer.status}`);
    const session = path.join(folder, `${role}.json`);
    const cookies = answer.headers.getSetCookie().flatMap((line) => cookieOf(line, consoleUrl));
    writeFileSync(session, JSON.stringify({ cookies, origins: [] }), { mode: 0o600 });
    return { role, email, password, session };
  });
  return byRole(await Promise.all(signedIn));
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
