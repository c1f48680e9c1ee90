import { randomBytes } from 'node:crypto';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { actorFrom } from './actor.ts';
import { auth } from './auth.ts';
import { makeSignInLink, tokenHash } from './sign-in-link.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
  vi.stubEnv('DATABASE_URL', db.url);
  vi.stubEnv('INORDER_ADMIN_SECRET', 'a-shared-secret-of-tests');
  vi.stubEnv('INORDER_AUTH_SECRET', randomBytes(32).toString('hex'));
  vi.stubEnv('INORDER_SECRET_KEY', randomBytes(32).toString('base64'));
  vi.stubEnv('INORDER_CONSOLE_URL', 'http://127.0.0.1:3000');
  await db.pool.query(
    `INSERT INTO app_user (id, name, email, role, banned, created_at, updated_at) VALUES
     ('late', 'Late', 'late@example.org', 'admin', false, now(), now()),
     ('ada', 'Ada', 'ada@example.org', 'admin', false, now() - interval '1 day', now()),
     ('vera', 'Vera', 'vera@example.org', 'viewer', false, now(), now()),
     ('bad', 'Bad', 'bad@example.org', 'admin', true, now() - interval '2 days', now())`,
  );
});

afterAll(async () => {
  const { database } = await import('../database.ts');
  await database().pool.end();
  await db[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

const useLink = (token: string) =>
  auth().api.signInByLink({ body: { token }, headers: new Headers(), asResponse: true });
const cookies = (answer: Response) =>
  answer.headers
    .getSetCookie()
    .flatMap((cookie) => cookie.split(';')[0] ?? [])
    .join('; ');

test('a link signs the oldest administrator in, once, even when two come at the same moment', async () => {
  const link = await makeSignInLink();
  expect(link).not.toBeNull();
  const answers = await Promise.all([useLink(link?.token ?? ''), useLink(link?.token ?? '')]);
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401]);
  const signedIn = answers.find((answer) => answer.ok);
  const cookie = signedIn === undefined ? '' : cookies(signedIn);
  expect(await actorFrom(new Headers({ cookie }), false)).toMatchObject({
    email: 'ada@example.org',
    role: 'admin',
    via: 'session',
  });
});

test('a link is for ten minutes, and its token is not stored', async () => {
  const link = await makeSignInLink('vera@example.org');
  const { rows } = await db.pool.query<{ minutes: number }>(
    'SELECT extract(epoch FROM expires_at - now())::float / 60 AS minutes FROM sign_in_link WHERE token_hash = $1',
    [tokenHash(link?.token ?? '')],
  );
  expect(rows[0]?.minutes).toBeGreaterThan(9.8);
  expect(rows[0]?.minutes).toBeLessThanOrEqual(10);
  await db.pool.query('UPDATE sign_in_link SET expires_at = now() WHERE token_hash = $1', [
    tokenHash(link?.token ?? ''),
  ]);
  expect((await useLink(link?.token ?? '')).status).toBe(401);
});

test('there is no link for a banned or unknown user', async () => {
  expect(await makeSignInLink('bad@example.org')).toBeNull();
  expect(await makeSignInLink('nobody@example.org')).toBeNull();
});

test('an act reads the role from the database, not from the cookie', async () => {
  const link = await makeSignInLink('vera@example.org');
  const cookie = cookies(await useLink(link?.token ?? ''));
  await db.pool.query(`UPDATE app_user SET role = 'operator' WHERE id = 'vera'`);
  expect((await actorFrom(new Headers({ cookie }), false))?.role).toBe('viewer');
  expect((await actorFrom(new Headers({ cookie }), true))?.role).toBe('operator');
  await db.pool.query(`UPDATE app_user SET banned = true WHERE id = 'vera'`);
  expect(await actorFrom(new Headers({ cookie }), true)).toBeNull();
});

test('an API token is its user; another is nobody', async () => {
  const token = randomBytes(32).toString('base64url');
  await db.pool.query(`INSERT INTO api_token (token_hash, user_id, name) VALUES ($1, 'late', 'cli')`, [
    tokenHash(token),
  ]);
  const bearer = (text: string) => actorFrom(new Headers({ authorization: `Bearer ${text}` }), true);
  expect(await bearer(token)).toMatchObject({ email: 'late@example.org', via: 'token' });
  expect(await bearer(randomBytes(32).toString('base64url'))).toBeNull();
  const { rows } = await db.pool.query('SELECT last_used_at FROM api_token');
  expect(rows[0].last_used_at).not.toBeNull();
});

test('nobody signs up', async () => {
  const signUp = new Request('http://127.0.0.1:3000/api/auth/sign-up/email', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'New', email: 'new@example.org', password: 'a-long-enough-password' }),
  });
  expect((await auth().handler(signUp)).ok).toBe(false);
});
