/**
 * Maintenance: the list of what is done now and then, and who does it. Any number of instances ask, by timers or by a
 * job queue, as often as they like; Postgres gives a job that is due to one of them (`maintenance_run`). A run does no
 * harm beside another one of itself, so a claim that was lost costs only work.
 */
import type { Clock, InstanceId } from '@inorder/core';
import type { Logger } from 'pino';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import {
  claimRun,
  ENGINE_INSTANCES,
  finishRun,
  INCIDENTS,
  INGEST_REJECTS,
  LANE_COMMANDS,
  type PrunedTable,
  pruneBatch,
  type RunOutcome,
  SESSIONS,
  SIGN_IN_LINKS,
  VERIFICATIONS,
} from '../adapters/postgres/maintenance-queries.ts';
import { dropOldIngestKeys, dropStuckClaims, ensurePartitions } from '../adapters/postgres/watchdog-queries.ts';
import type { Incidents } from '../delivery/incidents.ts';
import type { JobScheduler } from './job-scheduler.ts';
import { type RetentionOptions, retainPayloads, retainSettled } from './retention.ts';

/** Days and times of maintenance; docs/operations/settings.md. */
export interface MaintenanceSettings {
  readonly stageStuckMs: number;
  /** An instance whose heart has not beaten for so long has lost its claim on a run. */
  readonly leaseMs: number;
  /** Days that a JMS message id and its bytes are remembered (G2). */
  readonly dedupeDays: number;
  /** Days that payloads, and envelopes without a number, are kept. */
  readonly payloadDays: number;
  /** Days that a settled number is kept with its attempts, keys, dead letter and replays. No less than `payloadDays`. */
  readonly settledDays: number;
}

export const MAINTENANCE_DEFAULTS: MaintenanceSettings = {
  stageStuckMs: 30_000,
  leaseMs: 10_000,
  dedupeDays: 7,
  payloadDays: 90,
  settledDays: 400,
};

/** What a run did, by name. Numbers only (G18). */
export type Counts = Readonly<Record<string, number>>;

export interface MaintenanceJob {
  /** Kebab-case, also its key in `maintenance_run`. */
  readonly name: string;
  readonly everyMs: number;
  /** A run that has taken longer stops after its step and goes on when it is due again. Default 10 min. */
  readonly runMsMax?: number;
  /** `goOn` false: stop after the step under way; what is left is done next time. */
  readonly run: (goOn: () => boolean) => Promise<Counts>;
}

export interface MaintenanceJobsOptions {
  readonly database: Database;
  readonly incidents: Pick<Incidents, 'open'>;
  readonly settings: MaintenanceSettings;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const PARTITION_DAYS_AHEAD = 8;
/** Rows forgotten in one statement, so that none of them takes long. */
const ROWS_PER_BATCH = 5000;
const INSTANCE_DAYS = 30;
/** Sessions and links that have run out. */
const SIGN_IN_DAYS = 1;

/** @throws when payloads were to outlive their numbers. */
export function maintenanceJobs({ database, incidents, settings }: MaintenanceJobsOptions): MaintenanceJob[] {
  const { stageStuckMs, dedupeDays, payloadDays, settledDays } = settings;
  if (settledDays < payloadDays) throw new Error('settledDays must not be less than payloadDays');
  const retention = (goOn: () => boolean): RetentionOptions => ({ database, payloadDays, settledDays, goOn });
  const batches = (table: PrunedTable, everyMs: number, days: number): MaintenanceJob => ({
    name: table.job,
    everyMs,
    run: (goOn) => inBatches(goOn, () => pruneBatch(database, table, days, ROWS_PER_BATCH)),
  });
  return [
    {
      name: 'payload-partitions',
      everyMs: 10 * MINUTE_MS,
      async run() {
        const { made, strays } = await ensurePartitions(database, PARTITION_DAYS_AHEAD);
        if (strays > 0) {
          const detail = 'payloads are in the default partition';
          incidents.open('PAYLOAD_DEFAULT_PARTITION', 'ENGINE', 'message_payload', detail);
        }
        return { made, strays };
      },
    },
    {
      name: 'stuck-claims',
      everyMs: MINUTE_MS,
      async run() {
        await dropStuckClaims(database, stageStuckMs * 10);
        return {};
      },
    },
    {
      name: 'dedupe-keys',
      everyMs: 5 * MINUTE_MS,
      run: (goOn) => inBatches(goOn, () => dropOldIngestKeys(database, dedupeDays, ROWS_PER_BATCH)),
    },
    {
      name: 'settled-numbers',
      everyMs: 15 * MINUTE_MS,
      async run(goOn) {
        const { broken, ...counts } = await retainSettled(retention(goOn));
        for (const code of broken)
          incidents.open('INVARIANT_BROKEN', 'INTERFACE', code, 'the number at the retention floor has no row');
        return { ...counts, broken: broken.length };
      },
    },
    {
      name: 'payloads',
      everyMs: 15 * MINUTE_MS,
      // A run that is cut off begins its day anew.
      runMsMax: 2 * HOUR_MS,
      run: async (goOn) => ({ ...(await retainPayloads(retention(goOn))) }),
    },
    batches(INGEST_REJECTS, HOUR_MS, payloadDays),
    batches(LANE_COMMANDS, HOUR_MS, settledDays),
    batches(INCIDENTS, HOUR_MS, settledDays),
    batches(ENGINE_INSTANCES, HOUR_MS, INSTANCE_DAYS),
    batches(SESSIONS, HOUR_MS, SIGN_IN_DAYS),
    batches(VERIFICATIONS, HOUR_MS, SIGN_IN_DAYS),
    batches(SIGN_IN_LINKS, HOUR_MS, SIGN_IN_DAYS),
  ];
}

async function inBatches(goOn: () => boolean, batch: () => Promise<number>): Promise<Counts> {
  let removed = 0;
  for (let gone = ROWS_PER_BATCH; gone === ROWS_PER_BATCH && goOn(); ) {
    gone = await batch();
    removed += gone;
  }
  return { removed };
}

export interface MaintenanceOptions {
  readonly database: Database;
  readonly scheduler: JobScheduler;
  readonly jobs: readonly MaintenanceJob[];
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs: number;
}

const RUN_MS_MAX = 10 * MINUTE_MS;
/** Timers come a little early or late; a run is due when most of its interval has gone by. */
const DUE_SHARE = 0.9;

/** Of one job: asked → not due, or another's → asked …; asked → claimed → running → finished. One run of a job at a time here. */
export class Maintenance {
  private readonly options: MaintenanceOptions;
  private readonly running = new Map<string, Promise<void>>();
  private stopped = false;

  constructor(options: MaintenanceOptions) {
    this.options = options;
  }

  start(): void {
    for (const job of this.options.jobs) this.options.scheduler.every(job.name, job.everyMs, () => this.ask(job));
  }

  /** Runs it if it is due and nobody has it; while it runs here this is that run. Never rejects. */
  ask(job: MaintenanceJob): Promise<void> {
    const under = this.running.get(job.name);
    if (under !== undefined || this.stopped) return under ?? Promise.resolve();
    const run = this.runIfDue(job)
      .catch((error: unknown) =>
        this.options.logger.warn({ job: job.name, code: errorCodeOf(error) }, 'maintenance waits for postgres'),
      )
      .finally(() => this.running.delete(job.name));
    this.running.set(job.name, run);
    return run;
  }

  /** No new runs; those under way stop after their step. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.options.scheduler.close();
    await Promise.all(this.running.values());
  }

  private async runIfDue(job: MaintenanceJob): Promise<void> {
    const { database, instance, clock, logger, leaseMs } = this.options;
    if (!(await claimRun(database, job.name, instance, job.everyMs * DUE_SHARE, leaseMs))) return;
    const startedMs = clock.monotonicMs();
    let cut = false;
    const goOn = (): boolean => {
      cut ||= this.stopped || clock.monotonicMs() - startedMs > (job.runMsMax ?? RUN_MS_MAX);
      return !cut;
    };
    let outcome: RunOutcome = 'FAILED';
    let counts: Counts = {};
    try {
      counts = await job.run(goOn);
      outcome = cut ? 'UNFINISHED' : 'DONE';
    } catch (error) {
      logger.warn({ job: job.name, code: errorCodeOf(error) }, 'maintenance job failed');
    }
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    await finishRun(database, job.name, instance, outcome, { ...counts, durationMs });
    if (Object.values(counts).some((n) => n > 0))
      logger.info({ job: job.name, outcome, ...counts, durationMs }, 'maintenance ran');
  }
}
