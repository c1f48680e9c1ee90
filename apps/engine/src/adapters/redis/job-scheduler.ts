/**
 * Maintenance by BullMQ's Job Schedulers: one queue, one job at a time over all instances, whoever is free.
 *
 * **Invariant:** Redis only saves calls, it never prevents one (G11). Each instance keeps a timer per job as well. It
 * calls the job itself
 * - at each interval while Redis does not answer,
 * - after QUIET_INTERVALS intervals in which Redis did not choose this instance. It cannot know whether another was
 *   chosen; one guarded statement in Postgres tells, and an administrator who pauses the queue pauses no maintenance.
 *
 * What stands in Redis is compared with the code every `syncMs`: a schedule lost by FLUSHALL comes back, one that stands
 * still is set again. Once, at the start, schedules that the code does not know any more are removed; only then, because
 * in a rolling upgrade the older instances must leave the newer ones' alone.
 */
import type { Clock } from '@inorder/core';
import type { Queue } from 'bullmq';
import type { Logger } from 'pino';
import { type JobScheduler, type ScheduledJob, ScheduledJobs } from '../../watchdog/job-scheduler.ts';
import { type BullQueues, ENDED_JOBS_MAX, MAINTENANCE_QUEUE } from './bull-queues.ts';
import { type BullWorker, startBullWorker } from './bull-worker.ts';

const SYNC_MS = 30_000;
/** The first look at whether Redis called the job. */
const FIRST_LOOK_MS = 10_000;
const QUIET_INTERVALS = 3;
/** Schedules looked at when searching for those that nobody needs. */
const SCHEDULES_MAX = 1000;

export interface RedisJobSchedulerOptions {
  readonly queues: BullQueues;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default SYNC_MS. */
  readonly syncMs?: number;
}

export class RedisJobScheduler implements JobScheduler {
  private readonly options: RedisJobSchedulerOptions;
  private readonly jobs: ScheduledJobs;
  private readonly syncMs: number;
  private readonly detach: () => void;
  /** null as long as there are no jobs: an instance that knows none must not be given any, nor tidy up. */
  private worker: BullWorker | null = null;
  private cancel = (): void => undefined;
  private syncing: Promise<void> | null = null;
  private tidied = false;
  private synced = false;
  private closed = false;

  constructor(options: RedisJobSchedulerOptions) {
    const { queues, clock, logger, syncMs = SYNC_MS } = options;
    this.options = options;
    this.syncMs = syncMs;
    this.jobs = new ScheduledJobs(clock, logger);
    this.detach = queues.onReady(() => this.sync());
  }

  every(name: string, everyMs: number, run: () => Promise<void>): void {
    const job = this.jobs.add(name, everyMs, run);
    job.plan(Math.min(everyMs, FIRST_LOOK_MS), () => this.look(job));
    this.worker ??= startBullWorker({
      queues: this.options.queues,
      name: MAINTENANCE_QUEUE,
      jobsMax: 1,
      // A name we do not know is another version's: it calls it itself.
      work: async (one) => this.jobs.get(one.name)?.call(),
    });
    // In a turn of its own, once for all that are named in this one.
    this.cancel();
    this.cancel = this.options.clock.schedule(0, () => this.sync());
  }

  async close(): Promise<void> {
    this.closed = true;
    this.detach();
    this.cancel();
    await Promise.all([this.jobs.stop(), this.worker?.close()]);
    await this.syncing;
  }

  /** Whether Redis calls our jobs, as far as we know. */
  private get isCalling(): boolean {
    return this.synced && this.options.queues.isReady && this.worker?.isReady === true;
  }

  private look(job: ScheduledJob): void {
    const quietMs = this.options.clock.monotonicMs() - job.calledAtMs;
    if (!this.isCalling || quietMs >= job.everyMs * QUIET_INTERVALS) void job.call();
    job.plan(job.everyMs, () => this.look(job));
  }

  private sync(): void {
    if (this.closed || this.worker === null || this.syncing !== null) return;
    this.cancel();
    this.syncing = this.compare()
      .then(
        () => {
          this.synced = true;
          this.options.queues.answered();
        },
        (error: unknown) => {
          this.synced = false;
          if (this.options.queues.isReady) this.options.queues.failed(error);
        },
      )
      .finally(() => {
        this.syncing = null;
        if (!this.closed) this.cancel = this.options.clock.schedule(this.syncMs, () => this.sync());
      });
  }

  private async compare(): Promise<void> {
    const { queues, clock } = this.options;
    if (!queues.isReady) throw new Error('redis is not there');
    const queue = queues.queue(MAINTENANCE_QUEUE);
    await queue.setGlobalConcurrency(1);
    for (const job of this.jobs.all()) await this.ensure(queue, job, clock.wallMs());
    if (!this.tidied) await this.tidy(queue);
  }

  private async ensure(queue: Queue, job: ScheduledJob, nowAt: number): Promise<void> {
    const { name, everyMs } = job;
    const known = await queue.getJobScheduler(name);
    const isLate = (known?.next ?? 0) < nowAt - everyMs * QUIET_INTERVALS;
    if (known?.every === everyMs && !isLate) return;
    await queue.upsertJobScheduler(
      name,
      { every: everyMs },
      {
        name,
        opts: {
          removeOnComplete: { count: ENDED_JOBS_MAX },
          removeOnFail: { count: ENDED_JOBS_MAX },
          stackTraceLimit: 0,
        },
      },
    );
  }

  private async tidy(queue: Queue): Promise<void> {
    for (const { key } of await queue.getJobSchedulers(0, SCHEDULES_MAX - 1))
      if (this.jobs.get(key) === undefined) await queue.removeJobScheduler(key);
    this.tidied = true;
  }
}
