/** Which site doctor looks at: the one that `up` runs here, or the one that the environment names. */
import { existsSync } from 'node:fs';
import { parseSecretKey } from '@inorder/db';
import type { StateFolder } from '../checkout.ts';
import { givenDatabaseUrl, givenRedisUrl } from '../up/given.ts';
import { isRunning } from '../up/identity.ts';
import { type RunFile, readRunFile } from '../up/run-file.ts';
import { loadSecrets } from '../up/secrets.ts';

export interface Subject {
  readonly state: StateFolder;
  /** The run of `up`, if anything of it lives. */
  readonly run: RunFile | undefined;
  readonly databaseUrl: string;
  /** null: none is configured. */
  readonly redisUrl: string | null;
}

/**
 * undefined: nothing runs here and DATABASE_URL names nothing. The environment wins: whoever sets it means it.
 * @throws CommandFailure where DATABASE_URL or REDIS_URL is not a URL of its kind.
 */
export function findSubject(state: StateFolder, env: NodeJS.ProcessEnv): Subject | undefined {
  const found = readRunFile(state.runFile);
  // A run whose supervisor was killed goes on, with nobody to start again what dies.
  const run = found !== undefined && [found.supervisor, ...found.processes].some(isRunning) ? found : undefined;
  const given = givenDatabaseUrl(env) ?? null;
  const databaseUrl = given ?? run?.endpoints.databaseUrl ?? null;
  if (databaseUrl === null) return undefined;
  // Another site than the one that runs here: nothing of the run applies to it.
  const ours = given === null || given === run?.endpoints.databaseUrl ? run : undefined;
  return { state, run: ours, databaseUrl, redisUrl: givenRedisUrl(env) ?? ours?.endpoints.redisUrl ?? null };
}

/** The key of the site's credentials: the environment's, else of the site that runs here; null: neither has one. */
export function secretKeyOf({ state, run }: Subject, env: NodeJS.ProcessEnv): Uint8Array | null {
  const given = text(env['INORDER_SECRET_KEY']);
  try {
    if (given !== null) return parseSecretKey(given);
    return run !== undefined && existsSync(state.secrets) ? parseSecretKey(loadSecrets(state.secrets).secretKey) : null;
  } catch {
    return null;
  }
}

function text(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}
