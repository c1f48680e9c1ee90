/**
 * What must be done now and then by some instance, no matter which: retention, partitions, the invariant check. This port
 * only says "now"; whether a job is due decides its `maintenance_run` row in Postgres, inside `run`, so being called
 * twice or by several instances at once is harmless.
 */
import type { Clock } from '@inorder/core';
import type { Logger } from 'pino';

export interface JobScheduler {
  /**
   * Calls `run` soon, and about every `everyMs` from then on, never twice at a time in this process. A rejection is
   * logged; the job runs again at its next time. With several instances at least one of them calls.
   * @throws RangeError when `name` is taken, or not of small letters and hyphens.
   */
  every(name: string, everyMs: number, run: () => Promise<void>): void;
  /** Calls nobody any more; ends when what runs has ended. */
  close(): Promise<void>;
}

const NAME = /^[a-z][a-z-]{0,62}$/;

/** The jobs that one process knows; what both schedulers have in common. */
export class ScheduledJobs {
  private readonly jobs = new Map<string, ScheduledJob>();
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock;
    this.logger = logger;
  }

  /** @throws RangeError when the name is taken or not one. */
  add(name: string, everyMs: number, run: () => Promise<void>): ScheduledJob {
    if (!NAME.test(name)) throw new RangeError(`"${name}" is not a name of a job: small letters and hyphens`);
    if (this.jobs.has(name)) throw new RangeError(`job ${name} is scheduled already`);
    const job = new ScheduledJob(name, everyMs, run, this.clock, this.logger);
    this.jobs.set(name, job);
    return job;
  }

  get(name: string): ScheduledJob | undefined {
    return this.jobs.get(name);
  }

  all(): ScheduledJob[] {
    return [...this.jobs.values()];
  }

  /** Ends when what runs has ended. */
  async stop(): Promise<void> {
    await Promise.all(this.all().map((job) => job.stop()));
  }
}

export class ScheduledJob {
  readonly name: string;
  readonly everyMs: number;
  /** When it was last called here, or came to be; monotonic. */
  calledAtMs: number;
  private readonly run: () => Promise<void>;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private running: Promise<void> | null = null;
  private stopped = false;
  private cancel = (): void => undefined;

  constructor(name: string, everyMs: number, run: () => Promise<void>, clock: Clock, logger: Logger) {
    this.name = name;
    this.everyMs = everyMs;
    this.run = run;
    this.clock = clock;
    this.logger = logger;
    this.calledAtMs = clock.monotonicMs();
  }

  /** Calls it, unless it runs: then this is that run. Never rejects. */
  call(): Promise<void> {
    if (this.stopped) return this.running ?? Promise.resolve();
    this.running ??= this.once().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  /** `tick` after `ms`, in place of what was planned before. */
  plan(ms: number, tick: () => void): void {
    this.cancel();
    if (!this.stopped) this.cancel = this.clock.schedule(ms, tick);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
  }

  private async once(): Promise<void> {
    this.calledAtMs = this.clock.monotonicMs();
    try {
      await this.run();
    } catch (error) {
      // Its text may say anything (G18).
      const name = error instanceof Error ? error.name : typeof error;
      this.logger.warn({ job: this.name, error: name }, 'maintenance job failed');
    }
  }
}
