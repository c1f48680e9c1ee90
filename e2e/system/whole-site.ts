/**
 * A whole site as `./inorder up` runs it, for tests. `up` builds the console in the checkout and takes ports near fixed
 * ones, so two sites that start at the same moment would disturb each other: each test file takes its turn.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { eventually } from '@inorder/testkit/eventually';
import { expect } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Long enough to build the console on a busy machine. */
export const START_TIMEOUT_MS = 400_000;
/** Nobody else wants it: who listens here has the turn, and loses it when its process ends, however that ends. */
const TURN_PORT = 7_399;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLine {
  run(...args: string[]): Ended;
  /** The same, and it must end with 0. @returns its standard output. */
  done(...args: string[]): string;
}

/** `./inorder` with a state folder of its own and nothing of the environment's services. */
export function commandLine(cwd: string, stateFolder: string): CommandLine {
  const run = (...args: string[]): Ended => {
    const { DATABASE_URL: _, REDIS_URL: __, AMQP_URL: ___, ...env } = process.env;
    return spawnSync(process.execPath, [path.join(ROOT, 'apps/cli/src/main.ts'), ...args], {
      encoding: 'utf8',
      cwd,
      env: { ...env, INORDER_STATE_DIR: stateFolder },
      timeout: START_TIMEOUT_MS,
    });
  };
  return {
    run,
    done(...args) {
      const { status, stdout, stderr } = run(...args);
      expect(`${args.join(' ')}: ${status}\n${status === 0 ? '' : stdout + stderr}`).toBe(`${args.join(' ')}: 0\n`);
      return stdout;
    },
  };
}

/** Resolves when no other test file has a site up. */
export function takeTurn(): Promise<AsyncDisposable> {
  return eventually('another test gives the turn up', listen, { withinMs: 2 * START_TIMEOUT_MS, everyMs: 500 });
}

async function listen(): Promise<AsyncDisposable | undefined> {
  const server = net.createServer().listen(TURN_PORT, '127.0.0.1');
  const [error] = await Promise.race([once(server, 'listening'), once(server, 'error')]).catch((e: unknown) => [e]);
  if (error !== undefined) return undefined;
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
