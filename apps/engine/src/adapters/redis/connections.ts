/**
 * Connections to Redis, of three kinds. All come back by themselves and none ever fails the process: Redis is a hint
 * (G11).
 */
import { Redis, type RedisOptions, ReplyError } from 'ioredis';

/** A Redis that takes a command and does not answer for this long is away. */
const ANSWER_MS_MAX = 5000;
const RETRY_MS_MAX = 2000;

const SETTINGS: RedisOptions = {
  connectTimeout: 2000,
  // Without an end: Redis may be away for a day.
  retryStrategy: (times: number) => Math.min(times * 200, RETRY_MS_MAX),
};

/** For what is worth nothing later: a command fails at once while Redis is away, and soon when it hangs. */
export function connectForHints(url: string): Redis {
  return watched(
    new Redis(url, { ...SETTINGS, enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: ANSWER_MS_MAX }),
  );
}

/** For workers, which wait for jobs on it and go on waiting when Redis is back; BullMQ asks for no limit of retries. */
export function connectForWorkers(url: string): Redis {
  return watched(new Redis(url, { ...SETTINGS, maxRetriesPerRequest: null }));
}

/** For channels: what is subscribed once is subscribed again whenever Redis comes back. */
export function connectForSubscriptions(url: string): Redis {
  return watched(new Redis(url, { ...SETTINGS, maxRetriesPerRequest: null }));
}

/**
 * Asks each `everyMs` whether the other end is there still, and connects anew where it is not: a network that died in
 * between says nothing for a quarter of an hour, and a subscriber would never know. (ioredis's own `socketTimeout` leaves
 * its timer behind when a socket closes, and ends the next one with it.)
 */
export function watched(redis: Redis, everyMs: number = ANSWER_MS_MAX): Redis {
  // An `error` that nobody hears ends the process; whoever cares for the reason listens as well.
  redis.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    if (redis.status === 'ready' && !(await answers(redis, everyMs)) && redis.status === 'ready')
      redis.disconnect(true);
    if (redis.status !== 'end') next();
  };
  const next = (): void => {
    timer = setTimeout(() => void look(), everyMs);
    timer.unref();
  };
  redis.on('end', () => clearTimeout(timer));
  next();
  return redis;
}

async function answers(redis: Redis, withinMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs);
    timer.unref();
  });
  const answered = redis.ping().then(
    () => true,
    // A refusal is an answer.
    (error: unknown) => error instanceof ReplyError,
  );
  const answer = await Promise.race([answered, late]);
  clearTimeout(timer);
  return answer;
}
