/**
 * A real engine as a process of its own: started by path, stopped, killed, frozen and thawed by its process id alone.
 * It ends with the process that started it (`engine-leash.ts`), so a killed test run leaves none behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { LaneStatus } from '@inorder/core';
import { ADMIN_SECRET_HEADER, LANES_PATH } from '@inorder/shared';
import { eventually } from './eventually.ts';

const MAIN = path.resolve(import.meta.dirname, '../../../apps/engine/src/main.ts');
const LEASH = pathToFileURL(path.join(import.meta.dirname, 'engine-leash.ts')).href;
const ADMIN_SECRET = 'an-admin-secret-of-tests';
const LOG_LINES_MAX = 5_000;
const STOP_MS_MAX = 30_000;

/** What the tests' sites are sealed with and their engines open them with. It protects nothing. */
export const TEST_SECRET_KEY: Uint8Array = Buffer.alloc(32, 7);

/** Leases so short that a takeover takes seconds; margins in proportion. */
export const SHORT_LEASES: Readonly<Record<string, string>> = {
  INORDER_LEASE_MS: '3000',
  INORDER_LEASE_RENEW_MS: '800',
  INORDER_LEASE_SEND_MARGIN_MS: '1000',
  INORDER_LEASE_CLOSE_MARGIN_MS: '500',
  INORDER_RECONCILE_INTERVAL_MS: '500',
};

export interface EngineProcessOptions {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  /** Default `engine-1`. */
  readonly instance?: string;
  /** Comma-separated words of INORDER_ROLES; default all. */
  readonly roles?: string;
  /** A restarted instance needs the folder it had; default a new one, removed when the engine is disposed of. */
  readonly dataDir?: string;
  /** Where it listens for JMS clients; absent: it does not. */
  readonly amqpPort?: number;
  /** On top of everything else. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One line of the engine's log. */
export type EngineLogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface EngineEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it wrote to standard error. */
  readonly stderr: string;
}

export interface EngineProcess extends AsyncDisposable {
  readonly instance: string;
  readonly pid: number;
  readonly adminUrl: string;
  readonly dataDir: string;
  readonly ended: Promise<EngineEnd>;
  /** The last lines, oldest first. */
  log(): readonly EngineLogLine[];
  /** `/healthz`: 200 while it serves. */
  health(): Promise<number>;
  lanes(): Promise<readonly LaneStatus[]>;
  counters(): Promise<unknown>;
  /** SIGTERM, and the end it makes. @throws when it takes longer than 30 s. */
  stop(): Promise<EngineEnd>;
  /** SIGKILL: no goodbye. */
  kill(): Promise<EngineEnd>;
  /** SIGSTOP: it stands still and knows nothing of it. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** Resolves when it serves. @throws with its last words when it ends before. */
export async function startEngine(options: EngineProcessOptions): Promise<EngineProcess> {
  const run = launch(options);
  const first = await Promise.race([run.serves, run.ended]);
  if (typeof first !== 'string') {
    run.dispose();
    throw new Error(`the engine ended with ${first.code ?? first.signal} before it served: ${first.stderr}`);
  }
  const engine = handle(run, first);
  await eventually('the engine answers /healthz', async () => (await engine.health()) === 200);
  return engine;
}

/** Runs an engine that is expected to end by itself, and says how. @throws when it serves instead. */
export async function engineThatEnds(options: EngineProcessOptions): Promise<EngineEnd> {
  const run = launch(options);
  try {
    const first = await Promise.race([run.serves, run.ended]);
    if (typeof first !== 'string') return first;
    run.child.kill('SIGKILL');
    await run.ended;
    throw new Error('the engine serves although it should have refused to');
  } finally {
    run.dispose();
  }
}

interface Run {
  readonly child: ChildProcess;
  readonly instance: string;
  readonly dataDir: string;
  readonly lines: EngineLogLine[];
  /** The admin URL. */
  readonly serves: Promise<string>;
  readonly ended: Promise<EngineEnd>;
  dispose(): void;
}

function launch(options: EngineProcessOptions): Run {
  const instance = options.instance ?? 'engine-1';
  const dataDir = options.dataDir ?? mkdtempSync(path.join(os.tmpdir(), 'inorder-engine-'));
  mkdirSync(dataDir, { recursive: true });
  const child = spawn(process.execPath, ['--import', LEASH, MAIN], {
    env: environment(options, instance, dataDir),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lines: EngineLogLine[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-8_000);
  });
  let sayServes: (adminUrl: string) => void = () => undefined;
  const serves = new Promise<string>((resolve) => {
    sayServes = resolve;
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = logLine(text);
    lines.push(line);
    if (lines.length > LOG_LINES_MAX) lines.shift();
    if (line.msg === 'engine serves') sayServes(String(line['admin']));
  });
  const ended = new Promise<EngineEnd>((resolve, reject) => {
    child.on('error', reject);
    // close, not exit: by then its last words have been read.
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return {
    child,
    instance,
    dataDir,
    lines,
    serves,
    ended,
    dispose: () => {
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function environment(options: EngineProcessOptions, instance: string, dataDir: string): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return {
    PATH,
    HOME,
    // Its lock's socket, which a kill leaves behind, goes with its folder.
    TMPDIR: dataDir,
    NODE_NO_WARNINGS: '1',
    DATABASE_URL: options.databaseUrl,
    REDIS_URL: options.redisUrl,
    INORDER_INSTANCE: instance,
    INORDER_ROLES: options.roles,
    INORDER_DATA_DIR: dataDir,
    INORDER_ADMIN_PORT: '0',
    INORDER_ADMIN_SECRET: ADMIN_SECRET,
    INORDER_SECRET_KEY: Buffer.from(TEST_SECRET_KEY).toString('base64'),
    INORDER_AMQP_PORT: options.amqpPort === undefined ? undefined : String(options.amqpPort),
    // The Postgres of tests runs without fsync.
    INORDER_UNSAFE: '1',
    ...options.env,
  };
}

function handle(run: Run, adminUrl: string): EngineProcess {
  const { child } = run;
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals): Promise<EngineEnd> => {
    if (!isOver()) child.kill(signal);
    return run.ended;
  };
  const get = async (where: string): Promise<unknown> => {
    const answer = await fetch(`${adminUrl}${where}`, { headers: { [ADMIN_SECRET_HEADER]: ADMIN_SECRET } });
    if (!answer.ok) throw new Error(`the engine's ${where} answered ${answer.status}`);
    return answer.json();
  };
  return {
    instance: run.instance,
    pid: child.pid ?? 0,
    adminUrl,
    dataDir: run.dataDir,
    ended: run.ended,
    log: () => run.lines,
    health: async () => (await fetch(`${adminUrl}/healthz`)).status,
    // Our own engine's answer: it has the shape that the console relies on as well.
    lanes: async () => ((await get(LANES_PATH)) as { lanes: readonly LaneStatus[] }).lanes,
    counters: () => get('/counters'),
    async stop() {
      const patience = new AbortController();
      const late = new Promise<never>((_, reject) => {
        const timer = setTimeout(() => reject(new Error('the engine did not stop in time')), STOP_MS_MAX);
        patience.signal.addEventListener('abort', () => clearTimeout(timer));
      });
      try {
        return await Promise.race([end('SIGTERM'), late]);
      } finally {
        patience.abort();
      }
    },
    kill: () => end('SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      run.dispose();
    },
  };
}

function logLine(text: string): EngineLogLine {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null) return line as EngineLogLine; // pino's: an object with a msg
  } catch {
    // Not the logger's: a crash writes as it likes.
  }
  return { msg: text };
}
