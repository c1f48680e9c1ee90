/**
 * One whole system for one test: Postgres, a configured site, real engine processes, a laboratory that judges order by the
 * upstream's own counter, and an upstream over AMQP. Everything is real; only the orders are invented.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { BrokerSetup } from '@inorder/brokers/broker';
import { applySite } from '@inorder/db';
import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import {
  catalogueTable,
  formatControlId,
  type GeneratedOrder,
  Ledger,
  type LisHandle,
  OrderGenerator,
  type OrderInterface,
  type OrderOptions,
  preciseNow,
  type ReceivedEvent,
  type SettledEvent,
  startLis,
  startUpstream,
  type UpstreamHandle,
  UpstreamSender,
} from '@inorder/simulator';
import {
  type EngineProcess,
  type EngineProcessOptions,
  startEngine,
  TEST_SECRET_KEY,
} from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { freePort, testDatabase } from '@inorder/testkit/services';
import pg from 'pg';

export const CODE = 'LAB-0001';
export const ADDRESS = 'orders';
export const TABLE = 'local-tests';

type InterfacePlan = Partial<SiteDocument['interfaces'][string]>;

export interface RigOptions {
  /** Default LAB-0001. */
  readonly codes?: readonly string[];
  /** Names of MLLP endpoints; the interfaces are shared out among them in turn. Default LIS-1. */
  readonly lis?: readonly string[];
  readonly delivery?: Partial<SiteDocument['interfaces'][string]['delivery']>;
  readonly interfacePlan?: (code: string) => InterfacePlan;
  readonly destination?: Readonly<Record<string, unknown>>;
  readonly connection?: Readonly<Record<string, unknown>>;
  /** Default: a database of its own on the run's server. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  /** Orders come over this broker's queue `orders` in place of our own listener. */
  readonly broker?: BrokerSetup;
  /** Beside what the rig makes: documents by name. */
  readonly more?: Partial<Record<'connections' | 'destinations', Readonly<Record<string, object>>>>;
  readonly engine?: Partial<EngineProcessOptions>;
  /** Off by default: see judge.ts. */
  readonly stragglersByConnection?: boolean;
}

export interface Rig extends AsyncDisposable {
  readonly databaseUrl: string;
  readonly pool: pg.Pool;
  readonly lis: LisHandle;
  readonly ledger: Ledger;
  readonly amqpPort: number;
  readonly codes: readonly string[];
  /** Control ids as the laboratory received them, in that order, repeats included. */
  readonly received: readonly string[];
  readonly settled: readonly SettledEvent[];
  /** The site as it was applied. */
  readonly site: SiteDocument;
  apply(site: SiteDocument): Promise<void>;
  /** Starts an engine; the same instance again gets the folder it had. Options given here win. */
  start(options?: Partial<EngineProcessOptions>): Promise<EngineProcess>;
  /** Orders by number, sent one by one. Connects at the first use; in place of `load`. */
  readonly sender: UpstreamSender;
  /** Orders as fast or as slowly as told. In place of `sender`. */
  load(plan: {
    readonly ratePerSecond: number;
    readonly orders?: Partial<OrderOptions>;
    readonly port?: number;
  }): UpstreamHandle;
  /** Makes order `counter` of an interface and sends it. */
  send(counter: number, plan?: OrderPlan): GeneratedOrder;
  query<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

export interface OrderPlan {
  readonly code?: string;
  readonly poison?: 'unknownCode' | 'nackCode';
  readonly dialect?: OrderInterface['dialect'];
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const stack = new AsyncDisposableStack();
  try {
    return await build(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function build(options: RigOptions, stack: AsyncDisposableStack): Promise<Rig> {
  const codes = options.codes ?? [CODE];
  const names = options.lis ?? ['LIS-1'];
  const databaseUrl = options.databaseUrl ?? stack.use(await testDatabase()).url;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 3 });
  // Postgres is stopped under some tests; whoever asks next is told so.
  pool.on('error', () => undefined);
  stack.defer(() => pool.end());
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-rig-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));

  const ledger = new Ledger();
  const received: string[] = [];
  const settled: SettledEvent[] = [];
  const lis = await startLis({
    endpoints: names.map((name) => ({ name, kind: 'MLLP' as const })),
    judge: { ledger, stragglersByConnection: options.stragglersByConnection ?? false },
    onReceived: (event: ReceivedEvent) => received.push(event.controlId),
  });
  stack.defer(() => lis.stop());
  const amqpPort = options.broker?.port ?? (await freePort());
  const apply = async (document: SiteDocument): Promise<void> => {
    const applied = await applySite(pool, document, { actor: 'test', secretKey: TEST_SECRET_KEY });
    if (!applied.ok) throw new Error(`the site was not applied: ${JSON.stringify(applied.problems)}`);
  };
  const site = siteOf(options, codes, lis, amqpPort);
  await apply(site);

  let sender: UpstreamSender | undefined;
  const onSettled = (event: SettledEvent): void => {
    settled.push(event);
    if (event.outcome === 'accepted') ledger.acknowledge(event.controlId);
  };
  const upstreamCommon = {
    host: '127.0.0.1',
    addressOf: () => options.broker?.addressOf(ADDRESS) ?? ADDRESS,
    ...options.broker?.login,
    reconnectDelayMsMax: 200,
    onSettled,
  };
  const theSender = (): UpstreamSender => {
    if (sender === undefined) {
      sender = new UpstreamSender({ ...upstreamCommon, port: amqpPort, now: preciseNow });
      const made = sender;
      stack.defer(() => made.stop());
    }
    return sender;
  };

  return {
    databaseUrl,
    pool,
    lis,
    ledger,
    amqpPort,
    codes,
    received,
    settled,
    site,
    apply,
    async start(more = {}) {
      const instance = more.instance ?? options.engine?.instance ?? 'engine-1';
      const engine = await startEngine({
        databaseUrl,
        ...(options.broker === undefined ? { amqpPort } : {}),
        dataDir: path.join(folder, instance),
        ...(options.redisUrl === undefined ? {} : { redisUrl: options.redisUrl }),
        ...options.engine,
        ...more,
        instance,
      });
      return stack.use(engine);
    },
    get sender() {
      return theSender();
    },
    load(plan) {
      const [first, ...others] = codes.map((code) => ({ code }));
      if (first === undefined) throw new Error('a load needs an interface');
      const upstream = startUpstream({
        ...upstreamCommon,
        port: plan.port ?? amqpPort,
        ledger,
        ratePerSecond: plan.ratePerSecond,
        orders: { seed: 1, interfaces: [first, ...others], ...plan.orders },
      });
      stack.defer(() => upstream.stop());
      return upstream;
    },
    send(counter, plan = {}) {
      const order = makeOrder(counter, plan);
      if (order.poison !== undefined) ledger.poison(order.controlId, order.poison);
      if (!theSender().offer(order)) throw new Error('the sender takes no more');
      return order;
    },
    async query<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      return (await pool.query<T>(text, [...values])).rows;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** One order with a counter of the caller's choice. */
export function makeOrder(counter: number, plan: OrderPlan = {}): GeneratedOrder {
  const code = plan.code ?? CODE;
  const generator = new OrderGenerator({
    seed: counter,
    interfaces: [{ code, ...(plan.dialect === undefined ? {} : { dialect: plan.dialect }) }],
    startCounters: { [code]: counter },
    poison: plan.poison === undefined ? {} : { [plan.poison]: 1 },
  });
  return generator.next(Date.now());
}

export const controlId = (counter: number, code = CODE): string => formatControlId({ code, run: '', counter });

/** The counters the laboratory saw of one interface, in the order of arrival. */
export function countersOf(rig: Rig, code = CODE): number[] {
  const prefix = `${code}.`;
  return rig.received.filter((id) => id.startsWith(prefix)).map((id) => Number(id.slice(id.lastIndexOf('.') + 1)));
}

function siteOf(options: RigOptions, codes: readonly string[], lis: LisHandle, amqpPort: number): SiteDocument {
  const endpoints = lis.status();
  return siteDocumentSchema.parse({
    connections: { jms: { ...wayIn(options, amqpPort), ...options.connection }, ...options.more?.connections },
    destinations: {
      ...Object.fromEntries(
        endpoints.map(({ name, host, port }) => [
          name,
          { kind: 'MLLP', host, port, connectionsMax: 64, ...options.destination },
        ]),
      ),
      ...options.more?.destinations,
    },
    codeTables: { [TABLE]: catalogueTable() },
    sources: {
      [ADDRESS]: {
        connection: 'jms',
        address: options.broker?.addressOf(ADDRESS) ?? ADDRESS,
        interfaceProperty: 'interface',
        interfaces: codes,
        credit: 500,
      },
    },
    interfaces: Object.fromEntries(
      codes.map((code, index) => {
        const to = endpoints[index % endpoints.length]?.name;
        return [
          code,
          {
            name: `${code} to ${to}`,
            enrich: [{ codeTable: TABLE, field: 'OBR-4' }],
            route: [{ name: `all to ${to}`, to }],
            delivery: { ...options.delivery },
            ...options.interfacePlan?.(code),
          },
        ];
      }),
    ),
  });
}

function wayIn({ broker }: RigOptions, port: number): object {
  if (broker === undefined) return { kind: 'LISTEN', host: '127.0.0.1', port };
  return { kind: 'CONNECT', host: broker.host, port, ...broker.login, reconnectDelayMsMax: 1000 };
}

/** Resolves when every number of the interfaces given (default all) is settled and there are at least `atLeast` of them. */
export function allSettled(rig: Rig, atLeast: number, withinMs = 30_000): Promise<true> {
  const look = () =>
    rig.query<{ code: string; high: number; checkpoint: number }>(
      `SELECT i.code, s.last_sequence_no::int AS high, c.last_delivered_sequence::int AS checkpoint
         FROM interface i JOIN interface_sequence s USING (interface_id) JOIN message_delivery_checkpoint c USING (interface_id)`,
    );
  return eventually(
    `all of at least ${atLeast} numbers are settled`,
    async () => {
      const rows = await look();
      return rows.every((r) => r.high === r.checkpoint) && rows.reduce((sum, r) => sum + r.high, 0) >= atLeast;
    },
    {
      withinMs,
      shown: async () => ({
        open: (await look()).filter((r) => r.high !== r.checkpoint).slice(0, 10),
        claims: await rig.query(
          'SELECT instance, cardinality(message_ids) AS messages, now() - claimed_at AS age FROM stage_claim',
        ),
      }),
    },
  );
}

export interface NumberRow {
  readonly n: number;
  readonly status: string;
  readonly settled: boolean;
}

export function numbersOf(rig: Rig, code = CODE): Promise<NumberRow[]> {
  return rig.query<NumberRow & pg.QueryResultRow>(
    `SELECT t.sequence_no::int AS n, t.status::text AS status, t.settled_at IS NOT NULL AS settled
       FROM message_tracking t JOIN interface i USING (interface_id) WHERE i.code = $1 ORDER BY 1`,
    [code],
  );
}

export async function checkpointOf(rig: Rig, code = CODE): Promise<number> {
  const rows = await rig.query<{ n: number }>(
    'SELECT last_delivered_sequence::int AS n FROM message_delivery_checkpoint JOIN interface USING (interface_id) WHERE code = $1',
    [code],
  );
  return rows[0]?.n ?? Number.NaN;
}

export interface AttemptRow {
  readonly n: number;
  readonly kind: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly ack: string | null;
  readonly control: string | null;
  readonly epoch: number;
}

/** In the order they ended. */
export function attemptsOf(rig: Rig, code = CODE): Promise<AttemptRow[]> {
  return rig.query<AttemptRow & pg.QueryResultRow>(
    `SELECT a.sequence_no::int AS n, a.kind::text AS kind, a.outcome::text AS outcome, a.error_code AS code, a.ack_code AS ack,
            a.control_id AS control, a.epoch::float8 AS epoch
       FROM delivery_attempt a JOIN interface i USING (interface_id) WHERE i.code = $1 ORDER BY a.ended_at, a.attempt_id`,
    [code],
  );
}

export interface DeadLetterRow {
  readonly n: number;
  readonly stage: string;
  readonly code: string;
  readonly path: string | null;
  readonly value: string | null;
  readonly detail: string;
  readonly attempts: number;
  readonly maybe: boolean;
  readonly resolved: boolean;
}

export function deadLettersOf(rig: Rig, code = CODE): Promise<DeadLetterRow[]> {
  return rig.query<DeadLetterRow & pg.QueryResultRow>(
    `SELECT d.sequence_no::int AS n, d.stage, d.error_code AS code, d.path, d.value, d.detail, d.attempts, d.maybe_delivered AS maybe,
            d.resolved_at IS NOT NULL AS resolved
       FROM dead_letter d JOIN interface i USING (interface_id) WHERE i.code = $1 ORDER BY 1`,
    [code],
  );
}

export interface IncidentRow {
  readonly kind: string;
  readonly scope: string;
  readonly occurrences: number;
  readonly open: boolean;
}

export function incidentsOf(rig: Rig): Promise<IncidentRow[]> {
  return rig.query<IncidentRow & pg.QueryResultRow>(
    'SELECT kind, scope_name AS scope, occurrences, closed_at IS NULL AS open FROM incident ORDER BY opened_at',
  );
}

/** G5 by SQL of our own: what breaks it, empty when nothing does. */
export function brokenNumbers(rig: Rig): Promise<unknown[]> {
  return rig.query(
    `SELECT i.code, s.last_sequence_no AS high, c.last_delivered_sequence AS checkpoint, count(t.*) AS rows,
            min(t.sequence_no) AS lowest, max(t.sequence_no) AS highest,
            count(*) FILTER (WHERE t.sequence_no <= c.last_delivered_sequence
              AND (t.settled_at IS NULL OR t.status NOT IN ('DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'))) AS unsettled
       FROM interface i JOIN interface_sequence s USING (interface_id) JOIN message_delivery_checkpoint c USING (interface_id)
       LEFT JOIN message_tracking t USING (interface_id)
      GROUP BY i.code, s.last_sequence_no, c.last_delivered_sequence
     HAVING count(t.*) <> s.last_sequence_no OR coalesce(max(t.sequence_no), 0) <> s.last_sequence_no
         OR c.last_delivered_sequence > s.last_sequence_no
         OR count(*) FILTER (WHERE t.sequence_no <= c.last_delivered_sequence
              AND (t.settled_at IS NULL OR t.status NOT IN ('DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'))) > 0`,
  );
}
