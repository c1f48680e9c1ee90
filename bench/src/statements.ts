/**
 * What the statements of one run were for, judged by their text alone, as `pg_stat_statements` shows it.
 *
 * The rule of counting: calls that grow with messages are the messages' own; lease, heartbeat, watchdog, maintenance,
 * configuration and console are named and counted apart. **Invariant:** a text that no rule knows is the messages' own, so
 * a new statement can only make the figures worse until somebody names it here.
 */

export type Purpose = 'message' | 'lease' | 'heartbeat' | 'watchdog' | 'maintenance' | 'configuration' | 'console';

export interface Described {
  /** As the engine names the statement where a rule knows it; else how it begins. */
  readonly name: string;
  readonly purpose: Purpose;
  /** Those of `WATCHED` that it reads; a table that it only writes is none. */
  readonly reads: readonly Watched[];
  /** Whether it reads payloads: none are where one instance takes in, stages and delivers, else one batched read a hand-over. */
  readonly readsPayloads: boolean;
}

/** The tables whose reads have a budget of none, and the view over them. */
const WATCHED = ['message_tracking', 'message_delivery_checkpoint', 'ready_for_delivery'] as const;
export type Watched = (typeof WATCHED)[number];
const PAYLOADS = 'message_payload';

interface Rule {
  readonly name: string;
  readonly purpose: Purpose;
  /** All of them must be found. */
  readonly has: readonly RegExp[];
}

const OPEN_NUMBERS = 'open_numbers';

const rule = (name: string, purpose: Purpose, ...has: readonly RegExp[]): Rule => ({ name, purpose, has });

/** The first that fits counts. Constants do not decide: Postgres shows `$7` in their place. */
const RULES: readonly Rule[] = [
  rule('ingest_store_batch', 'message', /INSERT INTO message_tracking\b/, /INSERT INTO ingest_key\b/),
  rule('stage_write_outcomes', 'message', /UPDATE message_tracking\b/, /INSERT INTO message_key\b/),
  rule('settle', 'message', /UPDATE message_delivery_checkpoint\b/, /INSERT INTO delivery_attempt\b/, /\bunnest\b/),
  // The hand-over between instances: payloads by key, once a batch of chunks.
  rule(
    'stage_take_claims',
    'message',
    /UPDATE stage_claim c SET instance = \$2, claimed_at = now\(\)(, deaths = o\.deaths)? FROM open\b/,
  ),
  rule('outbound_payloads', 'message', /^SELECT message_id, coalesce\(processed, raw\)/),
  // Also the watchdog's batch check, word for word: see `watchdogChecks`.
  rule(OPEN_NUMBERS, 'message', /CROSS JOIN LATERAL \(SELECT \* FROM message_tracking\b/),
  rule('head_tries', 'message', /^SELECT a\.interface_id, max\(a\.attempt_no\)/),
  // At a takeover, and after a settlement that did not fit.
  rule('lanes', 'message', /^SELECT c\.interface_id, c\.shard, c\.last_delivered_sequence\b/),
  rule('failed_orders', 'message', /^SELECT d\.interface_id, encode\(k\.key_hash\b/),
  rule('pending_replays', 'message', /^SELECT r\.replay_id, r\.interface_id\b/, /FROM replay r JOIN lane_command c\b/),
  rule('stage_read_outcomes', 'message', /^SELECT t\.message_id, (t\.run, )?t\.status, coalesce\(p\.destination_id\b/),
  rule('stage_read_messages', 'message', /^SELECT \S+ AS stage, \S+ AS fresh, t\.message_id\b/),
  rule('stage_touch_claims', 'message', /^UPDATE stage_claim SET claimed_at = now\(\) WHERE claim_id\b/),
  rule('stage_release_claims', 'message', /^UPDATE stage_claim SET instance = NULL\b.* WHERE claim_id\b/),
  // Once for each interface and instance, when its first message comes.
  rule('site_documents', 'message', /JOIN interface_revision r ON\b/),
  // Once for each code of a table that a message is the first to use.
  rule('site_codes', 'message', /JOIN code_table_entry e ON\b/),
  rule('incident', 'message', /^(INSERT INTO|UPDATE) incident\b/),

  rule(
    'observe_leases',
    'lease',
    /^SELECT \(SELECT coalesce\(json_agg\(/,
    /FROM shard_lease\b/,
    /FROM engine_instance\b/,
  ),
  rule(
    'renew_shards',
    'lease',
    /^WITH own AS MATERIALIZED \( SELECT l\.shard FROM shard_lease\b/,
    /UPDATE shard_lease l SET renewals\b/,
  ),
  rule('acquire_shards', 'lease', /^UPDATE shard_lease l SET owner = \$1/),
  rule(
    'give_back_shards',
    'lease',
    /^WITH own AS MATERIALIZED \( SELECT l\.shard FROM shard_lease\b/,
    /UPDATE shard_lease l SET owner = NULL/,
  ),
  rule('observe_sources', 'lease', /^SELECT source_id, owner, epoch, renewals FROM source_lease\b/),
  rule('renew_sources', 'lease', /^UPDATE source_lease l SET renewals\b/),
  rule('acquire_sources', 'lease', /^UPDATE source_lease l SET owner = \$1/),
  rule('give_back_sources', 'lease', /^UPDATE source_lease\b/),
  // Once, at the start of an instance.
  rule(
    'stage_release_own_claims',
    'lease',
    /\bUPDATE stage_claim (c )?SET instance = NULL\b.* WHERE (c\.)?instance = \$1\b/,
  ),
  rule('instance_stopped', 'heartbeat', /^UPDATE engine_instance SET stopped_at\b/),
  rule('instance_beat', 'heartbeat', /^INSERT INTO engine_instance\b/),
  // Once a second, and on each new connection.
  rule('identity_look', 'heartbeat', /FROM store_identity k JOIN pg_database d\b/, /CROSS JOIN pg_control_system\(\)/),
  rule('identity_look_at_database', 'heartbeat', /FROM store_identity k JOIN pg_database d\b/),
  // Whoever asks /readyz causes these.
  rule('instance_standing', 'heartbeat', /AS silent_ms\b.* FROM engine_instance i WHERE i\.instance = \$1$/),
  rule('ping', 'heartbeat', /^SELECT \S+ AS one$/),

  rule('open_lanes', 'watchdog', /^SELECT s\.interface_id, s\.last_sequence_no FROM interface_sequence\b/),
  // Chunks that no hint told of, and messages that lanes miss.
  rule('stage_open_claims', 'watchdog', /^WITH offered AS \( SELECT w\.claim_id\b/),
  rule('stage_offer_messages', 'watchdog', /^WITH given AS MATERIALIZED\b/, /INSERT INTO stage_claim\b/),
  rule('broken_lanes', 'watchdog', /^SELECT i\.code, c\.last_delivered_sequence AS checkpoint\b/),

  rule('maintenance_claim', 'maintenance', /^INSERT INTO maintenance_run\b/),
  rule('maintenance_finish', 'maintenance', /^UPDATE maintenance_run\b/),
  rule('ensure_partitions', 'maintenance', /^SELECT parts\.ensure_payload_partitions\(/),
  rule('drop_stuck_claims', 'maintenance', /^DELETE FROM stage_claim WHERE \(?instance IS NOT NULL\b.* claimed_at </),
  rule('drop_old_ingest_keys', 'maintenance', /^DELETE FROM ingest_key\b/),
  rule('prune', 'maintenance', /^DELETE FROM \w+ WHERE ctid = ANY\(ARRAY\(SELECT x\.ctid FROM\b/),
  rule('retention_floors', 'maintenance', /^WITH page AS MATERIALIZED \( SELECT s\.interface_id, s\.retained_from\b/),
  rule('retention_pass', 'maintenance', /INSERT INTO sequence_range\b/),
  rule('retention_lock_removable', 'maintenance', /^SELECT t\.message_id, t\.sequence_no\b.*\bs\.retained_from\b/),
  rule('retention_remove', 'maintenance', /^WITH gone AS \( DELETE FROM message_tracking\b/),
  rule('retention_old_partitions', 'maintenance', /\bFROM pg_inherits h\b/),
  rule(
    'retention_needed_payloads',
    'maintenance',
    /^WITH page AS MATERIALIZED \( SELECT t\.message_id\b.* AS in_stages\b/,
  ),
  rule('retention_hold_outcomes', 'maintenance', /^SELECT message_id FROM message_tracking\b.* FOR SHARE SKIP LOCKED$/),
  rule('retention_keep_payloads', 'maintenance', /INSERT INTO message_payload_kept\b/),
  rule('retention_drop_partition', 'maintenance', /^SELECT parts\.drop_payload_partition\(/),
  rule(
    'retention_clean',
    'maintenance',
    /^WITH page AS MATERIALIZED \( SELECT message_id FROM [\w.]+ WHERE message_id > \$1 AND message_id < parts\.uuid_from\(/,
  ),

  // At the start alone.
  rule('store_check', 'configuration', /^SELECT name, setting FROM pg_settings\b/),
  rule('site_version', 'configuration', /^SELECT concat_ws\(/, /FROM interface_sequence\b/),
  rule('site_interfaces', 'configuration', /^SELECT i\.interface_id, i\.code, i\.shard, i\.enabled\b/),
  rule('site_sources', 'configuration', /^SELECT s\.source_id, s\.name, s\.connection_id, s\.document\b/),
  rule('site_connections', 'configuration', /^SELECT connection_id AS id\b/),
  rule('site_destinations', 'configuration', /^SELECT destination_id AS id\b/),
  rule('site_code_tables', 'configuration', /^SELECT code_table_id, name\b/),

  // What brokers say of queues, each ten minutes.
  rule('store_source_protection', 'console', /^INSERT INTO source_protection\b/),
  rule('commands_pending', 'console', /FROM lane_command l JOIN interface i\b/),
  rule('listen', 'console', /^LISTEN\b/),
];

const COMMENT = /\/\*.*?\*\/|--[^\n]*/gs;
const NAME_CHARS = 60;

export function describeStatement(text: string): Described {
  const plain = plainText(text);
  const known = RULES.find(({ has }) => has.every((part) => part.test(plain)));
  return {
    name: known?.name ?? plain.slice(0, NAME_CHARS),
    purpose: known?.purpose ?? 'message',
    reads: WATCHED.filter((table) => isRead(plain, table)),
    readsPayloads: isRead(plain, PAYLOADS),
  };
}

/** Without comments, and with single spaces. */
function plainText(text: string): string {
  return text.replace(COMMENT, ' ').replace(/\s+/g, ' ').trim();
}

/** Named after FROM, JOIN, USING or a comma; `DELETE FROM` names what is written. */
function isRead(plain: string, table: string): boolean {
  const source = new RegExp(`(?<!DELETE )\\b(FROM|JOIN|USING)\\s+(ONLY\\s+)?([\\w"]+\\.)?"?${table}"?(?![\\w"])`, 'i');
  const inList = new RegExp(`,\\s*([\\w"]+\\.)?"?${table}"?(?![\\w".(])`, 'i');
  return source.test(plain) || inList.test(plain);
}

/** How often a text was run, by the text. */
export type Calls = ReadonlyMap<string, { readonly calls: number; readonly totalMs: number }>;

export interface Spell {
  readonly seconds: number;
  readonly calls: Calls;
}

export interface StatementRow extends Described {
  /** Calls while messages flowed. */
  readonly calls: number;
  readonly callsPerSecond: number;
  /** Calls for each delivered message. */
  readonly perMessage: number;
  /** Calls a second of the same engine with no messages. */
  readonly idlePerSecond: number;
  readonly meanMs: number;
  /** Calls beyond what the idle engine would have made, for each delivered message. */
  readonly grownPerMessage: number;
}

export interface StatementReport {
  readonly rows: readonly StatementRow[];
  /** Calls of the messages' own statements for each delivered message. */
  readonly roundTripsPerMessage: number;
  /** Those among them that read `message_tracking`, the checkpoint or the view over them; the budget is 0. */
  readonly readsPerMessage: number;
  /** The same by table. */
  readonly readsOf: Readonly<Record<Watched, number>>;
  /** Those among them that read payloads, each of them by keys. */
  readonly payloadReadsPerMessage: number;
  /** Calls for each purpose counted apart. */
  readonly apart: Readonly<Record<Exclude<Purpose, 'message'>, number>>;
  /** Statements counted apart whose calls grew with messages all the same: a rule above may be wrong. */
  readonly grewApart: readonly string[];
}

/** Growth below it is chance: a round of the watchdog more or less. */
const GROWN_PER_MESSAGE_MIN = 0.05;
const GROWN_CALLS_MIN = 5;

/**
 * @param delivered messages that were delivered while `load` was counted.
 * @param watchdogChecks how many of the `open_numbers` the engine says its watchdog asked: Postgres cannot tell them apart.
 */
export function reportStatements(idle: Spell, load: Spell, delivered: number, watchdogChecks: number): StatementReport {
  const perMessage = (calls: number): number => (delivered === 0 ? 0 : calls / delivered);
  const rows = [...load.calls].flatMap(([text, { calls, totalMs }]): StatementRow[] => {
    const described = describeStatement(text);
    const idlePerSecond = (idle.calls.get(text)?.calls ?? 0) / idle.seconds;
    const row = (of: Described, share: number): StatementRow => ({
      ...of,
      calls: share,
      callsPerSecond: share / load.seconds,
      perMessage: perMessage(share),
      idlePerSecond,
      meanMs: totalMs / calls,
      grownPerMessage: perMessage(Math.max(0, share - idlePerSecond * load.seconds)),
    });
    if (described.name !== OPEN_NUMBERS) return [row(described, calls)];
    const checks = Math.min(watchdogChecks, calls);
    const split = [
      row(described, calls - checks),
      row({ ...described, name: `${OPEN_NUMBERS} (batch check)`, purpose: 'watchdog' }, checks),
    ];
    return split.filter((part) => part.calls > 0);
  });
  rows.sort((a, b) => Number(b.purpose === 'message') - Number(a.purpose === 'message') || b.calls - a.calls);
  const own = rows.filter((row) => row.purpose === 'message');
  const callsOf = (some: readonly StatementRow[]): number => some.reduce((sum, row) => sum + row.calls, 0);
  const readsOf = (table: Watched): number => perMessage(callsOf(own.filter((row) => row.reads.includes(table))));
  const apart = (purpose: Purpose): number => callsOf(rows.filter((row) => row.purpose === purpose));
  const grew = (row: StatementRow): boolean =>
    row.grownPerMessage > GROWN_PER_MESSAGE_MIN && row.grownPerMessage * delivered > GROWN_CALLS_MIN;
  return {
    rows,
    roundTripsPerMessage: perMessage(callsOf(own)),
    readsPerMessage: perMessage(callsOf(own.filter((row) => row.reads.length > 0))),
    readsOf: {
      message_tracking: readsOf('message_tracking'),
      message_delivery_checkpoint: readsOf('message_delivery_checkpoint'),
      ready_for_delivery: readsOf('ready_for_delivery'),
    },
    payloadReadsPerMessage: perMessage(callsOf(own.filter((row) => row.readsPayloads))),
    apart: {
      lease: apart('lease'),
      heartbeat: apart('heartbeat'),
      watchdog: apart('watchdog'),
      maintenance: apart('maintenance'),
      configuration: apart('configuration'),
      console: apart('console'),
    },
    grewApart: rows.filter((row) => row.purpose !== 'message' && grew(row)).map((row) => row.name),
  };
}

/** What was called between two readings. */
export function callsBetween(before: Calls, after: Calls): Calls {
  return new Map(
    [...after].flatMap(([text, now]) => {
      const then = before.get(text);
      const calls = now.calls - (then?.calls ?? 0);
      return calls > 0 ? [[text, { calls, totalMs: now.totalMs - (then?.totalMs ?? 0) }] as const] : [];
    }),
  );
}
