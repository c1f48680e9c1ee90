import { eventually } from '@inorder/testkit/eventually';
import { redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { watched } from './connections.ts';

const shared = await testRedis();
/** Also the time a living Redis has for its answer, on a machine that does other work too. */
const LOOK_MS = 1_000;

test.skipIf(shared === undefined)('a connection whose other end is silent is given up and made anew', async () => {
  await using server = await redisServer();
  await server.start();
  const subscriber = watched(new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 }), LOOK_MS);
  const heard: string[] = [];
  let connected = 0;
  subscriber.on('ready', () => {
    connected += 1;
  });
  subscriber.on('message', (_channel: string, text: string) => heard.push(text));
  await subscriber.subscribe('news');
  const speaker = new Redis(server.url);
  // Several looks: a subscriber that is well is left alone.
  const untilMs = performance.now() + 3 * LOOK_MS;
  await eventually('it hears', async () => {
    await speaker.publish('news', 'first');
    return heard.length >= 20 && performance.now() >= untilMs;
  });
  expect(connected).toBe(1);
  server.freeze();
  await eventually('it is given up', () => subscriber.status !== 'ready');
  server.thaw();
  heard.length = 0;
  await eventually('it hears again', async () => {
    await speaker.publish('news', 'second');
    return heard.includes('second');
  });
  expect(connected).toBe(2);
  speaker.disconnect();
  subscriber.disconnect();
});
