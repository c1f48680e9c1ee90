/**
 * What one commit takes on this disk while the run goes on: the floor under every latency of an engine that answers only
 * for what is committed. A message waits for two in a row (its number, its routing) before it leaves for the laboratory.
 */
import type pg from 'pg';
import { type Summary, summarise } from './percentile.ts';

const EVERY_MS = 500;
/** Writes nothing but a record of the log, and its commit waits for the disk as any other. */
const COMMIT = "SELECT pg_logical_emit_message(true, 'bench', '')";

export interface CommitProbe {
  /** Ends it; milliseconds. */
  stop(): Promise<Summary>;
}

/** One commit at a time, under the role of `pool`. */
export function startCommitProbe(pool: pg.Pool): CommitProbe {
  const took: number[] = [];
  let stopped = false;
  let wake = (): void => undefined;
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, EVERY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    while (!stopped) {
      const beganMs = performance.now();
      await pool.query(COMMIT);
      took.push(performance.now() - beganMs);
      if (!stopped) await pause();
    }
  };
  const running = run();
  // Without a handler a Postgres that goes away would end the process; stop() tells whoever asks.
  running.catch(() => undefined);
  return {
    async stop() {
      stopped = true;
      wake();
      await running;
      return summarise(took);
    },
  };
}
