/** Which engine processes a bench runs, and what stands between them: the three layouts that are measured. */
import type { SiteDocument } from '@inorder/shared';
import { testBroker } from '@inorder/testkit/broker-services';
import { redisServer } from '@inorder/testkit/redis-server';

/**
 * embedded: one process, orders at our own listener, no Redis. distributed: every process has every role, orders over
 * Artemis, hints over Redis. split: the same, but each process does one thing.
 */
export const LAYOUTS = ['embedded', 'distributed', 'split'] as const;
export type Layout = (typeof LAYOUTS)[number];

export interface LayoutPlan {
  readonly layout: Layout;
  /** Processes; of each kind in the split layout. */
  readonly instances: number;
}

export interface EnginePlan {
  readonly instance: string;
  /** Words of INORDER_ROLES; absent: all. */
  readonly roles?: string;
  readonly delivers: boolean;
}

const SPLIT = ['ingest', 'validate', 'enrich', 'route', 'deliver,watchdog'] as const;

export function enginesOf({ layout, instances }: LayoutPlan): EnginePlan[] {
  return Array.from({ length: instances }, (_, index) => index + 1).flatMap((n): EnginePlan[] =>
    layout === 'split'
      ? SPLIT.map((roles) => ({
          instance: `${roles.split(',')[0]}-${n}`,
          roles,
          delivers: roles.startsWith('deliver'),
        }))
      : [{ instance: `engine-${n}`, delivers: true }],
  );
}

type Connection = SiteDocument['connections'][string];

/** What a layout needs beside Postgres and engines. Dispose of it after them. */
export interface LayoutServices extends AsyncDisposable {
  /** Where orders come from, for the site. */
  readonly connection: Connection;
  /** Where the sender sends them. */
  readonly upstream: { readonly port: number; readonly username?: string; readonly password?: string };
  /** The engine that has it listens there. */
  readonly listenPort: number | undefined;
  readonly redisUrl: string | undefined;
}

/** @throws where a broker or Redis is needed and cannot run here. */
export async function startServices(
  { layout }: LayoutPlan,
  address: string,
  freePort: () => Promise<number>,
): Promise<LayoutServices> {
  if (layout === 'embedded') {
    const port = await freePort();
    return {
      connection: { kind: 'LISTEN', host: '127.0.0.1', port },
      upstream: { port },
      listenPort: port,
      redisUrl: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  await using starting = new AsyncDisposableStack();
  const broker = await testBroker('artemis', { queues: [{ name: address, exclusive: true }] });
  if (broker === undefined) throw new Error(`the ${layout} layout needs Artemis: Java 17 and Maven`);
  starting.use(broker);
  const redis = starting.use(await redisServer());
  await redis.start();
  const { host, port, login } = broker.setup;
  const stack = starting.move();
  return {
    connection: { kind: 'CONNECT', host, port, ...login, reconnectDelayMs: 250, reconnectDelayMsMax: 1000 },
    upstream: { port, ...login },
    listenPort: undefined,
    redisUrl: redis.url,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** For the first line of a report. */
export function layoutText({ layout, instances }: LayoutPlan): string {
  if (layout === 'embedded') return 'embedded: one process, orders at its own listener, no Redis';
  const what =
    layout === 'split' ? `${instances} × ${SPLIT.map((r) => r.split(',')[0]).join(', ')}` : `${instances} × all roles`;
  return `${layout}: ${what}; orders over Artemis, hints over Redis`;
}
