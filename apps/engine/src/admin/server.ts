/** Admin HTTP on loopback: health without a secret, lanes with it. No payload and no patient data (G18). */
import { timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { InterfaceId, LaneStatus } from '@inorder/core';
import { ADMIN_SECRET_HEADER, LANES_PATH, LANES_STREAM_PATH } from '@inorder/shared';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';

export interface Dependency {
  readonly name: string;
  /** Resolves when it answers. @throws when it does not. */
  check(): Promise<unknown>;
}

export interface AdminOptions {
  readonly port: number;
  readonly secret: string;
  readonly dependencies: readonly Dependency[];
  /** false while starting and stopping. */
  readonly isServing: () => boolean;
  readonly lanes: {
    snapshot(): readonly LaneStatus[];
    onChanged(listener: (changed: readonly LaneStatus[]) => void): () => void;
  };
  readonly counters: () => object;
}

export interface Admin {
  readonly url: string;
  close(): Promise<void>;
}

const CHECK_TIMEOUT_MS = 2000;
const PING_MS = 10_000;

export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const app = new Hono();
  app.get('/livez', (c) => c.text('ok'));
  app.get('/healthz', (c) => (options.isServing() ? c.text('ok') : c.text('starting', 503)));
  app.get('/readyz', async (c) => {
    const checks = await Promise.all(options.dependencies.map(async (d) => [d.name, await answersInTime(d)] as const));
    const ok = options.isServing() && checks.every(([, up]) => up);
    return c.json(
      { ready: ok, serving: options.isServing(), dependencies: Object.fromEntries(checks) },
      ok ? 200 : 503,
    );
  });
  app.use('*', async (c, next) => {
    if (!isSecret(c.req.header(ADMIN_SECRET_HEADER), options.secret))
      return c.text('the admin secret is missing or wrong', 401);
    await next();
    return;
  });
  app.get(LANES_PATH, (c) => c.json({ lanes: options.lanes.snapshot() }));
  app.get('/counters', (c) => c.json(options.counters()));
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
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: options.port });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

async function answersInTime(dependency: Dependency): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
  });
  const up = dependency.check().then(
    () => true,
    () => false,
  );
  const answer = await Promise.race([up, late]);
  clearTimeout(timer);
  return answer;
}

function isSecret(given: string | undefined, secret: string): boolean {
  const a = Buffer.from(given ?? '');
  const b = Buffer.from(secret);
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
