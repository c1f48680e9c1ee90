/** First users, passwords in better-auth's form, and the tokens the CLI signs in with. */
import { createHash, randomBytes, scrypt } from 'node:crypto';
import type { Role } from '@inorder/shared';
import type pg from 'pg';
import { appendAudit } from './audit.ts';
import { inTransaction } from './transaction.ts';
import { uuidv7 } from './uuid.ts';

export interface MadeUser {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  /** Plain; shown once, stored nowhere. */
  readonly password: string;
}

export interface Bootstrap {
  readonly users: readonly MadeUser[];
  /** Plain token of the administrator for the CLI; only its hash is stored. */
  readonly apiToken: string;
}

interface FirstUser {
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  readonly phiReveal: boolean;
}

const ADMIN: FirstUser = { email: 'admin@inorder.example', name: 'Administrator', role: 'admin', phiReveal: false };
const DEMO_USERS: readonly FirstUser[] = [
  { email: 'analyst@inorder.example', name: 'Ana Lyst', role: 'analyst', phiReveal: true },
  { email: 'operator@inorder.example', name: 'Otis Perator', role: 'operator', phiReveal: false },
];

/** One bootstrapper at a time. */
const BOOTSTRAP_LOCK = 4_711_000_002;

/**
 * Makes an administrator (who may not see patient data until given that right) and, for the demonstration, an analyst
 * and an operator.
 * @returns null when there is a user already: then nothing is made.
 */
export async function bootstrapUsers(pool: pg.Pool, options: { readonly demo: boolean }): Promise<Bootstrap | null> {
  const wanted = options.demo ? [ADMIN, ...DEMO_USERS] : [ADMIN];
  const made = await Promise.all(
    wanted.map(async (user) => {
      const password = randomBytes(15).toString('base64url');
      return { ...user, id: uuidv7(), password, hash: await hashPassword(password) };
    }),
  );
  const token = newToken();
  return inTransaction(pool, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [BOOTSTRAP_LOCK]);
    const { rowCount } = await tx.query('SELECT 1 FROM app_user LIMIT 1');
    if (rowCount !== 0) return null;
    for (const user of made) {
      await tx.query(INSERT_USER, [user.id, user.name, user.email, user.role, user.phiReveal, uuidv7(), user.hash]);
      await appendAudit(tx, {
        actor: 'system',
        action: 'user.create',
        target: `user:${user.email}`,
        reason: 'first start',
        detail: { role: user.role, phiReveal: user.phiReveal },
      });
    }
    await tx.query(INSERT_TOKEN, [hashToken(token), made[0]?.id, 'first start']);
    return { users: made.map(({ id, email, role, password }) => ({ id, email, role, password })), apiToken: token };
  });
}

/** Another token for the user of `email`, audited. @returns the plain token, null when there is no such user. */
export async function createApiToken(
  pool: pg.Pool,
  email: string,
  name: string,
  actor: string,
): Promise<string | null> {
  const token = newToken();
  return inTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string }>('SELECT id FROM app_user WHERE email = $1', [email.toLowerCase()]);
    const user = rows[0];
    if (user === undefined) return null;
    await tx.query(INSERT_TOKEN, [hashToken(token), user.id, name]);
    await appendAudit(tx, { actor, action: 'token.create', target: `user:${email.toLowerCase()}`, detail: { name } });
    return token;
  });
}

/** What `api_token.token_hash` holds. 256 random bits need no slow hash. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The form that better-auth's verifyPassword reads: `salt:key`, scrypt N 16384, r 16, p 1, 64 bytes, salt as its hex text. */
export function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16).toString('hex');
  const cost = { N: 16_384, r: 16, p: 1, maxmem: 128 * 16_384 * 16 * 2 };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, 64, cost, (error, key) => {
      if (error === null) resolve(`${salt}:${key.toString('hex')}`);
      else reject(error);
    });
  });
}

const INSERT_USER = `
WITH u AS (INSERT INTO app_user (id, name, email, email_verified, role, phi_reveal, updated_at)
           VALUES ($1, $2, $3, true, $4, $5, now()) RETURNING id)
INSERT INTO app_account (id, account_id, provider_id, user_id, password, updated_at)
SELECT $6, u.id, 'credential', u.id, $7, now() FROM u`;

const INSERT_TOKEN = 'INSERT INTO api_token (token_hash, user_id, name) VALUES ($1, $2, $3)';
