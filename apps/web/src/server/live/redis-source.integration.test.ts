import { randomUUID } from 'node:crypto';
import { LANES_CHANNEL, LANES_HASH } from '@inorder/shared';
import { testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { RedisSource } from './redis-source.ts';

const redis = await testRedis();

test.skipIf(redis === undefined)('G11: the hash first, then the channel; an emptied Redis loses no wire', async () => {
  const url = redis?.url ?? '';
  // The names are the product's and the server is shared: this lane is nobody else's.
  const id = `00000000-0000-7000-8000-${randomUUID().slice(-12)}`;
  const status = (checkpoint: number) => ({
    interfaceId: id,
    state: 'IDLE',
    sinceAt: 1,
    checkpoint,
    highWater: checkpoint,
    waitingFor: null,
    oldestAt: null,
    readyAhead: 0,
    gaps: 0,
    inPerMinute: 0,
    outPerMinute: 0,
    epoch: 1,
    instance: 'engine-1',
  });
  const owner = new Redis(url);
  await owner.hset(LANES_HASH, id, JSON.stringify(status(1)));
  const heard: number[] = [];
  let tell: () => void = () => undefined;
  const next = () => new Promise<void>((resolve) => (tell = resolve));
  let connects = 0;
  const first = next();
  const source = new RedisSource(url, {
    statuses: (statuses) => {
      const own = statuses.filter((each) => each.interfaceId === id);
      heard.push(...own.map((each) => each.checkpoint));
      if (connects > 0 && own.length > 0) tell();
    },
    connected: (yes) => {
      if (!yes) return;
      connects += 1;
      tell();
    },
  });
  await first;
  expect(heard).toEqual([1]);
  await owner.hdel(LANES_HASH, id);
  const second = next();
  await owner.publish(LANES_CHANNEL, JSON.stringify([status(2), { nonsense: true }]));
  await second;
  expect(heard).toEqual([1, 2]);
  // The subscriber's connection is cut: it comes back and reads the hash again.
  await owner.hset(LANES_HASH, id, JSON.stringify(status(3)));
  const back = next();
  await owner.client('KILL', 'TYPE', 'pubsub');
  await back;
  expect(heard).toEqual([1, 2, 3]);
  source.close();
  await owner.hdel(LANES_HASH, id);
  owner.disconnect();
});
