/**
 * Postgres refuses to run as root. Where we are root, its programs run as another account; this file finds that
 * account and tells what it can reach.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Who the server's programs run as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account for a data folder, or undefined when we are not root and simply run as ourselves.
 * A folder that already holds a cluster keeps its owner: the server starts for nobody else.
 */
export function serverAccount(dataDir: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(path.join(dataDir, 'PG_VERSION'), { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  const known = findAccount('postgres') ?? findAccount('_postgres') ?? findAccount('inorder');
  if (known !== undefined) return known;
  // Several clones may do this at once; whoever loses the race finds the account of the winner.
  spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'inorder'], {
    stdio: 'ignore',
  });
  const made = findAccount('inorder') ?? findAccount('nobody');
  if (made === undefined) throw new Error('running as root, and there is no account that Postgres could run as');
  return made;
}

/** Whether the account may do what `flags` of test(1) says (r, w, x) with the path; asked of the system, not computed. */
export function accountCan(account: Account, flags: readonly ('r' | 'w' | 'x')[], target: string): boolean {
  const script = flags.map((flag) => `test -${flag} "$1"`).join(' && ');
  const { status } = spawnSync('/bin/sh', ['-c', script, 'sh', target], {
    uid: account.uid,
    gid: account.gid,
    cwd: '/',
    stdio: 'ignore',
  });
  return status === 0;
}

function findAccount(name: string): Account | undefined {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [login, , uid, gid] = line.split(':');
    // macOS writes nobody as -2, which setuid does not take.
    if (login === name && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
