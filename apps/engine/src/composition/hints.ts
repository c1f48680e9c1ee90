/**
 * What instances tell each other beside Postgres: over Redis where there is one, else within this process alone. All of
 * it may be lost (G11); the two sets of adapters pass the same conformance suites.
 */
import type { Clock, InterfaceId } from '@inorder/core';
import type { Logger } from 'pino';
import { MemoryJobScheduler } from '../adapters/memory/job-scheduler.ts';
import { MemoryStageExchange } from '../adapters/memory/stage-queue.ts';
import { BullQueues } from '../adapters/redis/bull-queues.ts';
import { RedisJobScheduler } from '../adapters/redis/job-scheduler.ts';
import { RedisHints, type RedisHintsOptions } from '../adapters/redis/redis.ts';
import { RedisStageQueue } from '../adapters/redis/stage-queue.ts';
import type { BoardQueues } from '../admin/queue-board.ts';
import { cachedWindow } from '../delivery/cached-window.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { WakeUps } from '../delivery/elsewhere.ts';
import type { StageQueue } from '../stages/stage-queue.ts';
import type { JobScheduler } from '../watchdog/job-scheduler.ts';

export interface Hints {
  readonly queue: StageQueue;
  readonly scheduler: JobScheduler;
  /** For bull-board; null without Redis. */
  readonly board: BoardQueues | null;
  /** null without Redis. */
  readonly redis: Pick<RedisHints, 'ping' | 'lost' | 'dropped'> | null;
  /** Outcomes for the instances that own their lanes. */
  wakeUps(ownerOf: (id: InterfaceId) => string | null): WakeUps;
  /** Shows the lanes of this instance to whoever looks. */
  show(delivery: Pick<Delivery, 'feed' | 'lanes'>): void;
  close(): Promise<void>;
}

export interface HintsOptions extends Pick<RedisHintsOptions, 'onWake' | 'onCommand' | 'onConfig'> {
  readonly redisUrl: string | undefined;
  readonly instance: string;
  readonly secretKey: Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function openHints(options: HintsOptions): Hints {
  const { redisUrl } = options;
  return redisUrl === undefined ? withoutRedis(options) : overRedis(options, redisUrl);
}

function withoutRedis({ clock, logger }: HintsOptions): Hints {
  const queue = new MemoryStageExchange().open();
  const scheduler = new MemoryJobScheduler(clock, logger);
  return {
    queue,
    scheduler,
    board: null,
    redis: null,
    // Whoever owns the lane finds it in Postgres.
    wakeUps: () => ({ send: () => undefined }),
    show: () => undefined,
    close: () => queue.close(),
  };
}

function overRedis(options: HintsOptions, url: string): Hints {
  const { clock, logger } = options;
  const hints = new RedisHints({ ...options, url });
  const queues = new BullQueues({ url, logger, instance: options.instance });
  const queue = new RedisStageQueue({ queues });
  return {
    queue,
    scheduler: new RedisJobScheduler({ queues, clock, logger }),
    board: queues,
    redis: hints,
    wakeUps: (ownerOf) => hints.wakeUps(ownerOf),
    show({ feed, lanes }) {
      const window = (id: InterfaceId): ReturnType<typeof cachedWindow> => cachedWindow(lanes.get(id));
      hints.keepLanes({ snapshot: () => feed.snapshot(), window });
      feed.onChanged((changed) =>
        hints.publishLanes(
          changed,
          changed.flatMap((status) => window(status.interfaceId) ?? []),
        ),
      );
    },
    async close() {
      await queue.close();
      await Promise.all([queues.close(), hints.close()]);
    },
  };
}
