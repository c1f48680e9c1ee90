/**
 * A model of the design that Inorder started from, to count what it asks of Postgres. Two ways to know which number is
 * next: each arriving message is compared with the checkpoint and given back to its queue when it is early (`NACK`), or the
 * view `ready_for_delivery` is polled (`VIEW`). Only the delivery side is counted, and where the description leaves a
 * choice the cheaper one is taken: one read where the message is the next, tracking and checkpoint written in one
 * statement, no dead letters, no second instance, a queue in memory, a laboratory that is a timer.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, migrate, uuidv7, withDatabase } from '@inorder/db';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import pg from 'pg';
import { type Summary, summarise } from './percentile.ts';
import { describeStatement } from './statements.ts';

export interface Work {
  readonly messages: number;
  /** Among which the messages go round. */
  readonly interfaces: number;
  /** 0 = all at once. */
  readonly ratePerSecond: number;
  /** Shares that fail in a stage at once, and that the laboratory refuses (three retries). */
  readonly poison: { readonly unknownCode: number; readonly nackCode: number };
}

/** Times in milliseconds. */
export type Way =
  | { readonly kind: 'NACK'; readonly redeliveryMs: number }
  | { readonly kind: 'VIEW'; readonly pollMs: number };

export interface Count {
  /** In their own numbers, never poison. */
  readonly delivered: number;
  readonly seconds: number;
  /** Statements of the delivery side for each delivered message; the reads of tracking, checkpoint and view among them. */
  readonly roundTripsPerMessage: number;
  readonly readsPerMessage: number;
  /** Pages of 8 KiB that those reads looked at, in memory or not, for each delivered message. */
  readonly pagesReadPerMessage: number;
  readonly nacksPerMessage: number;
  /** Most often that one message was given back. */
  readonly nacksMax: number;
  /** A delivered message stood though it was ready and the one before it was settled. */
  readonly stoodMs: Summary;
}

const STAGE_WORKERS = 64;
const STAGE_MS_MAX = 4;
const CONSUMERS = 16;
const SEND_MS = 1;
const RETRY_DELAYS_MS = [500, 1000, 2000] as const;
const STAGE_ROLE = 'bench_stages';
const DATABASE = 'original';
/** As many as the product is made for, most of them quiet, each with a little history. */
const CONFIGURED = 25_000;
const HISTORY = 8;

const CHECKPOINT = 'SELECT last_delivered_sequence FROM message_delivery_checkpoint WHERE interface_id = $1';
const BETWEEN = `SELECT status FROM message_tracking
  WHERE interface_id = $1 AND sequence_no > $2 AND sequence_no < $3 ORDER BY sequence_no`;
const PASS = `UPDATE message_delivery_checkpoint SET last_delivered_sequence = $3
  WHERE interface_id = $1 AND last_delivered_sequence = $2`;
const SETTLE = `WITH ended AS (
  UPDATE message_tracking t SET status = v.status::message_status, settled_at = now()
    FROM unnest($1::uuid[], $2::text[]) AS v(message_id, status) WHERE t.message_id = v.message_id)
UPDATE message_delivery_checkpoint c SET last_delivered_sequence = v.n
  FROM unnest($3::uuid[], $4::bigint[]) AS v(interface_id, n) WHERE c.interface_id = v.interface_id`;
const READY = 'SELECT message_id FROM ready_for_delivery';
const PASS_FAILED_HEADS = `UPDATE message_delivery_checkpoint c SET last_delivered_sequence = t.sequence_no
  FROM message_tracking t
 WHERE t.interface_id = c.interface_id AND t.sequence_no = c.last_delivered_sequence + 1 AND t.status = 'FAILED'
RETURNING c.interface_id, c.last_delivered_sequence`;

interface Message {
  readonly id: string;
  readonly interfaceId: string;
  readonly n: number;
  readonly fate: 'deliver' | 'fails in a stage' | 'is refused';
  readyAtMs: number;
  nacks: number;
}

export interface OriginalDesign extends AsyncDisposable {
  /** One round of the work on interfaces of its own. */
  run(work: Work, way: Way): Promise<Count>;
}

/** A Postgres cluster of its own with fsync on, this repository's schema, and the quiet interfaces' history. */
export async function startOriginalDesign(): Promise<OriginalDesign> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-original-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), port: 0, durable: true });
  stack.defer(() => postgres.stop());
  const url = withDatabase(postgres.url, DATABASE);
  await createDatabase(url);
  await migrate(url);
  const pool = (connectionString: string): pg.Pool => {
    const made = new pg.Pool({ connectionString, max: CONSUMERS });
    made.on('error', () => undefined); // Idle connections that Postgres ends before us.
    stack.defer(() => made.end());
    return made;
  };
  const delivery = pool(url);
  const password = randomBytes(16).toString('hex');
  await delivery.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  await delivery.query(`CREATE ROLE ${STAGE_ROLE} SUPERUSER LOGIN PASSWORD '${password}'`);
  const as = new URL(url);
  as.username = STAGE_ROLE;
  as.password = password;
  const stages = pool(as.toString());
  const ids = await configure(stages);
  const kept = stack.move();
  let used = 0;
  return {
    async run(work, way) {
      const mine = ids.slice(used, used + work.interfaces);
      used += work.interfaces;
      if (mine.length < work.interfaces) throw new RangeError(`no more than ${CONFIGURED} interfaces are configured`);
      return await new Round(delivery, stages, work, way, await number(stages, work, mine)).run();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function configure(pool: pg.Pool): Promise<string[]> {
  await pool.query(
    `INSERT INTO interface (interface_id, code, name, shard)
     SELECT gen_random_uuid(), 'LAB-' || lpad(i::text, 5, '0'), 'invented', i % 256 FROM generate_series(1, $1::int) i`,
    [CONFIGURED],
  );
  await pool.query(
    `INSERT INTO message_delivery_checkpoint (interface_id, shard, last_delivered_sequence)
     SELECT interface_id, shard, $1::int FROM interface`,
    [HISTORY],
  );
  await pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, settled_at)
     SELECT gen_random_uuid(), interface_id, n, 'DELIVERED', 1, now() FROM generate_series(1, $1::int) n, interface`,
    [HISTORY],
  );
  await pool.query('VACUUM ANALYZE');
  const { rows } = await pool.query<{ interface_id: string }>('SELECT interface_id FROM interface ORDER BY code');
  return rows.map((row) => row.interface_id);
}

/** Places of poison: a share of `messages`, far apart and on different interfaces. */
function placesOf(messages: number, share: number, first: number): Set<number> {
  const count = Math.round(messages * share);
  const step = messages / Math.max(1, count);
  return new Set(Array.from({ length: count }, (_, k) => Math.floor((k + first) * step) + 7 * k));
}

/** What ingest would have done. No poison at the last number of an interface: nothing would come to pass it. */
async function number(pool: pg.Pool, work: Work, interfaces: readonly string[]): Promise<Message[]> {
  const inStage = placesOf(work.messages, work.poison.unknownCode, 0.2);
  const refused = placesOf(work.messages, work.poison.nackCode, 0.5);
  const messages = Array.from({ length: work.messages }, (_, i): Message => {
    const last = i + interfaces.length >= work.messages;
    return {
      id: uuidv7(),
      interfaceId: interfaces[i % interfaces.length] ?? '',
      n: HISTORY + 1 + Math.floor(i / interfaces.length),
      fate: last ? 'deliver' : inStage.has(i) ? 'fails in a stage' : refused.has(i) ? 'is refused' : 'deliver',
      readyAtMs: 0,
      nacks: 0,
    };
  });
  await pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision)
     SELECT v.id, v.interface_id, v.n, 'RECEIVED', 1 FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS v(id, interface_id, n)`,
    [messages.map((m) => m.id), messages.map((m) => m.interfaceId), messages.map((m) => m.n)],
  );
  return messages;
}

/** One round: stages, a queue or a poller, and the count of what the delivery side asked. */
class Round {
  private readonly delivery: pg.Pool;
  private readonly stages: pg.Pool;
  private readonly work: Work;
  private readonly way: Way;
  private readonly messages: readonly Message[];
  private readonly queue: Message[] = [];
  private readonly takers: ((message: Message | undefined) => void)[] = [];
  private readonly settledAtMs = new Map<string, number>();
  private readonly underWay = new Set<string>();
  private readonly stood: number[] = [];
  private readonly over = Promise.withResolvers<void>();
  private left: number;
  private nacks = 0;

  constructor(delivery: pg.Pool, stages: pg.Pool, work: Work, way: Way, messages: readonly Message[]) {
    this.delivery = delivery;
    this.stages = stages;
    this.work = work;
    this.way = way;
    this.messages = messages;
    this.left = messages.filter((m) => m.fate !== 'fails in a stage').length;
  }

  async run(): Promise<Count> {
    const before = await this.statements();
    const beganMs = performance.now();
    const { way } = this;
    const deliver =
      way.kind === 'VIEW'
        ? [this.poll(way.pollMs)]
        : Array.from({ length: CONSUMERS }, () => this.consume(way.redeliveryMs));
    await Promise.race([Promise.all([this.over.promise, this.stage()]), Promise.all(deliver)]);
    const seconds = (performance.now() - beganMs) / 1000;
    for (const take of this.takers.splice(0)) take(undefined);
    await Promise.all(deliver);
    return this.count(before, await this.statements(), seconds);
  }

  /** Stages take messages in the order of their numbers and end in any. */
  private async stage(): Promise<void> {
    const { ratePerSecond } = this.work;
    const beganMs = performance.now();
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < this.messages.length; i = next++) {
        const message = this.messages[i];
        if (message === undefined) return;
        const dueMs = ratePerSecond === 0 ? 0 : (i / ratePerSecond) * 1000 - (performance.now() - beganMs);
        await delay(Math.max(0, dueMs) + Math.random() * STAGE_MS_MAX);
        const failed = message.fate === 'fails in a stage';
        await this.stages.query('UPDATE message_tracking SET status = $2::message_status WHERE message_id = $1', [
          message.id,
          failed ? 'FAILED' : 'PROCESSED',
        ]);
        message.readyAtMs = performance.now();
        if (!failed && this.way.kind === 'NACK') this.put(message);
      }
    };
    await Promise.all(Array.from({ length: STAGE_WORKERS }, worker));
  }

  private put(message: Message): void {
    const take = this.takers.shift();
    if (take === undefined) this.queue.push(message);
    else take(message);
  }

  private take(): Promise<Message | undefined> | Message | undefined {
    if (this.left === 0) return undefined;
    return this.queue.shift() ?? new Promise((resolve) => this.takers.push(resolve));
  }

  private async consume(redeliveryMs: number): Promise<void> {
    for (let message = await this.take(); message !== undefined; message = await this.take()) {
      if (await this.isNext(message)) {
        // Retries of a refused message wait beside the consumer, not in its place.
        if (message.fate === 'deliver') await this.send(message);
        else this.send(message).catch(this.over.reject);
        continue;
      }
      this.nacks += 1;
      message.nacks += 1;
      if (redeliveryMs === 0) this.queue.push(message);
      else setTimeout(() => this.put(message), redeliveryMs);
    }
  }

  /** The comparison with the checkpoint; where there is a gap, its statuses; and the pass of those that failed. */
  private async isNext({ interfaceId, n }: Message): Promise<boolean> {
    const { rows } = await this.delivery.query<{ last_delivered_sequence: string }>(CHECKPOINT, [interfaceId]);
    const checkpoint = Number(rows[0]?.last_delivered_sequence);
    if (n === checkpoint + 1) return true;
    const gap = await this.delivery.query<{ status: string }>(BETWEEN, [interfaceId, checkpoint, n]);
    const open = gap.rows.findIndex((row) => row.status !== 'FAILED');
    const passed = checkpoint + (open < 0 ? gap.rows.length : open);
    if (passed > checkpoint) {
      await this.delivery.query(PASS, [interfaceId, checkpoint, passed]);
      this.settledAtMs.set(interfaceId, performance.now());
    }
    return n === passed + 1;
  }

  private async poll(pollMs: number): Promise<void> {
    const byId = new Map(this.messages.map((message) => [message.id, message]));
    while (this.left > 0) {
      const passed = await this.delivery.query<{ interface_id: string }>(PASS_FAILED_HEADS);
      for (const row of passed.rows) this.settledAtMs.set(row.interface_id, performance.now());
      const { rows } = await this.delivery.query<{ message_id: string }>(READY);
      const heads = rows
        .flatMap(({ message_id }) => byId.get(message_id) ?? [])
        .filter((m) => !this.underWay.has(m.id));
      for (const head of heads) this.underWay.add(head.id);
      for (const head of heads) if (head.fate === 'is refused') this.send(head).catch(this.over.reject);
      const sent = heads.filter((head) => head.fate === 'deliver');
      for (const head of sent) this.noteStood(head);
      if (sent.length > 0) await delay(SEND_MS);
      if (sent.length > 0) await this.settle(sent, 'DELIVERED');
      if (heads.length + passed.rows.length === 0) await delay(pollMs);
    }
  }

  private async send(message: Message): Promise<void> {
    if (message.fate === 'deliver') this.noteStood(message);
    await delay(SEND_MS);
    if (message.fate === 'is refused') {
      for (const ms of RETRY_DELAYS_MS) await delay(ms + SEND_MS);
    }
    await this.settle([message], message.fate === 'deliver' ? 'DELIVERED' : 'FAILED');
  }

  private noteStood({ interfaceId, readyAtMs }: Message): void {
    this.stood.push(performance.now() - Math.max(readyAtMs, this.settledAtMs.get(interfaceId) ?? 0));
  }

  private async settle(messages: readonly Message[], status: 'DELIVERED' | 'FAILED'): Promise<void> {
    await this.delivery.query(SETTLE, [
      messages.map((m) => m.id),
      messages.map(() => status),
      messages.map((m) => m.interfaceId),
      messages.map((m) => m.n),
    ]);
    for (const { interfaceId } of messages) this.settledAtMs.set(interfaceId, performance.now());
    this.left -= messages.length;
    if (this.left === 0) this.over.resolve();
  }

  private async statements(): Promise<Map<string, { calls: number; pages: number }>> {
    const { rows } = await this.stages.query<{ query: string; calls: number; pages: number }>(
      `SELECT s.query, sum(s.calls)::float8 AS calls, sum(s.shared_blks_hit + s.shared_blks_read)::float8 AS pages
         FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid
        WHERE d.datname = current_database() AND r.rolname = 'postgres' AND s.toplevel GROUP BY s.query`,
    );
    return new Map(rows.map(({ query, calls, pages }) => [query, { calls, pages }]));
  }

  private count(
    before: ReadonlyMap<string, { calls: number; pages: number }>,
    after: ReadonlyMap<string, { calls: number; pages: number }>,
    seconds: number,
  ): Count {
    const grown = [...after].map(([text, now]) => ({
      reads: describeStatement(text).reads.length > 0,
      calls: now.calls - (before.get(text)?.calls ?? 0),
      pages: now.pages - (before.get(text)?.pages ?? 0),
    }));
    const delivered = this.messages.filter((m) => m.fate === 'deliver').length;
    const reads = grown.filter((statement) => statement.reads);
    const perMessage = (of: readonly { calls: number; pages: number }[], what: 'calls' | 'pages'): number =>
      of.reduce((sum, statement) => sum + statement[what], 0) / delivered;
    return {
      delivered,
      seconds,
      roundTripsPerMessage: perMessage(grown, 'calls'),
      readsPerMessage: perMessage(reads, 'calls'),
      pagesReadPerMessage: perMessage(reads, 'pages'),
      nacksPerMessage: this.nacks / delivered,
      nacksMax: this.messages.reduce((most, m) => Math.max(most, m.nacks), 0),
      stoodMs: summarise(this.stood),
    };
  }
}
