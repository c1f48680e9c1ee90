/**
 * A broker as child processes of this one. Every process is ended by its id. `RunningBroker` modes: UP ⇄ DOWN (stopped or
 * killed, to be started again on the same data) → disposed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerProcess, BrokerSetup } from './broker.ts';

export interface RunningBroker extends AsyncDisposable {
  readonly setup: BrokerSetup;
  /** Of the broker itself. */
  readonly pid: number;
  /** SIGTERM to all, SIGKILL to who does not end in its time. */
  stop(): Promise<void>;
  /** SIGKILL to the broker: no goodbye, no flush. */
  kill(): Promise<void>;
  /** Starts it again, same ports, same data. Resolves when AMQP answers. */
  start(): Promise<void>;
  /** The end of what it wrote. */
  log(): string;
}

/** SASL, version 1.0.0: what every AMQP 1.0 broker answers in kind. */
const SASL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]);
const LOOK_EVERY_MS = 50;

interface Child {
  readonly spec: BrokerProcess;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** Resolves when AMQP answers. @throws with the end of its log when it ends before, or does not answer in time. */
export async function startBroker(setup: BrokerSetup): Promise<RunningBroker> {
  const broker = new Broker(setup);
  await broker.start();
  return broker;
}

class Broker implements RunningBroker {
  readonly setup: BrokerSetup;
  #children: Child[] = [];

  constructor(setup: BrokerSetup) {
    this.setup = setup;
  }

  get pid(): number {
    return this.#main().child.pid ?? 0;
  }

  async start(): Promise<void> {
    const running = new Set(this.#children.filter(isUp).map(({ spec }) => spec.name));
    this.#children = this.#children.filter(isUp);
    for (const spec of this.setup.processes) {
      if (running.has(spec.name)) continue;
      const child = run(spec, this.#logOf(spec));
      this.#children.push(child);
      // Where a test's reaper looks for what it has to end.
      writeFileSync(path.join(this.setup.folder, `${spec.name}.pid`), `${child.child.pid ?? ''}\n`);
      try {
        await ready(child);
      } catch (error) {
        await this.stop();
        throw new Error(`${error instanceof Error ? error.message : String(error)}: ${this.log().slice(-2_000)}`);
      }
    }
  }

  async stop(): Promise<void> {
    for (const each of this.#children.toReversed()) {
      if (!isUp(each)) continue;
      each.child.kill('SIGTERM');
      const patience = new AbortController();
      const late = delay(each.spec.stopTimeoutMs, 'late', { signal: patience.signal, ref: false }).catch(() => 'late');
      if ((await Promise.race([each.ended, late])) === 'late') each.child.kill('SIGKILL');
      patience.abort();
      await each.ended;
    }
  }

  async kill(): Promise<void> {
    const main = this.#main();
    main.child.kill('SIGKILL');
    await main.ended;
  }

  log(): string {
    const main = this.setup.processes.at(-1);
    return main === undefined ? '' : readFileSync(this.#logOf(main), 'utf8').slice(-20_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #main(): Child {
    const name = this.setup.processes.at(-1)?.name;
    const main = this.#children.find(({ spec }) => spec.name === name);
    if (main === undefined) throw new Error(`${this.setup.kind} was not started`);
    return main;
  }

  #logOf(spec: BrokerProcess): string {
    return path.join(this.setup.folder, `${spec.name}.log`);
  }
}

function run(spec: BrokerProcess, log: string): Child {
  const out = openSync(log, 'a', 0o600);
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: { ...process.env, ...spec.env },
    stdio: ['ignore', out, out],
    // A group of its own: Ctrl-C at the terminal is for us, and we stop it in order.
    detached: true,
  });
  closeSync(out);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return { spec, child, ended };
}

function isUp({ child }: Child): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function ready(started: Child): Promise<void> {
  const { spec } = started;
  const untilMs = performance.now() + spec.readyTimeoutMs;
  while (!(await accepts(spec.ready.port))) {
    if (!isUp(started)) throw new Error(`${spec.name} ended before it was ready`);
    if (performance.now() > untilMs) throw new Error(`${spec.name} was not ready within ${spec.readyTimeoutMs} ms`);
    await delay(LOOK_EVERY_MS);
  }
  while (spec.address.startsWith('amqp:') && !(await answersAmqp(spec.ready.port))) {
    if (!isUp(started) || performance.now() > untilMs) throw new Error(`${spec.name} does not answer AMQP 1.0`);
    await delay(LOOK_EVERY_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Whether AMQP 1.0 with SASL is spoken on a port of loopback. */
export function answersAmqp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(SASL_HEADER));
    const answer = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(5_000, () => answer(false));
    socket.once('data', (chunk) => answer(chunk.subarray(0, 5).equals(SASL_HEADER.subarray(0, 5))));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}
