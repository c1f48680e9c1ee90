/** Tells the lanes' owners of a command over Redis where there is one; NOTIFY and their own poll tell them otherwise. */
import { Redis } from 'ioredis';
import { env } from '../env.ts';

// `next dev` evaluates modules again after an edit; the connection outlives that.
const holder = globalThis as typeof globalThis & { inorderWake?: Redis };

/** undefined without REDIS_URL. Rejects soon while Redis is away; nothing waits for it. */
export function commandWake(): ((channel: string, message: string) => Promise<unknown>) | undefined {
  const redis = client();
  return redis === undefined ? undefined : (channel, message) => redis.publish(channel, message);
}

/** For readiness. Rejects while Redis is away, or without REDIS_URL. */
export async function askRedis(): Promise<void> {
  const redis = client();
  if (redis === undefined) throw new Error('no REDIS_URL');
  await redis.ping();
}

function client(): Redis | undefined {
  const url = env().REDIS_URL;
  if (url === undefined) return undefined;
  if (holder.inorderWake === undefined) {
    const redis = new Redis(url, {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: true,
      connectTimeout: 2000,
    });
    // Without a listener ioredis prints; a publish that fails says so itself.
    redis.on('error', () => undefined);
    holder.inorderWake = redis;
  }
  return holder.inorderWake;
}
