/**
 * The JMS client of e2e/jms-client (Apache Qpid JMS) as a process of its own. Built once by Maven, in a folder named by
 * its sources under `.inorder/jms-client`; ends with the process that started it.
 *
 * Settings: `INORDER_JMS_CLIENT_DIR` where builds are kept · `INORDER_MAVEN_REPOSITORY` Maven's local repository, default
 * Maven's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const SOURCES = path.resolve(import.meta.dirname, '../../../e2e/jms-client');
const BUILDS = path.resolve(import.meta.dirname, '../../../.inorder/jms-client');
const BUILD_MS_MAX = 300_000;
const STDERR_MAX = 8_000;
/** Programs of the machine, not of a package. */
const PROGRAMS = { java: 'java', maven: 'mvn' } as const;

/** Options of the program by their names without the dashes; true stands for a flag. */
export type JmsOptions = Readonly<Record<string, string | number | boolean | undefined>>;

/** An exception as the Java application saw it. */
export interface JmsFailure {
  readonly during: string;
  readonly class: string;
  readonly message: string;
  readonly isJmsException: boolean;
  readonly cause: string | null;
  /** Of the message it was for; absent where it was for all. */
  readonly controlId?: string;
}

export interface ReceivedJmsMessage {
  readonly messageId: string | null;
  readonly correlationId: string | null;
  readonly persistent: boolean;
  /** 0: never. */
  readonly expiresInMs: number;
  readonly redelivered: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly text: string | null;
}

/** What `send` says of itself. */
export interface JmsSendResult {
  /** Calls of send, repeats included. */
  readonly sent: number;
  readonly confirmed: number;
  /** Refused by the peer, each for itself; the first ten in `failures`. */
  readonly failed: number;
  /** Nobody knows; 0 where the run came to its end. */
  readonly open: number;
  readonly rolledBack: number;
  /** Connections opened by the program; those that Qpid JMS reopens by itself (`failover:`) are not counted. */
  readonly connections: number;
  readonly ms: number;
  readonly failures: readonly JmsFailure[];
  /** null: none were asked for. */
  readonly replies: JmsReplies | null;
  /** What ended the run before its end. */
  readonly error: JmsFailure | null;
}

export interface JmsReplies {
  readonly received: number;
  /** Messages that have at least one reply, by its correlation id. */
  readonly answered: number;
  readonly unanswered: number;
  /** Replies beyond the first of a message. */
  readonly repeated: number;
  /** Replies to nothing that was sent. */
  readonly foreign: number;
  /** By the property `inorderOutcome`. */
  readonly byOutcome: Readonly<Record<string, number>>;
  /** The first five. */
  readonly samples: readonly ReceivedJmsMessage[];
}

export interface JmsReceiveResult {
  readonly messages: readonly ReceivedJmsMessage[];
  readonly error?: JmsFailure;
}

export interface JmsProgress {
  readonly sent: number;
  readonly confirmed: number;
  readonly connections: number;
}

/** A run under way. Disposing of it kills it. */
export interface JmsSendRun extends AsyncDisposable {
  /** @throws with the last of standard error where it ended without a result. */
  readonly result: Promise<JmsSendResult>;
  /** The last that it said of itself; a fifth of a second old at most while it works. */
  progress(): JmsProgress;
}

export interface JavaClient {
  /** Runs to the end. */
  send(options: JmsOptions): Promise<JmsSendResult>;
  /** Starts, and says how far it is. */
  start(options: JmsOptions): JmsSendRun;
  receive(options: JmsOptions): Promise<JmsReceiveResult>;
}

/**
 * The Java client, built where it is not yet. undefined where Java or Maven is missing: skip by name,
 * `test.skipIf(java === undefined)`. @throws under CI=true when they are, and wherever the build fails.
 */
export async function testJavaClient(): Promise<JavaClient | undefined> {
  const missing = await missingProgram();
  if (missing === undefined) return clientOf(await built());
  const reason = `no ${missing} on PATH`;
  if (process.env['CI'] === 'true') throw new Error(`Tests of the JMS client cannot run: ${reason}`);
  process.stderr.write(`skipped: tests of the JMS client (${reason})\n`);
  return undefined;
}

async function missingProgram(): Promise<string | undefined> {
  for (const program of Object.values(PROGRAMS)) {
    const end = await ended(spawn(program, ['-version'], { stdio: 'ignore' })).catch(() => undefined);
    if (end?.code !== 0) return program;
  }
  return undefined;
}

/** @returns the folder with the jar and, in `lib`, what it needs. */
async function built(): Promise<string> {
  const builds = process.env['INORDER_JMS_CLIENT_DIR'] ?? BUILDS;
  const folder = path.join(builds, hashOfSources());
  if (existsSync(folder)) return folder;
  mkdirSync(builds, { recursive: true });
  const building = mkdtempSync(path.join(builds, 'building-'));
  try {
    const repository = process.env['INORDER_MAVEN_REPOSITORY'] ?? '';
    const maven = spawn(
      PROGRAMS.maven,
      [
        ...['--batch-mode', '--quiet', '--strict-checksums', '-f', path.join(SOURCES, 'pom.xml')],
        `-Dinorder.build=${building}`,
        ...(repository === '' ? [] : [`-Dmaven.repo.local=${repository}`]),
        'package',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], timeout: BUILD_MS_MAX },
    );
    const end = await ended(maven);
    if (end.code !== 0) throw new Error(`Maven could not build the JMS client: ${end.output.slice(-2_000)}`);
    // In one step, so that the folder is either absent or whole; another process may have been first.
    if (!existsSync(folder)) renameSync(building, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return folder;
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  const files = readdirSync(SOURCES, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files.map((entry) => path.join(entry.parentPath, entry.name)).sort()) {
    hash.update(path.relative(SOURCES, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

function clientOf(folder: string): JavaClient {
  const classPath = `${path.join(folder, 'jms-client.jar')}:${path.join(folder, 'lib', '*')}`;
  const launch = (mode: string, options: JmsOptions): ChildProcess => {
    const given = Object.entries(options).flatMap(([name, value]) =>
      value === undefined || value === false ? [] : value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    const arguments_ = ['-Xmx256m', '-cp', classPath, 'inorder.jms.Main', mode, '--leash', ...given];
    return spawn(PROGRAMS.java, arguments_, { stdio: ['pipe', 'pipe', 'pipe'] });
  };
  const start = (options: JmsOptions): JmsSendRun => {
    const child = launch('send', { ...options, progress: true });
    let progress: JmsProgress = { sent: 0, confirmed: 0, connections: 0 };
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        // Our own program's: what is no progress is an exception's trace, which the result tells of.
        if (line.startsWith('{"sent"')) progress = JSON.parse(line) as JmsProgress;
      });
    }
    const result = resultOf<JmsSendResult>(child);
    // Whoever awaits it hears of it; a run that is disposed of is not awaited.
    result.catch(() => undefined);
    return {
      result,
      progress: () => progress,
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL');
        await result.catch(() => undefined);
      },
    };
  };
  return {
    start,
    send: (options) => start(options).result,
    receive: (options) => resultOf<JmsReceiveResult>(launch('receive', options)),
  };
}

/** The one line of JSON; its shape is that of our own program. */
async function resultOf<T>(child: ChildProcess): Promise<T> {
  let line = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    line += chunk.toString();
  });
  const { code, output } = await ended(child, false);
  if (!line.startsWith('{')) throw new Error(`the JMS client ended with ${code} and no result: ${output}`);
  return JSON.parse(line) as T;
}

function ended(child: ChildProcess, withOutput = true): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-STDERR_MAX);
    };
    child.stderr?.on('data', keep);
    if (withOutput) child.stdout?.on('data', keep);
    child.on('error', reject);
    // close, not exit: by then its last words have been read.
    child.on('close', (code) => resolve({ code, output }));
  });
}
