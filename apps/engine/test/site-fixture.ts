/** A migrated database with interfaces and sources, and what ingest and the stages need beside it. Synthetic only. */
import {
  type Clock,
  epoch,
  type InboundMessage,
  type InstanceId,
  type InterfaceId,
  instanceId,
  interfaceId,
  type SourceId,
  shardOf,
  sourceId,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { createDatabase, type Database, type Queries } from '../src/adapters/postgres/database.ts';
import type { LaneInbox, Numbered, StageEnd } from '../src/delivery/inbox.ts';
import { openSiteCache } from '../src/site/postgres-site-cache.ts';
import type { SiteCache } from '../src/site/site-cache.ts';
import type { StageIntake } from '../src/stages/intake.ts';

export const silent = pino({ level: 'silent' });

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export interface SiteFixture extends AsyncDisposable {
  readonly test: TestDatabase;
  readonly database: Database;
  readonly site: SiteCache;
  readonly codes: readonly string[];
  readonly interfaceIds: readonly InterfaceId[];
  /** Shared queue: the property `interface` names the interface. */
  readonly shared: SourceId;
  /** Feeds the first two interfaces with everything. */
  readonly both: SourceId;
  readonly instance: InstanceId;
  /** Another engine process on the same database. */
  connect(name: string): Database;
}

export interface SiteFixtureOptions {
  readonly interfaces: number;
  readonly document?: Record<string, unknown>;
}

export const DESTINATION = 'lis';

export async function siteFixture(options: SiteFixtureOptions): Promise<SiteFixture> {
  const test = await testDatabase();
  const instance = instanceId('engine-a');
  const ids = Array.from({ length: options.interfaces }, () => interfaceId(uuidv7()));
  const codes = ids.map((_, index) => `LAB-${String(index + 1).padStart(4, '0')}`);
  const shared = sourceId(uuidv7());
  const both = sourceId(uuidv7());
  const document = options.document ?? { route: [{ name: 'all', to: DESTINATION }] };
  const { pool } = test;
  await pool.query(
    `INSERT INTO interface (interface_id, code, name, shard)
     SELECT u.id, u.code, u.code, u.shard FROM unnest($1::uuid[], $2::text[], $3::smallint[]) AS u(id, code, shard)`,
    [ids, codes, ids.map(shardOf)],
  );
  await pool.query(
    "INSERT INTO interface_revision (interface_id, revision, document, created_by) SELECT i, 1, $2, 'test' FROM unnest($1::uuid[]) i",
    [ids, JSON.stringify(document)],
  );
  await pool.query('INSERT INTO interface_sequence (interface_id) SELECT unnest($1::uuid[])', [ids]);
  await pool.query(
    'INSERT INTO message_delivery_checkpoint (interface_id, shard) SELECT u.id, u.shard FROM unnest($1::uuid[], $2::smallint[]) AS u(id, shard)',
    [ids, ids.map(shardOf)],
  );
  const connectionId = uuidv7();
  await pool.query(
    "INSERT INTO jms_connection (connection_id, name, document, updated_at) VALUES ($1, 'broker', $2, now())",
    [connectionId, JSON.stringify({ kind: 'LISTEN', port: 0 })],
  );
  await pool.query('INSERT INTO destination (destination_id, name, document, updated_at) VALUES ($1, $2, $3, now())', [
    uuidv7(),
    DESTINATION,
    JSON.stringify({ kind: 'MLLP', host: '127.0.0.1', port: 2575 }),
  ]);
  for (const [id, name, property, feeds] of [
    [shared, 'orders', 'interface', ids],
    [both, 'copies', undefined, ids.slice(0, 2)],
  ] as const) {
    await pool.query(
      'INSERT INTO source (source_id, name, connection_id, document, updated_at) VALUES ($1, $2, $3, $4, now())',
      [id, name, connectionId, JSON.stringify({ connection: 'broker', address: name, interfaceProperty: property })],
    );
    await pool.query('INSERT INTO source_interface (source_id, interface_id) SELECT $1, unnest($2::uuid[])', [
      id,
      feeds,
    ]);
    await pool.query(
      "INSERT INTO source_lease (source_id, owner, epoch, expires_at) VALUES ($1, $2, 1, now() + interval '1 hour')",
      [id, instance],
    );
  }
  const databases: Database[] = [];
  const connect = (name: string): Database => {
    const made = createDatabase({
      url: test.url,
      statementTimeoutMs: 30_000,
      connectionsMax: 4,
      applicationName: name,
      clock: realClock,
    });
    databases.push(made);
    return made;
  };
  const database = connect('engine-a');
  const site = await openSiteCache({ database, clock: realClock, logger: silent });
  return {
    test,
    database,
    site,
    codes,
    interfaceIds: ids,
    shared,
    both,
    instance,
    connect,
    async [Symbol.asyncDispose]() {
      await site.close();
      for (const each of databases) await each.close();
      await test[Symbol.asyncDispose]();
    },
  };
}

/** A lane inbox that remembers. `count(n)` resolves once n stage ends were told. */
/** Ingest alone: what it stores is offered, and nobody here hears of it. */
export const OFFERED_TO_NOBODY: StageIntake = {
  keeps: () => false,
  received: () => {
    throw new Error('nothing is kept here');
  },
  offered: () => undefined,
  whenRoom: () => Promise.resolve(),
};

export class RecordingLanes implements LaneInbox {
  readonly numbers: Numbered[] = [];
  readonly ends: StageEnd[] = [];
  readonly #waiting: { readonly ends: number; readonly resolve: () => void }[] = [];

  numbered(numbers: readonly Numbered[]): void {
    this.numbers.push(...numbers);
  }

  stageEnded(ends: readonly StageEnd[]): void {
    this.ends.push(...ends);
    for (const each of this.#waiting) if (this.ends.length >= each.ends) each.resolve();
  }

  ended(ends: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.ends.length >= ends) resolve();
      else this.#waiting.push({ ends, resolve });
    });
  }
}

export function inbound(
  source: SourceId,
  code: string | null,
  body: string | Uint8Array,
  more: Partial<InboundMessage> = {},
): InboundMessage {
  return {
    sourceId: source,
    sourceEpoch: epoch(1),
    jmsMessageId: `ID:${uuidv7()}`,
    redelivered: false,
    body: typeof body === 'string' ? Buffer.from(body) : body,
    contentType: null,
    properties: code === null ? {} : { interface: code },
    ...more,
  };
}

/** Counts statements, and may fail one before or after it ran: `lostAnswer` throws although the commit stands. */
export class ShakyDatabase implements Database {
  readonly names: string[] = [];
  readonly #inner: Database;
  /** Called before each statement; throw from it, or return true to lose the answer after the commit. */
  fault: (name: string) => boolean = () => false;

  constructor(inner: Database) {
    this.#inner = inner;
  }

  async query<Row extends object>(...[statement, values]: Parameters<Queries['query']>): Promise<Row[]> {
    this.names.push(statement.name);
    const lost = this.fault(statement.name);
    const rows = await this.#inner.query<Row>(statement, values);
    if (lost) throw connectionLost();
    return rows;
  }

  transaction<T>(run: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#inner.transaction(run);
  }

  listen(channel: string, onNotify: () => void): () => Promise<void> {
    return this.#inner.listen(channel, onNotify);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

export function connectionLost(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}
