import { expect, test } from 'vitest';
import { CommandFailure, EXIT } from '../exit.ts';
import { givenServers, lookAtRedis } from './given.ts';

test('what is not set, or empty, is not given; the broker only where one is wanted', () => {
  expect(givenServers({ DATABASE_URL: '', REDIS_URL: '', AMQP_URL: '' }, { broker: true })).toEqual({});
  const env = { DATABASE_URL: 'postgres:///inorder?host=/run', REDIS_URL: 'rediss://r', AMQP_URL: 'amqps://b' };
  expect(givenServers(env, { broker: false })).toEqual({
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    broker: undefined,
  });
  expect(() => givenServers(env, { broker: true })).toThrow(CommandFailure);
});

test('G11: a Redis that does not answer ends a distributed start with 4; any other start says so and goes on', async () => {
  const url = 'redis://:hunter2@127.0.0.1:1';
  await expect(lookAtRedis(url, true)).rejects.toMatchObject({
    exitCode: EXIT.notReachable,
    message: 'no Redis answers at 127.0.0.1:1 (nobody listens there (ECONNREFUSED)): start it, or correct REDIS_URL',
  });
  expect(await lookAtRedis(url, false)).toMatch(
    /^at 127\.0\.0\.1:1 does not answer .*: until it does, all goes through/,
  );
});
