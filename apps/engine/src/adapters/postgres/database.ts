/**
 * The one door to Postgres: named prepared statements over a pool, and what an error means (G12, G16).
 *
 * **Invariant:** every connection plans each statement once. Planning anew costs a millisecond, more than most
 * statements take; but what was planned while a table was empty, or for a batch of one, must serve a full table and a
 * batch of 500 for as long as the connection lives. So no plan may rest on a guess: sequential scans are priced out
 * (they stay possible where there is no index), and batches are `keyed` statements, see there. `buffers.test.ts` counts
 * what they read. JIT would take the price for real.
 */
import type { Clock } from '@inorder/core';
import pg from 'pg';

/** One statement of the engine. The name is its prepared name; the text's comment names the index it lives on. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /**
   * A batch: each table it joins is also bound by `key = ANY($n)`. Planned without nested loops, so that tables are
   * read by those keys and joined by hash: linear in the batch, whatever the planner believed. Without the `ANY` such a
   * join reads the whole table.
   */
  readonly keyed?: true;
}

export interface Queries {
  /**
   * Runs one statement: one round trip, one transaction of its own unless inside `transaction`.
   * `Row` is what the statement selects; BIGINT comes as text and is parsed by core's id functions.
   * @throws what `classify` understands.
   */
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Queries {
  /** BEGIN … COMMIT around `run`; rolled back when it throws. */
  transaction<T>(run: (queries: Queries) => Promise<T>): Promise<T>;
  /**
   * LISTENs on a connection of its own, which comes back by itself. `onNotify` is also called after each (re)connect,
   * because what was said in between was not heard. The returned function stops it.
   */
  listen(channel: string, onNotify: () => void): () => Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Postgres ends a statement after it (57014, infrastructure). Settles need it below `leaseSendMarginMs`. */
  readonly statementTimeoutMs: number;
  /** Connections at most, beside one for each `listen` and `keyedConnectionsMax`. */
  readonly connectionsMax: number;
  /** Connections at most for `keyed` statements outside of transactions. Default 3: ingest, outcomes, taking up. */
  readonly keyedConnectionsMax?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly connectTimeoutMs?: number;
  /** Pause between two tries of a lost `listen` connection. */
  readonly listenRetryMs?: number;
  readonly clock: Clock;
  /** Asked on each new connection before anybody gets it: may this server be worked with? A rejection is the asker's error. */
  readonly admit?: (queries: Queries) => Promise<void>;
  /** Told of errors on idle connections; they need no other answer. */
  readonly onIdleError?: (error: Error) => void;
}

/** How much longer than the server we wait, so that its own time-out is heard where it still can speak. */
const CLIENT_GRACE_MS = 2000;

const PLANNING = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off';
const KEYED_PLANNING = '-c enable_nestloop=off -c enable_mergejoin=off';

/**
 * The server gives up on an answer that nobody reads, and lets go of the rows it has locked. Its `statement_timeout` does
 * not look while it waits to send: without this a process that froze in the middle of a take, or a host that is gone,
 * would keep a chunk from everybody until somebody ends it.
 */
function giveUpOn(statementTimeoutMs: number): string {
  return `-c tcp_user_timeout=${statementTimeoutMs + CLIENT_GRACE_MS}`;
}

export function createDatabase(options: DatabaseOptions): Database {
  const { statementTimeoutMs, admit } = options;
  const connection = {
    connectionString: options.url,
    application_name: options.applicationName,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + CLIENT_GRACE_MS,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
    // Connections stay: a new one authenticates and plans every statement anew while messages wait for it.
    idleTimeoutMillis: 0,
    options: `${PLANNING} ${giveUpOn(statementTimeoutMs)}`,
  };
  const pooled = {
    ...connection,
    ...(admit === undefined
      ? {}
      : {
          verify: (client: pg.PoolClient, done: (error?: Error) => void): void => {
            admit({ query: (statement, values) => run(client, statement, values) }).then(
              () => done(),
              (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
            );
          },
        }),
  };
  const pool = new pg.Pool({ ...pooled, max: options.connectionsMax });
  const keyed = new pg.Pool({
    ...pooled,
    options: `${pooled.options} ${KEYED_PLANNING}`,
    max: options.keyedConnectionsMax ?? 3,
  });
  for (const each of [pool, keyed]) each.on('error', (error) => options.onIdleError?.(error));
  return {
    query: (statement, values) => run(statement.keyed === true ? keyed : pool, statement, values),
    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query('BEGIN');
        const result = await work({ query: (statement, values) => run(client, statement, values) });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((reason: unknown) => {
          broken = reason instanceof Error ? reason : new Error(String(reason));
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    listen: (channel, onNotify) =>
      listen(() => new pg.Client(connection), channel, onNotify, options.clock, options.listenRetryMs ?? 1000),
    async close() {
      await Promise.all([pool.end(), keyed.end()]);
    },
  };
}

async function run<Row extends object>(
  runner: pg.Pool | pg.PoolClient,
  statement: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  const result = await runner.query<Row>({ name: statement.name, text: statement.text, values: [...values] });
  return result.rows;
}

function listen(
  connect: () => pg.Client,
  channel: string,
  onNotify: () => void,
  clock: Clock,
  retryMs: number,
): () => Promise<void> {
  let stopped = false;
  let client: pg.Client | undefined;
  let cancelRetry = (): void => undefined;
  const open = (): void => {
    if (stopped) return;
    const opening = connect();
    client = opening;
    let lost = false;
    const onLost = (): void => {
      if (lost) return;
      lost = true;
      opening.end().catch(() => undefined);
      if (!stopped) cancelRetry = clock.schedule(retryMs, open);
    };
    opening.on('error', onLost);
    opening.on('end', onLost);
    opening.on('notification', onNotify);
    opening
      .connect()
      .then(() => opening.query(`LISTEN ${pg.escapeIdentifier(channel)}`))
      .then(onNotify, onLost);
  };
  open();
  return async () => {
    stopped = true;
    cancelRetry();
    await client?.end().catch(() => undefined);
  };
}

/**
 * What an error of `query` means.
 * - data: Postgres refuses these very values; halve the batch until the bad row stands alone (G16).
 * - infrastructure: the server, the network or a conflict with somebody else; wait and repeat, count nothing (G12).
 * - bug: the statement itself is wrong. Repeating may help after a deployment, dropping the message never does.
 */
export type FailureKind = 'data' | 'infrastructure' | 'bug';

/** SQLSTATE classes: data exception, integrity constraint violation, program limit exceeded. */
const DATA_CLASSES = new Set(['22', '23', '54']);
/**
 * SQLSTATE classes of a server that cannot serve now: connection, authorisation while a server comes up, transaction
 * rollback, resources, operator intervention, system error, object in use; 25 is a server that became a standby.
 */
const INFRASTRUCTURE_CLASSES = new Set(['08', '25', '28', '3D', '40', '53', '55', '57', '58', 'XX']);

export function classify(error: unknown): FailureKind {
  if (error instanceof pg.DatabaseError) {
    const state = error.code?.slice(0, 2) ?? '';
    if (DATA_CLASSES.has(state)) return 'data';
    return INFRASTRUCTURE_CLASSES.has(state) ? 'infrastructure' : 'bug';
  }
  // Errors of our own making are typed; what is left comes from the socket or the driver, which has no codes of its own.
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return 'bug';
  return 'infrastructure';
}

/** SQLSTATE or system error code of an error, for the log. Never its text, which may quote values (G18). */
export function errorCodeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
