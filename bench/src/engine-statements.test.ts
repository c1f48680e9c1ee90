/** The rules of `statements.ts` against the statements that the engine really has, read from its source. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeStatement } from './statements.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../apps/engine/src/adapters/postgres');
const STATEMENT = /name: '(?<name>\w+)',\s*(?:keyed: true,\s*)?text:\s*(?:`(?<long>[^`]*)`|'(?<short>[^']*)')/g;

function engineStatements(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    for (const { groups } of readFileSync(path.join(FOLDER, file), 'utf8').matchAll(STATEMENT)) {
      if (groups?.['name'] !== undefined) found.set(groups['name'], groups['long'] ?? groups['short'] ?? '');
    }
  }
  return found;
}

const described = new Map([...engineStatements()].map(([name, text]) => [name, describeStatement(text)]));

test('the statements on the way of a message are named as the engine names them', () => {
  const hot = [
    'ingest_store_batch',
    'stage_write_outcomes',
    'settle',
    'outbound_payloads',
    'open_numbers',
    'head_tries',
  ];
  for (const name of hot) expect(described.get(name)).toMatchObject({ name, purpose: 'message' });
});

test('the three statements of every message read neither tracking nor checkpoint', () => {
  for (const name of ['ingest_store_batch', 'stage_write_outcomes', 'settle']) {
    expect(described.get(name)?.reads, name).toEqual([]);
  }
});

/** What may be counted apart; anything else is the messages' own. */
const APART = [
  'acquire_shards',
  'acquire_sources',
  'broken_lanes',
  'commands_pending',
  'drop_dead_claims',
  'drop_old_ingest_keys',
  'ensure_partitions',
  'give_back_shards',
  'give_back_sources',
  'instance_beat',
  'instance_stopped',
  'live_claims',
  'observe_leases',
  'observe_sources',
  'open_lanes',
  'renew_shards',
  'renew_sources',
  'site_code_tables',
  'site_connections',
  'site_destinations',
  'site_documents',
  'site_interfaces',
  'site_sources',
  'site_version',
];

test('only lease, heartbeat, watchdog, configuration and the command poll are counted apart, by their own names', () => {
  const apart = [...described].filter(([, { purpose }]) => purpose !== 'message');
  expect(apart.map(([name]) => name).toSorted()).toEqual(APART);
  for (const [name, found] of apart) expect(found.name).toBe(name);
});
