/** The engines as Postgres knows them: who lives, who does what, who owns which shards and queues. */
import type pg from 'pg';
import { count, type Finding, Findings, names, verb } from './finding.ts';

/** Heartbeats come every two seconds; a lease ends after ten. */
const SILENT_MS_MAX = 10_000;
const CLAIM_MS_MAX = 30_000;
const SHARDS = 256;

/** What a living instance must do for orders to move, in the words of INORDER_ROLES. */
const ROLES = [
  ['ingest', 'takes orders in'],
  ['validate', 'validates'],
  ['enrich', 'enriches'],
  ['route', 'routes'],
  ['deliver', 'delivers'],
  ['watchdog', 'looks for what was lost on the way and makes partitions'],
] as const;

interface Instance {
  readonly instance: string;
  readonly roles: readonly string[];
  readonly version: string;
  readonly silentMs: number;
  readonly adminUrl: string | null;
}

export async function examineInstances(client: pg.Client): Promise<Finding[]> {
  const found = new Findings('engines');
  const { rows } = await client.query<Instance>(
    `SELECT instance, roles, version, admin_url AS "adminUrl",
            (extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000)::float8 AS "silentMs"
       FROM engine_instance
      WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '1 day'
      ORDER BY instance LIMIT 1000`,
  );
  const alive = rows.filter((row) => row.silentMs < SILENT_MS_MAX);
  heartbeats(found, rows, alive);
  // What else is wrong then follows from it.
  if (alive.length === 0) return found.list;
  roles(found, alive);
  const living = alive.map((each) => each.instance);
  await shards(found, client, living);
  await sources(found, client, living);
  await claims(found, client, living);
  return found.list;
}

function heartbeats(found: Findings, all: readonly Instance[], alive: readonly Instance[]): void {
  const silent = all.filter((each) => !alive.includes(each));
  if (alive.length === 0)
    found.problem(
      'no engine lives',
      'Nothing is taken in and nothing is delivered. What is stored waits and is not lost.',
      'Start the engines: ./inorder up, or see why they ended in their logs.',
    );
  else
    found.ok(
      `${count(alive.length, 'engine')} ${verb(alive.length, 'lives', 'live')}: ${names(alive.map((each) => each.instance))}`,
    );
  if (silent.length > 0)
    found.warning(
      `${names(silent.map((each) => `${each.instance} (silent for ${Math.round(each.silentMs / 1000)} s)`))} ended without saying goodbye`,
      'Killed, frozen or cut off from Postgres. Its lanes go to others after a lease.',
      'Start it again or find out why it ended; a name that is gone for good is forgotten after a day.',
    );
  const versions = [...new Set(alive.map((each) => each.version))];
  if (versions.length > 1)
    found.warning(
      `engines of different versions run: ${versions.sort().join(', ')}`,
      'Meant for the minutes of a rolling upgrade only.',
      'Bring the others to the same version.',
    );
  const open = alive.filter(
    (each) => each.adminUrl !== null && !/^http:\/\/(127\.|localhost|\[::1\])/.test(each.adminUrl),
  );
  if (open.length > 0)
    found.warning(
      `the admin HTTP of ${names(open.map((each) => each.instance))} is open to the network without TLS`,
      'Whoever listens on that network sees the admin secret.',
      'Let nobody but Prometheus, probes and the console reach it: a network policy, or a private network.',
    );
}

function roles(found: Findings, alive: readonly Instance[]): void {
  const hosted = new Set(alive.flatMap((each) => each.roles));
  const missing = ROLES.filter(([role]) => !hosted.has(role));
  for (const [role, does] of missing)
    found.problem(
      `no living engine has the role ${role}`,
      `Nobody ${does}: orders stop there and wait.`,
      `Start an engine with ${role} in INORDER_ROLES.`,
    );
  if (missing.length === 0) found.ok('every role is hosted by a living engine');
}

async function shards(found: Findings, client: pg.Client, living: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ owner: string | null; shards: number; lanes: number; overdue: number }>(
    `SELECT l.owner, count(DISTINCT l.shard)::int AS shards, count(i.interface_id)::int AS lanes,
            count(DISTINCT l.shard) FILTER (WHERE l.expires_at < now() - interval '10 seconds')::int AS overdue
       FROM shard_lease l LEFT JOIN interface i ON i.shard = l.shard AND i.enabled
      GROUP BY l.owner`,
  );
  const free = rows.find((row) => row.owner === null);
  const orphaned = rows.filter((row) => row.owner !== null && !living.includes(row.owner));
  const frozen = rows.filter((row) => row.owner !== null && living.includes(row.owner) && row.overdue > 0);
  const why =
    'Their orders wait until somebody takes the shards, which is at once when given back, else after a lease.';
  const todo = 'Wait ten seconds and ask again; if it stays, see that an engine with the role deliver lives.';
  if (free !== undefined && free.shards > 0)
    found.problem(
      `${count(free.shards, 'shard')} of ${SHARDS} ${verb(free.shards, 'has', 'have')} no owner (${count(free.lanes, 'lane')})`,
      why,
      todo,
    );
  for (const { owner, shards: held, lanes } of orphaned)
    found.problem(
      `${count(held, 'shard')} ${verb(held, 'belongs', 'belong')} to ${owner}, which does not live (${count(lanes, 'lane')})`,
      why,
      todo,
    );
  for (const { owner, overdue } of frozen)
    found.warning(
      `${owner} says that it lives, but ${count(overdue, 'lease')} of it ended`,
      'Heartbeat and leases disagree: it does not renew.',
      `Look at the log of ${owner}.`,
    );
  if (free === undefined && orphaned.length === 0 && frozen.length === 0)
    found.ok(`all ${SHARDS} shards are owned: ${names(rows.map((row) => `${row.owner ?? ''} ${row.shards}`))}`);
}

async function sources(found: Findings, client: pg.Client, living: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ name: string; owner: string | null }>(
    'SELECT s.name, l.owner FROM source s LEFT JOIN source_lease l USING (source_id) ORDER BY s.name LIMIT 10000',
  );
  const unread = rows.filter((row) => row.owner === null || !living.includes(row.owner));
  if (rows.length === 0)
    found.warning(
      'no source is configured',
      'Nothing can come in.',
      'Apply a document with sources: ./inorder interface apply.',
    );
  else if (unread.length === 0)
    found.ok(`${rows.length === 1 ? 'the source is' : `all ${rows.length} sources are`} read by a living engine`);
  else
    found.problem(
      `${count(unread.length, 'source')} of ${rows.length} ${verb(unread.length, 'is', 'are')} read by nobody: ${names(unread.map((row) => row.name))}`,
      'Orders sent there wait at the sender or the broker.',
      'See that an engine with the role ingest lives; for a source of our own listener it needs INORDER_AMQP_PORT.',
    );
}

async function claims(found: Findings, client: pg.Client, living: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ instance: string | null; chunks: number; messages: number }>(
    `SELECT instance, count(*)::int AS chunks, sum(cardinality(message_ids))::int AS messages FROM stage_claim
      WHERE claimed_at < now() - $1 * interval '1 millisecond' GROUP BY instance`,
    [CLAIM_MS_MAX],
  );
  for (const { instance, messages } of rows) {
    const what = `${count(messages, 'message')} ${verb(messages, 'has', 'have')} been`;
    if (instance === null)
      found.problem(
        `${what} offered to the stages for over 30 s and nobody takes them`,
        'No living engine hosts the stage they come to, or those that do are full.',
        'See that engines with validate, enrich and route live.',
      );
    else
      found.warning(
        `${what} in the stages of ${instance} for over 30 s`,
        living.includes(instance)
          ? 'A look-up is down or the stages are overloaded.'
          : 'It does not live; the watchdog gives them to others.',
        `Look at the log of ${instance}; ./inorder lag says what each lane waits for.`,
      );
  }
  if (rows.length === 0) found.ok('nothing hangs in the stages');
}
