/** The console's production build as a process of its own. It ends with the process that started it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '@inorder/testkit/eventually';
import { freePort } from '@inorder/testkit/services';
import { stateFolder } from '../../apps/cli/src/checkout.ts';
import { ensureConsole } from '../../apps/cli/src/up/console-build.ts';
import { PROGRAMS } from '../../apps/cli/src/up/site.ts';

const LEASH = pathToFileURL(path.resolve(import.meta.dirname, '../../packages/testkit/src/engine-leash.ts')).href;

export interface ConsoleProcess extends AsyncDisposable {
  readonly url: string;
  signal(name: NodeJS.Signals): void;
  /** Its exit code; null after a signal that it did not take. */
  readonly ended: Promise<number | null>;
}

/** The build's server; it is built first when its sources have changed. `INORDER_E2E_CONSOLE` names one that stands. */
export async function builtConsole(): Promise<string> {
  const given = process.env['INORDER_E2E_CONSOLE'];
  if (given !== undefined && given !== '') return given;
  process.stderr.write('e2e: the console is built if its sources have changed (a minute or two)\n');
  await ensureConsole(stateFolder());
  return PROGRAMS.console;
}

/** Resolves when it shows its sign-in page. `log` takes what it writes. */
export async function startConsole(
  server: string,
  env: Readonly<Record<string, string>>,
  log: string,
): Promise<ConsoleProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['--import', LEASH, server], {
    cwd: path.dirname(server),
    env: {
      PATH,
      HOME,
      TMPDIR,
      NODE_ENV: 'production',
      NODE_NO_WARNINGS: '1',
      PORT: String(port),
      HOSTNAME: '127.0.0.1',
      INORDER_CONSOLE_URL: url,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const console: ConsoleProcess = {
    url,
    signal: (name) => void child.kill(name),
    ended: new Promise((resolve) => child.once('exit', resolve)),
    async [Symbol.asyncDispose]() {
      await end(child);
      file.end();
    },
  };
  const early = console.ended.then((code): never => {
    throw new Error(`the console ended with ${code ?? 'a signal'} before it showed anything; see ${log}`);
  });
  // Its end after the start is news for whoever waits for it there.
  early.catch(() => undefined);
  try {
    const shows = eventually('the console shows its sign-in page', async () => (await fetch(`${url}/sign-in`)).ok, {
      withinMs: 60_000,
    });
    // Where it has ended nobody waits for its page any more.
    shows.catch(() => undefined);
    await Promise.race([shows, early]);
    return console;
  } catch (error) {
    await console[Symbol.asyncDispose]();
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  // Open event streams would make a polite end take their time.
  child.kill('SIGKILL');
  await gone;
}
