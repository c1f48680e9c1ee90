/**
 * Starts processes, watches them, ends them.
 *
 * A process is STARTING until its ready check passes, then UP. When it ends by itself it is started again, at most
 * `RESTARTS_MAX` times in a minute, then it stays DOWN and the others go on. STOPPING ends the list in reverse order, one
 * after the other, so that nobody loses what it depends on; neighbours of one kind are ended at once.
 *
 * **Invariant:** every child runs in a session of its own: Ctrl-C reaches the supervisor only, which keeps the order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, identify, isRunning, type ProcessIdentity } from './identity.ts';
import type { LogFolder } from './logs.ts';
import { answers } from './ports.ts';
import type { ProcessSpec, ReadyCheck } from './process-spec.ts';

const RESTARTS_MAX = 5;
const RESTART_WINDOW_MS = 60_000;
const RESTART_DELAY_MS = 1_000;
const READY_POLL_MS = 25;
const READY_POLL_MS_MAX = 500;

export interface SupervisedProcess extends ProcessIdentity {
  readonly name: string;
  readonly address: string | null;
  /** null: it is the only one of its kind. */
  readonly kind: 'engine' | null;
}

export interface SupervisorOptions {
  readonly logs: LogFolder;
  readonly say: (line: string) => void;
  /** Called after each change of who runs, before anything else happens (see run-file.ts). */
  readonly onChange: (processes: readonly SupervisedProcess[]) => void;
  readonly restartDelayMs?: number;
}

interface Supervised {
  readonly spec: ProcessSpec;
  child: ChildProcess;
  identity: ProcessIdentity;
  /** performance.now() of the restarts within the window. */
  restarts: number[];
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #processes: Supervised[] = [];
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts a process and waits until it is ready. @throws with the end of its log when it ends or takes too long. */
  async start(spec: ProcessSpec): Promise<void> {
    if (this.#stopping) throw new Error('stopping');
    const supervised = await this.#spawn(spec);
    const deadline = performance.now() + spec.readyTimeoutMs;
    for (let pollMs = READY_POLL_MS; !(await isReady(spec.ready)); pollMs = Math.min(pollMs * 1.5, READY_POLL_MS_MAX)) {
      const ended = !isRunning(supervised.identity);
      if (!ended && performance.now() < deadline) {
        await delay(pollMs);
        continue;
      }
      const why = ended
        ? 'ended before it was ready'
        : `was not ready after ${Math.round(spec.readyTimeoutMs / 1_000)} s`;
      await this.#forget(supervised);
      throw new Error(
        `${spec.name} ${why}; its log (${this.#options.logs.fileOf(spec.name)}) ends:\n${this.#options.logs.tail(spec.name, 12)}`,
      );
    }
    this.#watch(supervised);
  }

  /** Ends everything, the last started first. */
  async stop(onEach?: (names: readonly string[]) => void): Promise<void> {
    this.#stopping = true;
    for (const batch of batches(this.#processes.toReversed())) {
      onEach?.(batch.map(({ spec }) => spec.name));
      await Promise.all(batch.map((supervised) => this.#forget(supervised)));
    }
  }

  async #spawn(spec: ProcessSpec): Promise<Supervised> {
    const child = await this.#launch(spec);
    const supervised: Supervised = { spec, child, identity: identityOf(child), restarts: [] };
    this.#processes.push(supervised);
    this.#changed();
    // A stop that began while the process was being started has not seen it.
    if (this.#stopping) await this.#forget(supervised);
    return supervised;
  }

  #launch(spec: ProcessSpec): Promise<ChildProcess> {
    const log = this.#options.logs.open(spec.name);
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    return new Promise((resolve, reject) => {
      child.on('spawn', () => resolve(child));
      child.on('error', (cause) => reject(new Error(`${spec.name} could not be started: ${cause.message}`, { cause })));
    });
  }

  #watch(supervised: Supervised): void {
    const { child, spec } = supervised;
    const onEnd = (): void => {
      if (this.#stopping || supervised.child !== child) return;
      this.#restart(supervised).catch((error: unknown) => {
        // It stays in the list, so that status and doctor show that it is missing.
        this.#options.say(`${spec.name} stays down: ${error instanceof Error ? error.message : String(error)}`);
      });
    };
    if (child.exitCode === null && child.signalCode === null) child.once('exit', onEnd);
    else onEnd();
  }

  async #restart(supervised: Supervised): Promise<void> {
    const { spec, child } = supervised;
    const now = performance.now();
    supervised.restarts = [...supervised.restarts.filter((at) => at > now - RESTART_WINDOW_MS), now];
    const why = child.signalCode === null ? `code ${child.exitCode ?? '?'}` : child.signalCode;
    if (supervised.restarts.length > RESTARTS_MAX)
      throw new Error(
        `it ended ${RESTARTS_MAX + 1} times within a minute (${why}); see ${this.#options.logs.fileOf(spec.name)}`,
      );
    this.#options.say(`${spec.name} ended (${why}); starting it again`);
    await delay(this.#options.restartDelayMs ?? RESTART_DELAY_MS);
    if (this.#stopping) return;
    const next = await this.#launch(spec);
    supervised.child = next;
    supervised.identity = identityOf(next);
    this.#changed();
    // A stop that began while the process was being started has not seen it.
    if (this.#stopping) await endProcess(supervised.identity, spec.stopTimeoutMs);
    else this.#watch(supervised);
  }

  async #forget(supervised: Supervised): Promise<void> {
    await endProcess(supervised.identity, supervised.spec.stopTimeoutMs);
    this.#drop(supervised);
  }

  #drop(supervised: Supervised): void {
    const index = this.#processes.indexOf(supervised);
    if (index >= 0) this.#processes.splice(index, 1);
    this.#changed();
  }

  #changed(): void {
    this.#options.onChange(
      this.#processes.map(({ spec, identity }) => ({
        name: spec.name,
        address: spec.address,
        kind: spec.kind ?? null,
        ...identity,
      })),
    );
  }
}

/** Whether a ready check passes now. */
export async function isReady(check: ReadyCheck): Promise<boolean> {
  if (check.kind === 'tcp') return answers(check.port);
  try {
    const response = await fetch(check.url, { signal: AbortSignal.timeout(2_000), redirect: 'manual' });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Neighbours of one kind together, everything else alone. */
function batches(processes: readonly Supervised[]): Supervised[][] {
  const found: Supervised[][] = [];
  for (const supervised of processes) {
    const last = found.at(-1);
    const kind = supervised.spec.kind;
    if (last !== undefined && kind !== undefined && last[0]?.spec.kind === kind) last.push(supervised);
    else found.push([supervised]);
  }
  return found;
}

function identityOf(child: ChildProcess): ProcessIdentity {
  const pid = child.pid ?? 0;
  // Gone already: keep its id with a start time that matches nothing.
  return identify(pid) ?? { pid, startTime: 'ended' };
}
