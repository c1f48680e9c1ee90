/** A broker's own folder: readable by this account only, with the login it was made with. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BrokerLogin } from './broker.ts';

const USERNAME = 'inorder';

/** Writes a file that only this account reads. */
export function writePrivate(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600 });
  // The mode above holds for new files only.
  chmodSync(file, 0o600);
}

export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** The login of the folder; a new one where there is none, so that a restart on the same data lets the same clients in. */
export function loginOf(folder: string): BrokerLogin {
  const file = path.join(folder, 'password');
  if (!existsSync(file)) writePrivate(file, randomBytes(24).toString('hex'));
  return { username: USERNAME, password: readFileSync(file, 'utf8').trim() };
}
