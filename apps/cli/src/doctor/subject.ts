/** Which site doctor looks at: the one that `up` runs here, or the one that the environment names. */
import { existsSync } from 'node:fs';
import { parseSecretKey } from '@inorder/db';
import type { StateFolder } from '../checkout.ts';
import { isRunning } from '../up/identity.ts';
import { type RunFile, readRunFile } from '../up/run-file.ts';
import { loadSecrets } from '../up/secrets.ts';

export interface Subject {
  readonly state: StateFolder;
  /** The run of `up`, if its supervisor lives. */
  readonly run: RunFile | undefined;
  readonly databaseUrl: string;
  /** null: none is configured. */
  readonly redisUrl: string | null;
}

/** undefined: nothing runs here and DATABASE_URL names nothing. The environment wins: whoever sets it means it. */
export function findSubject(state: StateFolder, env: NodeJS.ProcessEnv): Subject | undefined {
  const found = readRunFile(state.runFile);
  const run = found !== undefined && isRunning(found.supervisor) ? found : undefined;
  const given = text(env['DATABASE_URL']);
  const databaseUrl = given ?? run?.endpoints.databaseUrl ?? null;
  if (databaseUrl === null) return undefined;
  // Another site than the one that runs here: nothing of the run applies to it.
  const ours = given === null || given === run?.endpoints.databaseUrl ? run : undefined;
  const started = ours?.processes.find((process) => process.name === 'redis')?.address ?? null;
  return { state, run: ours, databaseUrl, redisUrl: text(env['REDIS_URL']) ?? started };
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
