/**
 * One BullMQ worker that survives whatever Redis does: absence at start, restart, FLUSHALL.
 *
 * What BullMQ 6.7 needs for it:
 * - `skipVersionCheck`: the INFO it asks at start is asked once, and a worker whose INFO failed stays dead in silence.
 * - `runRetryDelay`: after a lost connection it waits 15 s by default before it looks again.
 * - `close()` waits for ever when the connection never was ready, or goes away meanwhile; `close(true)` does not, but
 *   only the first of the two calls counts.
 */
import { type Job, Worker } from 'bullmq';
import { type BullQueues, ENDED_JOBS_MAX } from './bull-queues.ts';
import { connectForWorkers } from './connections.ts';

/** A job whose worker died is offered again after two of these at most. */
const LOCK_MS = 10_000;
/** How long one look for a job waits at Redis. */
const LOOK_SECONDS = 5;
const CLOSE_MS_MAX = 2000;

export interface BullWorker {
  /** Whether it can take jobs now. */
  readonly isReady: boolean;
  /** Takes no more; ends when the jobs at work have ended. Bounded by them alone, never by Redis. */
  close(): Promise<void>;
}

export interface BullWorkerOptions {
  readonly queues: BullQueues;
  readonly name: string;
  readonly jobsMax: number;
  /** Default LOCK_MS. */
  readonly lockMs?: number;
  /** A rejection fails the job; its text is not kept, for it may say anything (G18). */
  readonly work: (job: Job) => Promise<void>;
}

export function startBullWorker(options: BullWorkerOptions): BullWorker {
  const { queues, name, jobsMax, work, lockMs = LOCK_MS } = options;
  const redis = connectForWorkers(queues.url);
  const atWork = new Set<Promise<void>>();
  const worker = new Worker(
    name,
    async (job) => {
      const done = work(job);
      atWork.add(done);
      try {
        await done;
      } catch {
        throw new Error('not taken');
      } finally {
        atWork.delete(done);
      }
    },
    {
      connection: redis,
      ...(queues.instance === undefined ? {} : { name: queues.instance }),
      prefix: queues.prefix,
      concurrency: jobsMax,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      drainDelay: LOOK_SECONDS,
      runRetryDelay: 500,
      removeOnComplete: { count: ENDED_JOBS_MAX },
      removeOnFail: { count: ENDED_JOBS_MAX },
      skipVersionCheck: true,
    },
  );
  // With Redis there these are jobs that FLUSHALL took from under us, and the like: nothing to tell anyone.
  worker.on('error', (error) => {
    if (!queues.isReady) queues.failed(error);
  });
  return {
    get isReady() {
      return redis.status === 'ready';
    },
    close: async () => {
      await worker.pause(true);
      await Promise.allSettled(atWork);
      if (redis.status === 'ready') await inTime(worker.close(), () => void cut(worker));
      else await inTime(worker.close(true), () => void cut(worker));
      redis.disconnect();
    },
  };
}

/** Ends the connection that BullMQ made for itself. */
async function cut(worker: Worker): Promise<void> {
  const blocking = await worker.getBackend().blockingClient;
  blocking?.disconnect();
}

async function inTime(closed: Promise<void>, otherwise: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      otherwise();
      resolve();
    }, CLOSE_MS_MAX);
  });
  // What goes wrong while closing concerns connections that are being thrown away.
  await Promise.race([closed.catch(() => undefined), late]);
  clearTimeout(timer);
}
