/** The rules of `statements.ts` against the statements that the engine really has, read from its source. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeStatement } from './statements.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../apps/engine/src/adapters/postgres');
const STATEMENT =
  /(?:name: '(?<name>\w+)'|name: `(?<stem>\w+)_\$\{.*`|\bname),\s*(?:keyed: true,\s*)?text:\s*(?:`(?<long>[^`]*)`|'(?<short>[^']*)'|"(?<quoted>[^"]*)")/g;
const DECLARED = /: Statement = \{|\bstatement: \{|: Statement => \(\{/g;
/** A constant that others embed. */
const PART = /const (?<name>[A-Z_]+) =\s*(?:`(?<text>[^`]*)`|'(?<short>[^']*)')/g;
/** A text that a function makes for several tables: its name comes with them. */
const MADE = 'retention_clean';
/** Made of another's text by code: the same text but for its key. */
const DERIVED = ['lanes_by_id'];

interface Source {
  readonly file: string;
  readonly declared: number;
  readonly statements: ReadonlyMap<string, string>;
}

function readSource(file: string): Source {
  const source = readFileSync(path.join(FOLDER, file), 'utf8');
  const parts = new Map(
    [...source.matchAll(PART)].map(({ groups }) => [groups?.['name'], groups?.['text'] ?? groups?.['short'] ?? '']),
  );
  // What a function is given for a table stands for any.
  const whole = (text: string): string => text.replace(/\$\{(\w+)\}/g, (_, name: string) => parts.get(name) ?? name);
  const statements = [...source.matchAll(STATEMENT)].map(
    ({ groups }) =>
      [
        groups?.['name'] ?? groups?.['stem'] ?? MADE,
        whole(groups?.['long'] ?? groups?.['short'] ?? groups?.['quoted'] ?? ''),
      ] as const,
  );
  return { file, declared: source.match(DECLARED)?.length ?? 0, statements: new Map(statements) };
}

const SOURCES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map(readSource);
const TEXTS = new Map(SOURCES.flatMap(({ statements }) => [...statements]));
const described = new Map([...TEXTS].map(([name, text]) => [name, describeStatement(text)]));

test('every statement of the engine is read, with the constants it embeds', () => {
  for (const { file, declared, statements } of SOURCES) {
    const derived = DERIVED.filter((name) => readFileSync(path.join(FOLDER, file), 'utf8').includes(`'${name}'`));
    expect(statements.size + derived.length, file).toBe(declared);
  }
  for (const [name, text] of TEXTS) expect(text, name).not.toMatch(/\$\{|^$/);
});

test('the statements on the way of a message are named as the engine names them', () => {
  const hot = [
    'ingest_store_batch',
    'stage_write_outcomes',
    'stage_take_claims',
    'settle',
    'outbound_payloads',
    'open_numbers',
    'head_tries',
    'stage_read_messages',
    'stage_read_outcomes',
    'stage_release_claims',
    'stage_touch_claims',
    'failed_orders',
    'pending_replays',
    'site_codes',
    'site_documents',
  ];
  for (const name of hot) expect(described.get(name)).toMatchObject({ name, purpose: 'message' });
});

test('no statement that each message or each hand-over needs reads tracking or checkpoint', () => {
  for (const name of [
    'ingest_store_batch',
    'stage_write_outcomes',
    'stage_take_claims',
    'settle',
    'outbound_payloads',
  ]) {
    expect(described.get(name)?.reads, name).toEqual([]);
  }
});

/** What may be counted apart; anything else is the messages' own. */
const APART = {
  configuration: [
    'site_code_tables',
    'site_connections',
    'site_destinations',
    'site_interfaces',
    'site_sources',
    'site_version',
    'store_check',
  ],
  console: ['commands_pending', 'store_source_protection'],
  heartbeat: [
    'identity_look',
    'identity_look_at_database',
    'instance_beat',
    'instance_standing',
    'instance_stopped',
    'ping',
  ],
  lease: [
    'acquire_shards',
    'acquire_sources',
    'give_back_shards',
    'give_back_sources',
    'observe_leases',
    'observe_sources',
    'renew_shards',
    'renew_sources',
    'stage_release_own_claims',
  ],
  maintenance: [
    'drop_old_ingest_keys',
    'drop_stuck_claims',
    'ensure_partitions',
    'maintenance_claim',
    'maintenance_finish',
    'prune',
    'retention_clean',
    'retention_drop_partition',
    'retention_floors',
    'retention_hold_outcomes',
    'retention_keep_payloads',
    'retention_lock_removable',
    'retention_needed_payloads',
    'retention_old_partitions',
    'retention_pass',
    'retention_remove',
  ],
  watchdog: ['broken_lanes', 'open_lanes', 'stage_offer_messages', 'stage_open_claims'],
};

test('only what runs by the clock, at a start or for people is counted apart, by its own name', () => {
  const apart = [...described].filter(([, { purpose }]) => purpose !== 'message');
  const byPurpose = Object.groupBy(apart, ([, { purpose }]) => purpose);
  expect(
    Object.fromEntries(Object.entries(byPurpose).map(([purpose, all]) => [purpose, all.map(([n]) => n).toSorted()])),
  ).toEqual(APART);
  for (const [name, found] of apart) expect(found.name).toBe(name);
});

/** As `pg_stat_statements` shows it: constants are parameters that nobody gave a name. */
const normalised = (text: string): string =>
  text.replace(/\/\*.*?\*\//gs, ' ').replace(/'[^']*'|(?<![\w$.])\d+\b|\b(true|false)\b/g, '$99');

test('no constant decides what a statement is taken for', () => {
  for (const [name, text] of TEXTS) {
    const { purpose } = describeStatement(normalised(text));
    expect(purpose, name).toBe(described.get(name)?.purpose);
  }
});
