import { interfaceId, messageId, sequenceNo } from '@inorder/core';
import { COMMANDS_CHANNEL, CONFIG_CHANNEL, wakeChannel } from '@inorder/shared';
import { eventually } from '@inorder/testkit/eventually';
import { redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { StageEnd } from '../../delivery/inbox.ts';
import { RedisHints } from './redis.ts';

const shared = await testRedis();

const END: StageEnd = {
  interfaceId: interfaceId('01900000-0000-7000-8000-000000000001'),
  messageId: messageId('01900000-0000-7000-8000-000000000002'),
  sequenceNo: sequenceNo(5),
  placerKeys: [],
  status: 'FAILED',
  code: 'ROUTE_NONE',
};

function instance(url: string, name: string) {
  const heard = { ends: [] as StageEnd[], commands: 0, config: 0 };
  const hints = new RedisHints({
    secretKey: new Uint8Array(32).fill(7),
    url,
    instance: name,
    logger: pino({ level: 'silent' }),
    onWake: (ends) => heard.ends.push(...ends),
    onCommand: () => {
      heard.commands += 1;
    },
    onConfig: () => {
      heard.config += 1;
    },
  });
  return { hints, heard };
}

describe.skipIf(shared === undefined)('hints between instances', () => {
  test('G11: are heard, and heard again after Redis was absent, emptied and killed', async () => {
    await using server = await redisServer();
    // Both are there before Redis is.
    const one = instance(server.url, 'one');
    const two = instance(server.url, 'two');
    const wakeUps = one.hints.wakeUps(() => 'two');
    wakeUps.send([END]);
    expect(one.hints.lost).toBeGreaterThan(0);
    for (let life = 0; life < 3; life += 1) {
      await server.start();
      two.heard.ends.length = 0;
      await eventually(
        'the other hears',
        () => {
          wakeUps.send([END]);
          return two.heard.ends.length > 0;
        },
        { withinMs: 5000, shown: () => ({ life, step: 'start', lost: one.hints.lost }) },
      );
      expect(two.heard.ends[0]).toEqual(END);
      await server.flushAll();
      two.heard.ends.length = 0;
      wakeUps.send([END]);
      await eventually('the other hears after FLUSHALL', () => two.heard.ends.length > 0, {
        withinMs: 5000,
        shown: () => ({ life, lost: one.hints.lost }),
      });
      await server.kill();
    }
    expect(one.heard.ends).toEqual([]);
    await Promise.all([one.hints.close(), two.hints.close()]);
  });

  test('commands and changes of configuration are heard by all, nonsense by nobody', async () => {
    await using server = await redisServer();
    await server.start();
    const one = instance(server.url, 'one');
    const two = instance(server.url, 'two');
    const console = new Redis(server.url);
    await eventually('both listen', async () => {
      const [, listening] = await console.pubsub('NUMSUB', COMMANDS_CHANNEL);
      return Number(listening) === 2;
    });
    await console.publish(wakeChannel('two'), 'nonsense');
    await console.publish(wakeChannel('two'), '[{"status":"DELIVERED"},7]');
    await console.publish(COMMANDS_CHANNEL, 'x');
    await console.publish(CONFIG_CHANNEL, '');
    await eventually('both hear', () => [one, two].every(({ heard }) => heard.commands === 1 && heard.config === 1));
    // Neither was written by an instance of ours.
    expect(two.hints.dropped).toBe(2);
    expect(two.heard.ends).toEqual([]);
    await one.hints.close();
    await two.hints.close();
    console.disconnect();
  });
});
