/**
 * Admin HTTP, on loopback unless told otherwise: health without a secret, the rest with it. No payload and no patient
 * data (G18).
 */
import { timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { InterfaceId, LaneStatus } from '@inorder/core';
import {
  ADMIN_SECRET_HEADER,
  type Dependency,
  LANES_PATH,
  LANES_STREAM_PATH,
  QUEUE_BOARD_PATH,
  Readiness,
} from '@inorder/shared';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { type BoardQueues, queueBoard } from './queue-board.ts';

export interface AdminOptions {
  /** Default loopback. A name or address of this machine that others reach it by; it goes into `url`. */
  readonly host?: string | undefined;
  readonly port: number;
  /** In the header `x-inorder-secret`, or as `Authorization: Bearer`, which is what Prometheus can send. */
  readonly secret: string;
  readonly dependencies: readonly Dependency[];
  /** false while starting and stopping. */
  readonly isServing: () => boolean;
  readonly lanes: {
    snapshot(): readonly LaneStatus[];
    onChanged(listener: (changed: readonly LaneStatus[]) => void): () => void;
  };
  readonly counters: () => object;
  /** For bull-board; null where there is no Redis. */
  readonly queueBoard?: BoardQueues | null;
  /** In the text format of Prometheus. */
  readonly metrics?: { readonly contentType: string; text(): Promise<string> };
}

export interface Admin {
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const PING_MS = 10_000;

export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const app = new Hono();
  const readiness = new Readiness(options.dependencies, systemClock, options.isServing);
  app.get('/livez', (c) => c.text('ok'));
  app.get('/healthz', (c) => (options.isServing() ? c.text('ok') : c.text('starting', 503)));
  app.get('/readyz', async (c) => {
    const report = await readiness.look();
    return c.json(report, report.ready ? 200 : 503);
  });
  app.use('*', async (c, next) => {
    const given = c.req.header(ADMIN_SECRET_HEADER) ?? bearer(c.req.header('authorization'));
    if (!isSecret(given, options.secret)) return c.text('the admin secret is missing or wrong', 401);
    await next();
    return;
  });
  app.get(LANES_PATH, (c) => c.json({ lanes: options.lanes.snapshot() }));
  app.get('/counters', (c) => c.json(options.counters()));
  const { metrics } = options;
  if (metrics !== undefined)
    app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { 'content-type': metrics.contentType }));
  app.route(QUEUE_BOARD_PATH, queueBoard(options.queueBoard ?? null));
  app.get(LANES_STREAM_PATH, (c) =>
    streamSSE(c, async (stream) => {
      // A listener that does not read keeps one status of each lane waiting, the last one (G19).
      let pending = new Map<InterfaceId, LaneStatus>();
      let wake = (): void => undefined;
      const detach = options.lanes.onChanged((changed) => {
        for (const status of changed) pending.set(status.interfaceId, status);
        wake();
      });
      stream.onAbort(() => wake());
      try {
        while (!stream.aborted) {
          const batch = [...pending.values()];
          pending = new Map();
          if (batch.length > 0) await stream.writeSSE({ data: JSON.stringify(batch) });
          else await stream.writeSSE({ event: 'ping', data: '' });
          if (pending.size > 0) continue;
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, PING_MS);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      } finally {
        detach();
      }
    }),
  );
  const host = options.host ?? LOOPBACK;
  const server = serve({ fetch: app.fetch, hostname: host, port: options.port });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function bearer(authorization: string | undefined): string | undefined {
  return authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length) : undefined;
}

function isSecret(given: string | undefined, secret: string): boolean {
  const a = Buffer.from(given ?? '');
  const b = Buffer.from(secret);
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
