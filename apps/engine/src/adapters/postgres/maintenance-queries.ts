/** Who runs a maintenance job, and the plain tables that are pruned by age. */
import type { Queries, Statement } from './database.ts';

/**
 * Compare-and-set on the last run: one of all that ask gets it. $3: how long ago the last one must have begun. A run
 * without an end is left alone while the heart of its instance beats; our own without an end is of a process before us.
 * Index: maintenance_run_pkey, engine_instance_pkey.
 */
const CLAIM: Statement = {
  name: 'maintenance_claim',
  text: `
INSERT INTO maintenance_run AS m (job, instance, started_at) VALUES ($1, $2, now())
ON CONFLICT (job) DO UPDATE SET instance = excluded.instance, started_at = excluded.started_at, finished_at = NULL, outcome = NULL, counts = NULL
 WHERE CASE WHEN m.finished_at IS NOT NULL THEN m.started_at <= now() - $3 * interval '1 millisecond'
            ELSE m.instance = $2 OR (SELECT true FROM engine_instance e
                                      WHERE e.instance = m.instance AND e.stopped_at IS NULL
                                        AND e.heartbeat_at > now() - $4 * interval '1 millisecond') IS NULL END
RETURNING job`,
};

/** true: the run is ours. `deadMs`: an instance whose heart has not beaten for so long is dead. */
export async function claimRun(
  queries: Queries,
  job: string,
  instance: string,
  dueMs: number,
  deadMs: number,
): Promise<boolean> {
  return (await queries.query(CLAIM, [job, instance, dueMs, deadMs])).length === 1;
}

/** Index: maintenance_run_pkey. */
const FINISH: Statement = {
  name: 'maintenance_finish',
  text: `
UPDATE maintenance_run SET finished_at = now(), outcome = $3, counts = $4::jsonb
 WHERE job = $1 AND instance = $2 AND finished_at IS NULL`,
};

/** DONE; UNFINISHED: there is more for the next run; FAILED. */
export type RunOutcome = 'DONE' | 'UNFINISHED' | 'FAILED';

export async function finishRun(
  queries: Queries,
  job: string,
  instance: string,
  outcome: RunOutcome,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  await queries.query(FINISH, [job, instance, outcome, JSON.stringify(counts)]);
}

/** A table whose rows go by age alone. */
export interface PrunedTable {
  readonly job: string;
  readonly statement: Statement;
}

/** `old`: what may go, with $1 the days. $2 = rows of a batch. */
const prune = (job: string, table: string, index: string, old: string): PrunedTable => ({
  job,
  statement: {
    name: `prune_${job.replaceAll('-', '_')}`,
    text: `
/* ${index} */
DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT x.ctid FROM ${table} x WHERE ${old} LIMIT $2)) RETURNING 1 AS gone`,
  },
});

const BEFORE = `now() - $1 * interval '1 day'`;

/** Envelopes without a number belong to the payload store (G18) and go with it. */
export const INGEST_REJECTS = prune(
  'ingest-rejects',
  'ingest_reject',
  'ingest_reject_received_at_idx',
  `x.received_at < ${BEFORE}`,
);

/** What was done stays in the audit. A replay that has not ended still asks its command. */
export const LANE_COMMANDS = prune(
  'lane-commands',
  'lane_command',
  'lane_command_status_requested_at_idx, replay_state_idx',
  `x.status IN ('DONE', 'REFUSED', 'EXPIRED') AND x.requested_at < ${BEFORE}
     AND x.command_id <> ALL(ARRAY(SELECT r.command_id FROM replay r WHERE r.state IN ('PENDING', 'RUNNING')))`,
);

export const INCIDENTS = prune(
  'incidents',
  'incident',
  'incident_opened_at_idx',
  `x.opened_at < ${BEFORE} AND x.closed_at < ${BEFORE}`,
);

/** Few rows, one a name. A claim or lease that names one of these is void long before. */
export const ENGINE_INSTANCES = prune(
  'engine-instances',
  'engine_instance',
  'small',
  `coalesce(x.stopped_at, x.heartbeat_at) < ${BEFORE} AND x.heartbeat_at < ${BEFORE}`,
);

export const SESSIONS = prune('sessions', 'app_session', 'small', `x.expires_at < ${BEFORE}`);
export const VERIFICATIONS = prune('verifications', 'app_verification', 'small', `x.expires_at < ${BEFORE}`);
export const SIGN_IN_LINKS = prune('sign-in-links', 'sign_in_link', 'small', `x.expires_at < ${BEFORE}`);

/** @returns how many went; fewer than `batch`: no more are old. */
export async function pruneBatch(queries: Queries, table: PrunedTable, days: number, batch: number): Promise<number> {
  return (await queries.query(table.statement, [days, batch])).length;
}
