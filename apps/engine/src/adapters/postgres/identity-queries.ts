/**
 * Which Postgres this is, and what is done when it is another than it was (G21). Each statement is allowed to every role
 * by default; where a provider has taken that back, the two numbers of the database itself are still compared.
 */
import type { Queries, Statement } from './database.ts';

/** One server and one copy of the data on it. null: not learnt, or this role may not ask. */
export interface Identity {
  /** Made by initdb; a dump that is read into a new server, or pg_upgrade, has another. Decimal. */
  readonly system: string | null;
  /** Grows with each promotion: a standby that took over, a base backup that was recovered. */
  readonly timeline: number | null;
  readonly database: string | null;
  /** Of `store_identity`: made anew where a dump is read back into the same server. */
  readonly table: string | null;
}

export interface Standing {
  readonly known: Identity;
  readonly now: Identity;
  /** Grows by one with each other Postgres. */
  readonly generation: number;
  /** Lanes were made to hold, and the last of them is not released yet. */
  readonly holding: boolean;
  /** It only follows another server: nothing can be written here, and it has no timeline of its own. */
  readonly standby: boolean;
}

const KNOWN = `k.system_identifier::text AS known_system, k.timeline AS known_timeline, k.database_oid::text AS known_database,
       k.table_oid::text AS known_table, k.generation, k.held_at IS NOT NULL AS holding, pg_is_in_recovery() AS standby`;
const HERE = `d.oid::bigint::text AS database, k.tableoid::bigint::text AS "table"
  FROM store_identity k JOIN pg_database d ON d.datname = current_database()`;

/**
 * Primary key. The timeline in the control file is the one of the last checkpoint, which a promotion does not wait for;
 * the name of the present WAL file has the one that is written now.
 */
const LOOK: Statement = {
  name: 'identity_look',
  text: `
SELECT ${KNOWN}, s.system_identifier::text AS system,
       CASE WHEN NOT pg_is_in_recovery() THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
       ${HERE}
 CROSS JOIN pg_control_system() s`,
};
const LOOK_AT_DATABASE: Statement = {
  name: 'identity_look_at_database',
  text: `SELECT ${KNOWN}, NULL::text AS system, NULL::int AS timeline, ${HERE}`,
};
/** Whoever comes second waits here, and then reads what the first has written. */
const LOCK: Statement = { name: 'identity_lock', text: 'SELECT id FROM store_identity FOR UPDATE' };

/** @throws what `classify` understands; 42501, 42883 and 0A000 where `all` asks for more than is given here. */
export async function readStanding(queries: Queries, all: boolean): Promise<Standing> {
  const [row] = await queries.query<{
    known_system: string | null;
    known_timeline: number | null;
    known_database: string | null;
    known_table: string | null;
    generation: number;
    holding: boolean;
    standby: boolean;
    system: string | null;
    timeline: number | null;
    database: string;
    table: string;
  }>(all ? LOOK : LOOK_AT_DATABASE, []);
  if (row === undefined) throw new Error('store_identity has lost its row');
  return {
    known: {
      system: row.known_system,
      timeline: row.known_timeline,
      database: row.known_database,
      table: row.known_table,
    },
    now: { system: row.system, timeline: row.timeline, database: row.database, table: row.table },
    generation: row.generation,
    holding: row.holding,
    standby: row.standby,
  };
}

export async function lockIdentity(queries: Queries): Promise<void> {
  await queries.query(LOCK, []);
}

/** A part that cannot be asked now stays as it was known. */
const REMEMBER: Statement = {
  name: 'identity_remember',
  text: `
UPDATE store_identity
   SET system_identifier = coalesce($1::bigint, system_identifier), timeline = coalesce($2::int, timeline),
       database_oid = $3::bigint, table_oid = $4::bigint, known_at = now(),
       generation = generation + CASE WHEN $5 THEN 1 ELSE 0 END, held_at = CASE WHEN $5 THEN now() ELSE held_at END`,
};

/** `other`: it is another Postgres than the one that was known, and not the first that is learnt of. */
export async function remember(queries: Queries, now: Identity, other: boolean): Promise<void> {
  await queries.query(REMEMBER, [now.system, now.timeline, now.database, now.table, other]);
}

/**
 * Beyond every epoch that was ever given, on whatever copy of this data, so that none is given twice (ADR 19): milliseconds
 * since 1970 grow faster than epochs can, and where a clock is wrong the step alone is more than years of takeovers.
 */
export const EPOCH_STEP = 1_000_000;
/** `$1` is the step. */
const FURTHER = `GREATEST(l.epoch + $1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`;

/** In the order in which settlements and renewals lock them. Owners stay: each loses its tenure, none gains one early. */
const JUMP_SHARDS: Statement = {
  name: 'identity_jump_shards',
  text: `
WITH every AS MATERIALIZED (SELECT shard FROM shard_lease ORDER BY shard FOR UPDATE)
UPDATE shard_lease l SET epoch = ${FURTHER} FROM every WHERE l.shard = every.shard`,
};
const JUMP_SOURCES: Statement = {
  name: 'identity_jump_sources',
  text: `
WITH every AS MATERIALIZED (SELECT source_id FROM source_lease ORDER BY source_id FOR UPDATE)
UPDATE source_lease l SET epoch = ${FURTHER} FROM every WHERE l.source_id = every.source_id`,
};
/** Every lane, whatever it held for before: a hold that still has its cause comes back after the release. */
const HOLD_LANES: Statement = {
  name: 'identity_hold_lanes',
  text: `
WITH held AS (UPDATE message_delivery_checkpoint SET held_for = 'RESTORED', updated_at = now() RETURNING 1)
SELECT count(*)::int AS lanes FROM held`,
};

/** After the epochs no settlement or command of a former tenure can commit. @returns how many lanes hold now. */
export async function jumpAndHold(queries: Queries): Promise<number> {
  await queries.query(JUMP_SHARDS, [EPOCH_STEP]);
  await queries.query(JUMP_SOURCES, [EPOCH_STEP]);
  const [row] = await queries.query<{ lanes: number }>(HOLD_LANES, []);
  return row?.lanes ?? 0;
}

/** Index: incident_open_key_key. In the transaction of the hold: nobody finds lanes held and nothing said. */
const TELL: Statement = {
  name: 'identity_tell',
  text: `
INSERT INTO incident (incident_id, kind, scope, scope_name, detail, open_key)
VALUES ($1, 'RESTORED', 'ENGINE', 'postgres', $2, 'RESTORED ENGINE postgres')
ON CONFLICT (open_key) DO UPDATE SET occurrences = incident.occurrences + 1, last_at = now(), detail = excluded.detail`,
};

export async function tellRestored(queries: Queries, incidentId: string, detail: string): Promise<void> {
  await queries.query(TELL, [incidentId, detail]);
}

/**
 * Reads checkpoints to the first that is held; index incident_open_key_key. The generation keeps a hold that is being
 * written at this moment from being taken for the one that is over.
 */
const TELL_RELEASED: Statement = {
  name: 'identity_tell_released',
  text: `
WITH ended AS (
  UPDATE store_identity SET held_at = NULL
   WHERE generation = $1 AND held_at IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM message_delivery_checkpoint WHERE held_for = 'RESTORED')
  RETURNING 1
), closed AS (
  UPDATE incident SET open_key = NULL, closed_at = now()
   WHERE open_key = 'RESTORED ENGINE postgres' AND EXISTS (SELECT 1 FROM ended)
)
SELECT 1 AS ended FROM ended`,
};

/** Ends the incident once no lane holds for it any more. @returns whether it was this call that did. */
export async function tellReleased(queries: Queries, generation: number): Promise<boolean> {
  return (await queries.query(TELL_RELEASED, [generation])).length > 0;
}
