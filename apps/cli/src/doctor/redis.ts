/** Redis, a hint: what would make hints and stage queues misbehave. Whether it writes to disk does not matter here. */
import { Redis } from 'ioredis';
import { type Finding, Findings, isLoopback, reasonOf } from './finding.ts';

const ANSWER_MS = 3000;
const VERSION_MIN = [6, 2] as const;
const MEMORY_SHARE_WARNING = 0.9;

export async function examineRedis(url: string | null): Promise<Finding[]> {
  const found = new Findings('Redis');
  if (url === null) {
    found.warning(
      'no Redis is configured',
      'Nothing is lost without it; instances find each other’s work only at each reconcile interval, and there is no bull-board.',
      'Set REDIS_URL if more than one engine runs.',
    );
    return found.list;
  }
  const { hostname, protocol } = new URL(url);
  if (protocol !== 'rediss:' && !isLoopback(hostname))
    found.problem(
      `TLS is off on the connection to ${hostname}`,
      'The password crosses the network in clear, and so does what instances tell each other (ids and numbers).',
      'Use rediss:// in REDIS_URL.',
    );
  try {
    const { info, policy } = await askRedis(url);
    server(found, info);
    eviction(found, policy);
  } catch (error) {
    found.problem(
      `it does not answer (${reasonOf(error)})`,
      'Nothing is lost: deliveries go on within the reconcile interval. It is slower, and the console’s live news stop.',
      'Start it or correct REDIS_URL.',
    );
  }
  return found.list;
}

/** One connection, asked once. `policy` undefined: it does not tell. @throws where it does not answer. */
export async function askRedis(url: string): Promise<{ readonly info: string; readonly policy: string | undefined }> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  let reason: Error | undefined;
  redis.on('error', (error: Error) => {
    reason = error;
  });
  try {
    await redis.connect();
    const info = await redis.info();
    const policy = await redis.config('GET', 'maxmemory-policy').catch(() => undefined);
    return { info, policy: Array.isArray(policy) && typeof policy[1] === 'string' ? policy[1] : undefined };
  } catch (error) {
    // What the connection said; the command only knows that there was none.
    throw coded(reason ?? error);
  } finally {
    redis.disconnect();
  }
}

/** Redis names its refusals by their first word: WRONGPASS, NOAUTH, LOADING. */
function coded(error: unknown): unknown {
  const word = error instanceof Error && error.name === 'ReplyError' ? /^[A-Z]+/.exec(error.message)?.[0] : undefined;
  return word === undefined ? error : Object.assign(new Error(word), { code: word });
}

function server(found: Findings, info: string): void {
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]))
    found.problem(
      `Redis ${version === '' ? 'of unknown version' : version} is too old`,
      `The stage queues need ${VERSION_MIN.join('.')} or later.`,
      'Upgrade it.',
    );
  else found.ok(`Redis ${version}`);
  const [used, max] = [Number(field('used_memory')), Number(field('maxmemory'))];
  if (max > 0 && used > max * MEMORY_SHARE_WARNING)
    found.warning(
      `${Math.round((used / max) * 100)} % of its memory is used`,
      'When it is full it refuses hints, and instances fall back to the reconcile interval.',
      'Give it more memory, or find what else is stored there.',
    );
  if (field('role') === 'slave')
    found.problem(
      'this server is a replica',
      'It takes no writes, so every hint is lost.',
      'Point REDIS_URL at the master.',
    );
}

function eviction(found: Findings, policy: string | undefined): void {
  if (policy === undefined)
    found.unknown(
      'it does not tell its maxmemory-policy',
      'Another policy than noeviction lets it forget queue entries one by one, which shows as stages that lag.',
      'Look at the settings where it is managed: maxmemory-policy must be noeviction.',
    );
  else if (policy === 'noeviction') found.ok('maxmemory-policy is noeviction');
  else
    found.problem(
      `maxmemory-policy is ${policy}`,
      'When memory runs short it forgets queue entries one by one: stages lag by the reconcile interval, without an error.',
      'Set maxmemory-policy noeviction.',
    );
}
