/** The servers that the environment names in place of ours: looked at before anything is started. */
import { reasonOf } from '../doctor/finding.ts';
import { askRedis } from '../doctor/redis.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { type Broker, givenBroker } from './broker.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface GivenServers {
  /** undefined: the embedded one. */
  readonly databaseUrl: string | undefined;
  /** undefined: `redis-server` from PATH, if there is one. */
  readonly redisUrl: string | undefined;
  /** undefined: our own, or none is wanted. */
  readonly broker: Broker | undefined;
}

/** @throws CommandFailure naming the variable that cannot be used, never its value, which may hold a password. */
export function givenServers(env: Environment, wanted: { readonly broker: boolean }): GivenServers {
  return {
    databaseUrl: givenDatabaseUrl(env),
    redisUrl: givenRedisUrl(env),
    broker: wanted.broker ? givenBroker(env['AMQP_URL']) : undefined,
  };
}

/** @throws CommandFailure where DATABASE_URL is not what it takes. */
export function givenDatabaseUrl(env: Environment): string | undefined {
  return givenUrl(env, 'DATABASE_URL', /^postgres(ql)?:$/, 'postgresql://user:password@host:port/database');
}

/** @throws CommandFailure where REDIS_URL is not what it takes. */
export function givenRedisUrl(env: Environment): string | undefined {
  return givenUrl(env, 'REDIS_URL', /^rediss?:$/, 'redis://user:password@host:port');
}

function givenUrl(env: Environment, name: string, protocol: RegExp, shape: string): string | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (!URL.canParse(text) || !protocol.test(new URL(text).protocol))
    throw new CommandFailure(EXIT.wrongUse, `${name}: it takes ${shape}`);
  return text;
}

/** Where it is, and whether it answers. @throws CommandFailure where it does not and is required. */
export async function lookAtRedis(url: string, required: boolean): Promise<string> {
  const { host } = new URL(url);
  try {
    await askRedis(url);
    return `at ${host}`;
  } catch (cause) {
    if (required)
      throw new CommandFailure(
        EXIT.notReachable,
        `no Redis answers at ${host} (${reasonOf(cause)}): start it, or correct REDIS_URL`,
        { cause },
      );
    return `at ${host} does not answer (${reasonOf(cause)}): until it does, all goes through Postgres and bull-board is off`;
  }
}
