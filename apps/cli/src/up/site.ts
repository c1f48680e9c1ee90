/**
 * What `up` runs, as data: from the settings, the ports that were picked and the secrets to a list of processes. The
 * environment variables named here are the contract with the engine's, the console's and the simulator's configuration.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ROOT, type StateFolder } from '../checkout.ts';
import type { EngineInstance } from './layout.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { Secrets } from './secrets.ts';

/** Ports that are tried first. */
export const WANTED_PORTS = {
  console: 7400,
  engineAdmin: 7410,
  postgres: 7432,
  redis: 7479,
  amqp: 7472,
  broker: 7473,
  lis: 7481,
  fhirLis: 7487,
  control: 7490,
} as const;

/** Ten engines at once on a machine that is busy; one that ends by itself is noticed at once. */
const START_MS_MAX = 60_000;

/** Parts of the checkout that a process is started from; a part that is missing is named and left out. */
export const PROGRAMS = {
  engine: path.join(ROOT, 'apps/engine/src/main.ts'),
  console: path.join(ROOT, 'apps/web/.next/standalone/apps/web/server.js'),
  simulator: path.join(ROOT, 'apps/simulator/src/main.ts'),
} as const;

export function isPresent(program: keyof typeof PROGRAMS): boolean {
  return existsSync(PROGRAMS[program]);
}

/** Everything the processes have to agree on. */
export interface Site {
  readonly state: StateFolder;
  readonly secrets: Secrets;
  readonly databaseUrl: string;
  /** null: no Redis; the engine then uses Postgres alone. */
  readonly redisUrl: string | null;
  readonly consolePort: number;
  readonly engines: readonly Engine[];
  /** Of our own listener. */
  readonly amqpPort: number;
}

/** One engine process. */
export interface Engine extends EngineInstance {
  readonly adminPort: number;
}

export function consoleAddress(site: Site): string {
  return `http://127.0.0.1:${site.consolePort}`;
}

export function engineAdminAddress(port: number): string {
  return `http://127.0.0.1:${port}`;
}

export function redisProcess(state: StateFolder, redisServer: string, port: number): ProcessSpec {
  // What it holds can be lost at any moment (the truth is in Postgres), so it writes nothing.
  const settings = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    state.path,
    '--save',
    '',
    '--appendonly',
    'no',
    '--maxmemory-policy',
    'noeviction',
  ];
  return {
    name: 'redis',
    command: redisServer,
    args: settings,
    cwd: state.path,
    env: {},
    ready: { kind: 'tcp', port },
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 5_000,
    address: `redis://127.0.0.1:${port}`,
  };
}

export function engineProcess(site: Site, { name, roles, listens, adminPort }: Engine): ProcessSpec {
  return {
    name,
    kind: 'engine',
    command: process.execPath,
    args: [PROGRAMS.engine],
    cwd: ROOT,
    env: {
      ...sharedEnvironment(site),
      INORDER_INSTANCE: name,
      INORDER_ROLES: roles.join(','),
      INORDER_ADMIN_PORT: `${adminPort}`,
      // One listener for all: the others take what the stages hand on, and read from brokers.
      INORDER_AMQP_PORT: listens ? `${site.amqpPort}` : undefined,
      INORDER_DATA_DIR: path.join(site.state.path, name),
    },
    ready: { kind: 'http', url: `${engineAdminAddress(adminPort)}/healthz` },
    readyTimeoutMs: START_MS_MAX,
    // It drains, settles and gives its shards back, and gives itself up after 30 s (STOP_MS_MAX).
    stopTimeoutMs: 35_000,
    address: engineAdminAddress(adminPort),
  };
}

export function consoleProcess(site: Site): ProcessSpec {
  return {
    name: 'console',
    command: process.execPath,
    args: [PROGRAMS.console],
    cwd: path.dirname(PROGRAMS.console),
    env: {
      ...sharedEnvironment(site),
      PORT: `${site.consolePort}`,
      HOSTNAME: '127.0.0.1',
      INORDER_CONSOLE_URL: consoleAddress(site),
      INORDER_AUTH_SECRET: site.secrets.authSecret,
      // Nobody stands in front of it who would have to notice first.
      INORDER_DRAIN_MS: '0',
    },
    ready: { kind: 'http', url: `${consoleAddress(site)}/sign-in` },
    readyTimeoutMs: START_MS_MAX,
    stopTimeoutMs: 10_000,
    address: consoleAddress(site),
  };
}

export function simulatorProcess(controlPort: number, configFile: string): ProcessSpec {
  return {
    name: 'simulator',
    command: process.execPath,
    args: [PROGRAMS.simulator, 'demo', '--config', configFile],
    cwd: ROOT,
    env: { NODE_ENV: 'production' },
    ready: { kind: 'tcp', port: controlPort },
    readyTimeoutMs: 30_000,
    stopTimeoutMs: 5_000,
    address: `http://127.0.0.1:${controlPort}`,
  };
}

function sharedEnvironment(site: Site): Record<string, string | undefined> {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: site.databaseUrl,
    REDIS_URL: site.redisUrl ?? undefined,
    INORDER_ADMIN_SECRET: site.secrets.adminSecret,
    INORDER_SECRET_KEY: Buffer.from(site.secrets.secretKey, 'hex').toString('base64'),
  };
}
