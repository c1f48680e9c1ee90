/**
 * One run of the site while it lasts: what is wanted of it, what was started so far, its run file, and its end in reverse
 * order. What is started when: `start-site.ts`.
 *
 * **Invariant:** what was started is in the run file before anything else happens, so that a run that is killed leaves
 * nothing that cannot be found (run-file.ts).
 */
import { rmSync } from 'node:fs';
import { stopEmbeddedPostgres } from '@inorder/db/embedded';
import type { StateFolder } from '../checkout.ts';
import type { Progress } from '../steps.ts';
import type { GivenServers } from './given.ts';
import type { Layout } from './layout.ts';
import { openLogFolder } from './logs.ts';
import { PortPicker } from './ports.ts';
import type { ProcessSpec } from './process-spec.ts';
import { watchReplays } from './replay-witness.ts';
import { type RunFile, writeRunFile } from './run-file.ts';
import type { StopRequest } from './stop-request.ts';
import { Supervisor } from './supervisor.ts';

export interface UpOptions {
  /** Forget all data first. */
  readonly fresh: boolean;
  /** Seed the demonstration site and run the simulator. */
  readonly demo: boolean;
  /** Orders per second of the demonstration. */
  readonly rate: number;
  /** Interfaces of the demonstration site. */
  readonly interfaces: number;
  /** Real Redis and a real JMS broker; of what the environment does not name, ours. */
  readonly distributed: boolean;
  /** Engine processes; in the split layout of each kind. */
  readonly instances: number;
  readonly layout: Layout;
}

interface Beginning {
  readonly options: UpOptions;
  readonly state: StateFolder;
  readonly given: GivenServers;
  readonly progress: Progress;
  readonly stop: StopRequest;
  /** As it was claimed. */
  readonly file: RunFile;
}

export class Run {
  readonly options: UpOptions;
  readonly state: StateFolder;
  readonly given: GivenServers;
  readonly progress: Progress;
  readonly ports: PortPicker;
  readonly #stop: StopRequest;
  readonly #supervisor: Supervisor;
  readonly #logs: ReturnType<typeof openLogFolder>;
  #file: RunFile;
  #replays: ReturnType<typeof watchReplays> | undefined;

  constructor({ options, state, given, progress, stop, file }: Beginning) {
    this.options = options;
    this.state = state;
    this.given = given;
    this.progress = progress;
    this.ports = new PortPicker(progress.say);
    this.#stop = stop;
    this.#file = file;
    this.#logs = openLogFolder(state.logs);
    this.#supervisor = new Supervisor({
      logs: this.#logs,
      say: progress.say,
      onChange: (processes) => this.record({ processes: [...processes] }),
    });
  }

  get endpoints(): RunFile['endpoints'] {
    return this.#file.endpoints;
  }

  get isStopping(): boolean {
    return this.#stop.isRequested;
  }

  /** A step that is given up as soon as a stop is asked for; what it started is then ended by `stop`. */
  step<T>(title: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T> {
    return this.progress.step(title, () => this.#stop.orElse(work), detail);
  }

  /** Starts a process and waits until it is ready. @throws with the end of its log when it ends or takes too long. */
  startProcess(spec: ProcessSpec): Promise<void> {
    return this.#supervisor.start(spec);
  }

  /** Late replays are told to the simulator from here on. */
  watchReplays(databaseUrl: string, controlUrl: string): void {
    this.#replays = watchReplays(databaseUrl, controlUrl);
  }

  record(change: Partial<RunFile>): void {
    this.#file = { ...this.#file, ...change };
    writeRunFile(this.state.runFile, this.#file);
  }

  recordEndpoints(change: Partial<RunFile['endpoints']>): void {
    this.record({ endpoints: { ...this.#file.endpoints, ...change } });
  }

  /** Ends everything in reverse order and forgets the run. Also called after a start that failed half way. */
  async stop(): Promise<void> {
    await this.#replays?.stop();
    await this.#supervisor.stop((names) => this.progress.say(`stopping ${names.join(', ')}`));
    if (this.#file.embeddedPostgres !== null) {
      this.progress.say('stopping postgres');
      await stopEmbeddedPostgres(this.#file.embeddedPostgres);
    }
    this.#logs.close();
    rmSync(this.state.runFile, { force: true });
  }
}
