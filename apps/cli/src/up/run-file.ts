/**
 * `.inorder/run.json`: who runs. Written by the supervisor alone; read by the next `up`, `down` and `status`.
 *
 * **Invariant:** the file names every process the supervisor started before that process can be forgotten: it is written
 * right after each start. A supervisor that was killed therefore leaves nothing that cannot be found.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { endProcess, isRunning, type ProcessIdentity } from './identity.ts';

const identityShape = { pid: z.int().positive(), startTime: z.string() };

const runFileSchema = z.object({
  supervisor: z.object(identityShape),
  /** Epoch milliseconds, for people. */
  startedAt: z.number(),
  /** Everything answered once. */
  ready: z.boolean(),
  processes: z.array(
    z.object({
      name: z.string(),
      address: z.string().nullable(),
      // A run of an earlier version must still be found, and ended.
      kind: z.literal('engine').nullable().default(null),
      ...identityShape,
    }),
  ),
  /** The data folder of the embedded Postgres, which has a lock file of its own; null with DATABASE_URL. */
  embeddedPostgres: z.string().nullable(),
  /** Where other commands find things; null when that part is off. */
  endpoints: z.object({
    console: z.string().nullable(),
    engineAdmin: z.string().nullable(),
    simulatorControl: z.string().nullable(),
    databaseUrl: z.string().nullable(),
    /** The one of REDIS_URL too, which is no process of ours. */
    redisUrl: z.string().nullable().default(null),
  }),
});

export type RunFile = z.infer<typeof runFileSchema>;

/** Said where the rest of a run is there and its supervisor is not. */
export const SUPERVISOR_GONE =
  'the supervisor was killed: what ends now is not started again. inorder up ends what is left and starts anew; inorder down ends it';

/** How long a process of a killed run may take to end before it is killed: longer than an engine gives itself. */
const STALE_STOP_TIMEOUT_MS = 35_000;

/** undefined when there is none, or what is there is not one (a disk that was full). */
export function readRunFile(file: string): RunFile | undefined {
  try {
    return runFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Replaces the file whole, so a reader never sees half of it. It holds the database's password: mode 600. */
export function writeRunFile(file: string, content: RunFile): void {
  renameSync(draft(file, content), file);
}

export type Claim =
  | { readonly kind: 'claimed'; readonly cleared: readonly string[]; readonly run: RunFile }
  | { readonly kind: 'running'; readonly run: RunFile };

/**
 * Makes this process the supervisor of a state folder, or tells which one runs. What a killed run left is ended first,
 * the last started first.
 */
export async function claimRun(file: string, fresh: RunFile): Promise<Claim> {
  mkdirSync(path.dirname(file), { recursive: true });
  const cleared: string[] = [];
  let content = fresh;
  for (;;) {
    const mine = draft(file, content);
    try {
      linkSync(mine, file); // Fails when the file exists: two `up` at once cannot both win.
      return { kind: 'claimed', cleared, run: content };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      rmSync(mine, { force: true });
    }
    const other = readRunFile(file);
    if (other !== undefined && isRunning(other.supervisor)) return { kind: 'running', run: other };
    if (other !== undefined) {
      cleared.push(...(await endLeftovers(other)));
      // Its Postgres is adopted later, and until then must not be forgotten.
      content = { ...content, embeddedPostgres: other.embeddedPostgres };
    }
    rmSync(file, { force: true });
  }
}

/** Ends the processes a run file names, in reverse order. @returns the names of those that still ran. */
export async function endLeftovers(run: RunFile): Promise<string[]> {
  const ended: string[] = [];
  for (const left of run.processes.toReversed()) {
    if (await endProcess(left, STALE_STOP_TIMEOUT_MS)) ended.push(left.name);
  }
  return ended;
}

/** The content of a run that has just begun. */
export function newRun(supervisor: ProcessIdentity, startedAt: number): RunFile {
  return {
    supervisor,
    startedAt,
    ready: false,
    processes: [],
    embeddedPostgres: null,
    endpoints: { console: null, engineAdmin: null, simulatorControl: null, databaseUrl: null, redisUrl: null },
  };
}

function draft(file: string, content: RunFile): string {
  const name = `${file}.${process.pid}`;
  writeFileSync(name, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  return name;
}
