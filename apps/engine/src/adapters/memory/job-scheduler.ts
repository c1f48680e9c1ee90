/** Maintenance by this process's own timers. */
import type { Clock } from '@inorder/core';
import type { Logger } from 'pino';
import { type JobScheduler, type ScheduledJob, ScheduledJobs } from '../../watchdog/job-scheduler.ts';

export class MemoryJobScheduler implements JobScheduler {
  private readonly jobs: ScheduledJobs;

  constructor(clock: Clock, logger: Logger) {
    this.jobs = new ScheduledJobs(clock, logger);
  }

  every(name: string, everyMs: number, run: () => Promise<void>): void {
    this.next(this.jobs.add(name, everyMs, run), 0);
  }

  close(): Promise<void> {
    return this.jobs.stop();
  }

  /** The next interval begins when this run has ended: a job that takes longer than its interval does not pile up. */
  private next(job: ScheduledJob, ms: number): void {
    job.plan(ms, () => void job.call().then(() => this.next(job, job.everyMs)));
  }
}
