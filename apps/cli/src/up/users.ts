/** The first users of a site, and the token that the other commands act with (`.inorder/cli-token`, mode 600). */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bootstrapUsers, createApiToken, hashToken } from '@inorder/db';
import type pg from 'pg';
import type { StateFolder } from '../checkout.ts';

export type FirstUsers =
  /** Made now; their passwords are in `file`, once. */
  | { readonly made: number; readonly file: string }
  | { readonly made: 0; readonly token: 'kept' | 'new' }
  /** There are users, and the administrator of the first start is none of them: this machine gets no token. */
  | { readonly made: 0; readonly token: 'none' };

const ADMINISTRATOR = 'admin@inorder.example';

/** Where the passwords of the first users are, until somebody deletes it. */
export function firstUsersFile(state: StateFolder): string {
  return path.join(state.path, 'first-users.txt');
}

/** Makes the first users of an empty database, and sees to it that this state folder has a token that works. */
export async function ensureUsers(pool: pg.Pool, state: StateFolder, demo: boolean): Promise<FirstUsers> {
  const kept = readToken(state);
  if (kept !== undefined && (await isKnown(pool, kept))) return { made: 0, token: 'kept' };
  const first = await bootstrapUsers(pool, { demo });
  if (first !== null) {
    const file = firstUsersFile(state);
    const lines = first.users.map(({ email, role, password }) => `${email}  ${password}  (${role})`);
    writePrivate(file, `${lines.join('\n')}\n`);
    writePrivate(state.cliToken, `${first.apiToken}\n`);
    return { made: first.users.length, file };
  }
  const token = await createApiToken(pool, ADMINISTRATOR, 'inorder up', 'system');
  if (token === null) {
    rmSync(state.cliToken, { force: true });
    return { made: 0, token: 'none' };
  }
  writePrivate(state.cliToken, `${token}\n`);
  return { made: 0, token: 'new' };
}

/** undefined when this state folder has none. */
export function readToken(state: StateFolder): string | undefined {
  try {
    const token = readFileSync(state.cliToken, 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined;
  }
}

async function isKnown(pool: pg.Pool, token: string): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT 1 FROM api_token WHERE token_hash = $1', [hashToken(token)]);
  return rowCount === 1;
}

function writePrivate(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
