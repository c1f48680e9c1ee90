/**
 * What one journey has to itself: an interface, a laboratory system that its orders go to, a code table, and an upstream
 * that sends orders one by one. All on the running system's wires; only the orders are invented.
 */
import { applySite } from '@inorder/db';
import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import {
  catalogueTable,
  formatControlId,
  type GeneratedOrder,
  type LisHandle,
  OrderGenerator,
  preciseNow,
  startLis,
  UNKNOWN_CODES,
  UpstreamSender,
} from '@inorder/simulator';
import { TEST_SECRET_KEY } from '@inorder/testkit/engine-process';
import pg from 'pg';
import type { RunningSystem } from './facts.ts';
import { CONNECTION } from './system.ts';

type InterfacePlan = SiteDocument['interfaces'][string];

export interface LaboratoryPlan {
  /** Interface code, of this journey alone. */
  readonly code: string;
  /** Of the interface; default its code with a word. */
  readonly name?: string;
  readonly delivery?: Partial<InterfacePlan['delivery']>;
  readonly destination?: Readonly<Record<string, unknown>>;
  readonly site?: string;
  /** false: the lane does not move until `enable`. */
  readonly enabled?: boolean;
}

export interface Laboratory extends AsyncDisposable {
  readonly code: string;
  /** Name of its one endpoint, as configured and as shown. */
  readonly endpoint: string;
  readonly table: string;
  readonly lis: LisHandle;
  readonly pool: pg.Pool;
  /** Counters of the orders as they arrived, repeats included. */
  readonly received: readonly number[];
  send(order: GeneratedOrder): void;
  /** Switches the endpoint off or on, as a laboratory that is restarted. */
  listen(listening: boolean): Promise<void>;
  /** What an integrator publishes so that the codes of `UNKNOWN_CODES` are known. */
  correctedTable(): SiteDocument;
  enable(): Promise<void>;
  controlId(counter: number): string;
  order(counter: number): GeneratedOrder;
}

const DIALECT = 'ORM-2.5.1';

export async function openLaboratory(system: RunningSystem, plan: LaboratoryPlan): Promise<Laboratory> {
  const { code } = plan;
  const stack = new AsyncDisposableStack();
  const pool = new pg.Pool({ connectionString: system.databaseUrl, max: 2 });
  stack.defer(() => pool.end());
  const received: number[] = [];
  const endpoint = `LIS-${code}`;
  const lis = await startLis({
    endpoints: [{ name: endpoint, kind: 'MLLP' }],
    onReceived: ({ controlId }) => received.push(Number(controlId.slice(controlId.lastIndexOf('.') + 1))),
  });
  stack.defer(() => lis.stop());
  const table = `tests-${code}`;
  const apply = async (site: SiteDocument): Promise<void> => {
    const applied = await applySite(pool, site, { actor: 'system', secretKey: TEST_SECRET_KEY });
    if (!applied.ok) throw new Error(`the site was not applied: ${JSON.stringify(applied.problems)}`);
  };
  const site = (enabled: boolean) => siteOf(plan, lis, endpoint, table, enabled);
  await apply(site(plan.enabled ?? true));
  const sender = new UpstreamSender({
    host: '127.0.0.1',
    port: system.amqpPort,
    addressOf: () => addressOf(code),
    reconnectDelayMsMax: 200,
    now: preciseNow,
  });
  stack.defer(() => sender.stop());
  return {
    code,
    endpoint,
    table,
    lis,
    pool,
    received,
    send(order) {
      if (!sender.offer(order)) throw new Error('the sender takes no more');
    },
    async listen(listening) {
      await lis.setListening(endpoint, listening);
    },
    correctedTable() {
      const known = catalogueTable();
      const entries = UNKNOWN_CODES.map((each) => ({ code: each, target: '2345-7', display: 'Glucose, new code' }));
      return siteDocumentSchema.parse({
        codeTables: { [table]: { ...known, entries: [...known.entries, ...entries] } },
      });
    },
    enable: () => apply(site(true)),
    controlId: (counter) => formatControlId({ code, run: '', counter }),
    order: (counter) => newOrder(code, counter),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const addressOf = (code: string): string => `orders.${code}`;

function siteOf(plan: LaboratoryPlan, lis: LisHandle, endpoint: string, table: string, enabled: boolean): SiteDocument {
  const [port] = lis.status().map((each) => each.port);
  return siteDocumentSchema.parse({
    destinations: { [endpoint]: { kind: 'MLLP', host: '127.0.0.1', port, ...plan.destination } },
    codeTables: { [table]: catalogueTable() },
    sources: {
      [addressOf(plan.code)]: { connection: CONNECTION, address: addressOf(plan.code), interfaces: [plan.code] },
    },
    interfaces: {
      [plan.code]: {
        name: plan.name ?? `Ward of ${plan.code}`,
        site: plan.site ?? 'Northgate',
        enabled,
        enrich: [{ codeTable: table }],
        route: [{ name: `all to ${endpoint}`, to: endpoint }],
        delivery: { ...plan.delivery },
      },
    },
  });
}

/** A new order with this counter; `unknownCode`: for a test that no table knows. */
export function newOrder(code: string, counter: number, poison?: 'unknownCode'): GeneratedOrder {
  const generator = new OrderGenerator({
    seed: counter,
    interfaces: [{ code, dialect: DIALECT }],
    startCounters: { [code]: counter },
    poison: poison === undefined ? {} : { [poison]: 1 },
  });
  return generator.next(Date.now());
}

const SEEDS_MAX = 5000;

/** An order for an unknown test, with this counter, and the cancellation of that order, with the next. */
export function badOrderAndCancel(code: string, counter: number): readonly [GeneratedOrder, GeneratedOrder] {
  for (let seed = 1; seed < SEEDS_MAX; seed += 1) {
    const generator = new OrderGenerator({
      seed,
      interfaces: [{ code, dialect: DIALECT }],
      startCounters: { [code]: counter },
      poison: { unknownCode: 0.5 },
    });
    const [order, cancel] = [generator.next(Date.now()), generator.next(Date.now())];
    const fits =
      order.control === 'NW' && order.poison !== undefined && cancel.control === 'CA' && cancel.poison === undefined;
    if (fits && order.placerNumber === cancel.placerNumber) return [order, cancel];
  }
  throw new Error('no seed gives an order and its cancellation');
}
