/** Postgres, the truth: whether it can forget a commit, fill up, lock us out or show what it holds. */
import { migrationState } from '@inorder/db';
import type pg from 'pg';
import { count, type Finding, Findings, isLoopback, names, verb } from './finding.ts';

/** Pools of one engine: 8 + 6, twice 3 for batches, LISTEN, plans (apps/engine/src/main.ts). */
const CONNECTIONS_PER_ENGINE = 24;
const CONNECTIONS_OF_CONSOLE = 12;
const VERSION_MIN = 15;
const VERSION_TESTED_MAX = 18;
const DAYS_AHEAD_MIN = 2;
const OLD_TRANSACTION_MINUTES = 30;
const XID_AGE_WARNING = 1_000_000_000;

const SETTINGS = [
  'server_version_num',
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'synchronous_standby_names',
  'TimeZone',
  'max_connections',
  'superuser_reserved_connections',
  'autovacuum',
  'track_counts',
  'log_statement',
  'log_min_duration_statement',
  'log_parameter_max_length',
] as const;

type Settings = ReadonlyMap<string, string>;

export async function examinePostgres(client: pg.Client, url: string): Promise<Finding[]> {
  const found = new Findings('Postgres');
  const { rows } = await client.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY($1)',
    [SETTINGS],
  );
  const settings: Settings = new Map(rows.map((row) => [row.name, row.setting]));
  version(found, settings);
  durability(found, settings);
  vacuum(found, settings);
  serverLog(found, settings);
  await wire(found, client, url);
  await standing(found, client);
  await identity(found, client);
  await connections(found, client, settings);
  await clocks(found, client, settings);
  await schema(found, client);
  return found.list;
}

function version(found: Findings, settings: Settings): void {
  const major = Math.floor(Number(settings.get('server_version_num')) / 10_000);
  if (major < VERSION_MIN)
    found.problem(
      `PostgreSQL ${major} is too old`,
      `Engines refuse to start below ${VERSION_MIN}.`,
      'Upgrade the server.',
    );
  else if (major > VERSION_TESTED_MAX)
    found.unknown(
      `PostgreSQL ${major} is newer than what was tested`,
      'It may work.',
      'Try it outside production first.',
    );
  else found.ok(`PostgreSQL ${major}`);
}

function durability(found: Findings, settings: Settings): void {
  const off = ['fsync', 'full_page_writes', 'synchronous_commit'].filter((name) => settings.get(name) === 'off');
  if (off.length > 0)
    found.problem(
      `${off.join(', ')} ${verb(off.length, 'is', 'are')} off`,
      'A power failure can lose orders that the sender was told are safe, and engines refuse to start (INORDER_UNSAFE=1 overrides).',
      `Set ${off.map((name) => `${name} = on`).join(', ')} and reload Postgres.`,
    );
  else if (settings.get('synchronous_standby_names') && settings.get('synchronous_commit') === 'local')
    found.warning(
      'synchronous_commit is local although a synchronous standby is named',
      'A fail-over to the standby can lose the last commits.',
      'Set synchronous_commit = on.',
    );
  else found.ok('commits are durable (fsync, full_page_writes, synchronous_commit)');
}

function vacuum(found: Findings, settings: Settings): void {
  const off = ['autovacuum', 'track_counts'].filter((name) => settings.get(name) === 'off');
  if (off.length === 0) found.ok('autovacuum runs');
  else
    found.problem(
      `${off.join(', ')} ${verb(off.length, 'is', 'are')} off`,
      'Tables that change with every order grow without end, and every statement gets slower.',
      `Set ${off.map((name) => `${name} = on`).join(', ')} and reload Postgres.`,
    );
}

/** Parameters of our statements are payloads (G18). */
function serverLog(found: Findings, settings: Settings): void {
  const everything = ['all', 'mod'].includes(settings.get('log_statement') ?? '');
  const slow = Number(settings.get('log_min_duration_statement') ?? -1) >= 0;
  if ((!everything && !slow) || settings.get('log_parameter_max_length') === '0') return;
  found.problem(
    `Postgres writes statements with their values into its log (${everything ? 'log_statement' : 'log_min_duration_statement'})`,
    'The values are orders: patient data ends in a log file.',
    'Set log_parameter_max_length = 0, or log no statements.',
  );
}

async function wire(found: Findings, client: pg.Client, url: string): Promise<void> {
  const { hostname } = new URL(url);
  const { rows } = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  if (rows[0]?.ssl === true) found.ok('the connection is encrypted (TLS)');
  else if (hostname === '' || isLoopback(hostname)) found.ok('the connection stays on this machine');
  else
    found.problem(
      `TLS is off on the connection to ${hostname}`,
      'Orders and the password cross the network in clear.',
      'Turn TLS on at the server and add sslmode=verify-full to DATABASE_URL.',
    );
}

async function standing(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ standby: boolean; xid_age: number; old: string[] }>(
    `SELECT pg_is_in_recovery() AS standby,
            (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS xid_age,
            ARRAY(SELECT coalesce(nullif(application_name, ''), 'pid ' || pid)::text FROM pg_stat_activity
                   WHERE datname = current_database() AND xact_start < now() - $1 * interval '1 minute' AND pid <> pg_backend_pid()
                   ORDER BY xact_start LIMIT 20) AS old`,
    [OLD_TRANSACTION_MINUTES],
  );
  const [row] = rows;
  if (row?.standby === true)
    found.problem(
      'this server is a standby',
      'It takes no orders: it can only be read.',
      'Point DATABASE_URL at the primary.',
    );
  if (row !== undefined && row.xid_age > XID_AGE_WARNING)
    found.warning(
      `the oldest transaction id is ${row.xid_age} transactions old`,
      'At two thousand million Postgres stops writing.',
      'Find out why vacuum does not freeze: old transactions, replication slots.',
    );
  if (row !== undefined && row.old.length > 0)
    found.warning(
      `${count(row.old.length, 'transaction')} older than ${OLD_TRANSACTION_MINUTES} minutes (${names(row.old)})`,
      'Vacuum cannot clean up behind it, so the tables grow.',
      'End it, and look at what opened it.',
    );
}

/** As the engines ask it; whether lanes hold because of the answer stands under "lanes". */
async function identity(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ may: boolean }>(
    `SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AND has_function_privilege('pg_current_wal_lsn()', 'EXECUTE')
        AND has_function_privilege('pg_walfile_name(pg_lsn)', 'EXECUTE') AS may`,
  );
  if (rows[0]?.may === true)
    found.ok('a restore or a fail-over of this server is noticed: system identifier and timeline');
  else
    found.warning(
      'this role may not ask for the system identifier and the timeline',
      'A server that was failed over or recovered from a backup is not noticed, and no lane holds.',
      'GRANT EXECUTE ON FUNCTION pg_control_system(), pg_current_wal_lsn(), pg_walfile_name(pg_lsn) to it; else stop the engines and pause the lanes by hand then.',
    );
}

async function connections(found: Findings, client: pg.Client, settings: Settings): Promise<void> {
  const { rows } = await client.query<{ used: number; hasEngines: boolean }>(
    `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
            to_regclass('engine_instance') IS NOT NULL AS "hasEngines"`,
  );
  const { used = 0, hasEngines = false } = rows[0] ?? {};
  const engines = hasEngines ? await enginesAlive(client) : 0;
  const max =
    Number(settings.get('max_connections') ?? 0) - Number(settings.get('superuser_reserved_connections') ?? 0);
  const wanted = engines * CONNECTIONS_PER_ENGINE + CONNECTIONS_OF_CONSOLE;
  const seen = `${count(engines, 'engine')} and a console may open ${wanted} connections, the server gives ${max}; ${used} are open`;
  const todo = 'Raise max_connections, or run fewer engines.';
  if (wanted > max) found.problem(seen, 'Under load an engine is refused a connection and its lanes wait.', todo);
  else if (used > max * 0.9) found.warning(seen, 'Nearly all are taken, by others too.', todo);
  else found.ok(seen);
}

async function enginesAlive(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ alive: number }>(
    `SELECT count(*)::int AS alive FROM engine_instance
      WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '10 seconds'`,
  );
  return rows[0]?.alive ?? 0;
}

async function clocks(found: Findings, client: pg.Client, settings: Settings): Promise<void> {
  const beforeMs = Date.now();
  const { rows } = await client.query<{ at: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at');
  const halfWayMs = (beforeMs + Date.now()) / 2;
  const apartMs = Math.round(Number(rows[0]?.at ?? halfWayMs) - halfWayMs);
  found.ok(
    `its clock and ours are ${Math.abs(apartMs)} ms apart, its time zone is ${settings.get('TimeZone') ?? 'not set'}; nothing depends on either`,
  );
}

async function schema(found: Findings, client: pg.Client): Promise<void> {
  const { missing, failed, edited, unknown } = await migrationState(client);
  const todo = 'Run ./inorder up, or in a cluster the migration job, with the version that the engines have.';
  const why = 'Engines and console expect the schema of their own version.';
  if (failed.length > 0)
    found.problem(
      `migration ${names(failed)} failed half way`,
      why,
      'Repair it, then run npx prisma migrate resolve; nothing else is applied before that.',
    );
  if (missing.length > 0)
    found.problem(
      `the schema is not up to date: ${names(missing)} ${verb(missing.length, 'is', 'are')} missing`,
      why,
      todo,
    );
  if (unknown.length > 0)
    found.warning(
      `the database has migrations that this version does not know: ${names(unknown)}`,
      'A newer version has been here.',
      'Use that version of the command line and the engines.',
    );
  if (edited.length > 0)
    found.warning(
      `${names(edited)} ${verb(edited.length, 'was', 'were')} edited after being applied`,
      'What the database has and what the file says may differ.',
      'Compare them; migrations are never edited.',
    );
  if (failed.length + missing.length > 0) return;
  found.ok('the schema is up to date');
  await partitions(found, client);
}

async function partitions(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ strays: number; ahead: number }>(
    `SELECT (SELECT count(*)::int FROM (SELECT 1 FROM parts.message_payload_default LIMIT 1000) d) AS strays,
            (SELECT count(*)::int FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'message_payload'::regclass AND c.relname ~ '_\\d{8}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') >= (now() AT TIME ZONE 'UTC')::date) AS ahead`,
  );
  const { strays = 0, ahead = 0 } = rows[0] ?? {};
  if (strays > 0)
    found.warning(
      `payloads lie in the default partition (${strays === 1000 ? '1,000 or more' : strays})`,
      'They were stored when no partition of their day was there; retention does not drop them by the day.',
      'See that an engine with the watchdog role lives; then move the rows to their day.',
    );
  if (ahead < DAYS_AHEAD_MIN)
    found.warning(
      `payload partitions are made for ${count(ahead, 'day')} ahead`,
      'The watchdog makes a week ahead; without one payloads fall into the default partition.',
      'See that an engine with the watchdog role lives.',
    );
  else found.ok(`payload partitions are there for ${count(ahead, 'day')} ahead`);
}
