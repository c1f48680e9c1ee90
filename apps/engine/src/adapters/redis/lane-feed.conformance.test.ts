import { epoch, type InterfaceId, instanceId, interfaceId, type LaneStatus, sequenceNo } from '@inorder/core';
import { deliveryKey, LANES_CHANNEL, LANES_HASH } from '@inorder/shared';
import { eventually } from '@inorder/testkit/eventually';
import { type RedisServer, redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../clock/system-clock.ts';
import { connectForHints } from './connections.ts';
import { type CachedWindow, LaneFeed, type LaneSource } from './lane-feed.ts';

const shared = await testRedis();

const laneId = (n: number): InterfaceId => interfaceId(`01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`);

function status(id: InterfaceId, checkpoint: number, owner = { name: 'a', epoch: 1 }): LaneStatus {
  return {
    interfaceId: id,
    state: 'IDLE',
    sinceAt: 0,
    checkpoint: sequenceNo(checkpoint),
    highWater: sequenceNo(checkpoint),
    waitingFor: null,
    oldestAt: null,
    readyAhead: 0,
    gaps: 0,
    inPerMinute: 0,
    outPerMinute: 0,
    epoch: epoch(owner.epoch),
    instance: instanceId(owner.name),
  };
}

/** Lanes as an owner holds them. */
class Owned implements LaneSource {
  readonly lanes = new Map<InterfaceId, LaneStatus>();

  constructor(count: number) {
    for (let n = 1; n <= count; n += 1) this.lanes.set(laneId(n), status(laneId(n), n));
  }

  snapshot(): LaneStatus[] {
    return [...this.lanes.values()];
  }

  window(id: InterfaceId): CachedWindow | undefined {
    const lane = this.lanes.get(id);
    if (lane === undefined) return undefined;
    return { interfaceId: id, nextExpected: lane.checkpoint + 1, failed: [7, 9], windowUpper: lane.highWater };
  }
}

class Rig implements AsyncDisposable {
  readonly server: RedisServer;
  readonly reader: Redis;
  readonly redis: Redis;
  readonly feed: LaneFeed;

  constructor(server: RedisServer, instance = 'a', keptMs = 3_600_000) {
    this.server = server;
    this.reader = new Redis(server.url, { retryStrategy: () => 50 });
    this.reader.on('error', () => undefined);
    this.redis = connectForHints(server.url);
    this.feed = new LaneFeed({
      redis: this.redis,
      instance,
      clock: systemClock,
      onFailure: () => undefined,
      heartbeatMs: 50,
      keptMs,
    });
  }

  publish(source: Owned, id: InterfaceId): void {
    const lane = source.lanes.get(id);
    const window = source.window(id);
    if (lane !== undefined && window !== undefined) this.feed.publish([lane], [window]);
  }

  async isWhole(instance = 'a'): Promise<boolean> {
    return !((await this.reader.get(`inorder:generation:${instance}`)) ?? 'begun').startsWith('begun');
  }

  /** What stands in Redis, as one comparable thing. */
  async shown(ids: readonly InterfaceId[]): Promise<Map<InterfaceId, unknown>> {
    const pipeline = this.reader.pipeline();
    for (const id of ids) {
      pipeline.hget(LANES_HASH, id);
      pipeline.hmget(deliveryKey(id), 'next_expected', 'failed_seqs', 'window_upper');
    }
    const replies = (await pipeline.exec()) ?? [];
    return new Map(
      ids.map((id, i) => [
        id,
        { status: JSON.parse(String(replies[i * 2]?.[1] ?? null)), window: replies[i * 2 + 1]?.[1] },
      ]),
    );
  }

  /** Of many, every `nth`. @throws with the difference. */
  async showsAllOf(source: Owned, nth = 1): Promise<boolean> {
    const lanes = [...source.lanes.values()].filter((_, i) => i % nth === 0);
    const shown = await this.shown(lanes.map((lane) => lane.interfaceId));
    const expected = lanes.map((lane) => ({
      status: lane,
      window: [String(lane.checkpoint + 1), '7,9', String(lane.highWater)],
    }));
    expect([...shown.values()]).toEqual(expected);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.feed.close();
    this.redis.disconnect();
    this.reader.disconnect();
  }
}

async function started(): Promise<RedisServer> {
  const server = await redisServer();
  await server.start();
  return server;
}

describe.skipIf(shared === undefined)('lanes as Redis shows them', () => {
  test('G11: after FLUSHALL and after a restart all lanes are there again, idle ones too', async () => {
    await using server = await started();
    await using rig = new Rig(server);
    const owned = new Owned(500);
    rig.feed.start(owned);
    await eventually('all are shown', () => rig.showsAllOf(owned));
    await server.flushAll();
    await eventually('all are shown again', () => rig.showsAllOf(owned));
    await server.kill();
    await eventually('the loss is noticed', () => rig.redis.status !== 'ready');
    owned.lanes.set(laneId(3), status(laneId(3), 3000));
    rig.publish(owned, laneId(3));
    expect(rig.feed.lost).toBe(1);
    await server.start();
    await eventually('all are shown as they are now', () => rig.showsAllOf(owned));
  });

  test('G11: what changes while everything is written again is not put back', async () => {
    await using server = await started();
    await using rig = new Rig(server);
    const last = laneId(2000);
    let writtenAll = 0;
    /** Its last lane changes as soon as it has said what it holds. */
    class Moving extends Owned {
      override snapshot(): LaneStatus[] {
        const all = super.snapshot();
        writtenAll += 1;
        queueMicrotask(() => {
          this.lanes.set(last, status(last, 10_000 + writtenAll));
          rig.publish(this, last);
        });
        return all;
      }
    }
    const owned = new Moving(2000);
    rig.feed.start(owned);
    for (let round = 1; round <= 3; round += 1) {
      await eventually('all are shown', () => rig.isWhole(), { everyMs: 5 });
      expect(writtenAll).toBe(round);
      expect(await rig.shown([last])).toMatchObject(new Map([[last, { status: owned.lanes.get(last) }]]));
      await server.flushAll();
    }
    expect(rig.feed.lost).toBe(0);
  });

  test('a former owner changes nothing, and nobody hears of it', async () => {
    await using server = await started();
    await using former = new Rig(server, 'a');
    await using next = new Rig(server, 'b');
    const heard: string[] = [];
    const ears = new Redis(server.url);
    await ears.subscribe(LANES_CHANNEL);
    ears.on('message', (_channel: string, text: string) => heard.push(text));
    const before = new Owned(150);
    former.feed.start(before);
    await eventually('the former owner shows them', () => former.showsAllOf(before));
    const after = new Owned(0);
    for (let n = 1; n <= 150; n += 1) after.lanes.set(laneId(n), status(laneId(n), n + 10, { name: 'b', epoch: 2 }));
    next.feed.start(after);
    await eventually('the next owner shows them', () => next.showsAllOf(after));
    await eventually('and said so', () => heard.join('').includes(`"checkpoint":160`));
    heard.length = 0;
    // It does not know yet, and writes one, and everything.
    former.publish(before, laneId(1));
    await former.reader.del('inorder:generation:a');
    await eventually('it wrote everything', () => former.isWhole());
    await next.showsAllOf(after);
    // Something that is heard after whatever it would have said.
    next.publish(after, laneId(2));
    await eventually('the owner is heard', () => heard.length > 0);
    expect(heard.join('')).not.toContain('"instance":"a"');
    ears.disconnect();
  });

  test('G19: lanes that nobody owns any more go away', async () => {
    await using server = await started();
    await using rig = new Rig(server, 'a', 600);
    const owned = new Owned(300);
    rig.feed.start(owned);
    await eventually('all are shown', () => rig.showsAllOf(owned));
    for (let n = 101; n <= 300; n += 1) owned.lanes.delete(laneId(n));
    await eventually('the others are gone', async () => (await rig.reader.hlen(LANES_HASH)) === 100);
    expect(await rig.reader.keys('delivery:*')).toHaveLength(100);
    await rig.showsAllOf(owned);
  });

  test('G11: FLUSHALL while everything is written is noticed', async () => {
    await using server = await started();
    await using rig = new Rig(server);
    const owned = new Owned(5000);
    rig.feed.start(owned);
    await eventually('it has begun', async () => (await rig.reader.hlen(LANES_HASH)) > 500, { everyMs: 1 });
    await rig.reader.flushall();
    await eventually('all are shown all the same', () => rig.showsAllOf(owned));
  });

  test('G19: 25,000 lanes are written again without many writes at a time', async () => {
    await using server = await started();
    await using rig = new Rig(server);
    const owned = new Owned(25_000);
    rig.feed.start(owned);
    await eventually('all are shown', () => rig.isWhole());
    await server.flushAll();
    await eventually('all are shown again', async () => (await rig.isWhole()) && (await rig.showsAllOf(owned, 97)));
    // While Redis is silent changes pile up nowhere.
    server.freeze();
    for (let n = 1; n <= 25_000; n += 1) {
      owned.lanes.set(laneId(n), status(laneId(n), n + 1));
      rig.publish(owned, laneId(n));
    }
    expect(rig.feed.lost).toBeGreaterThan(24_900);
    server.thaw();
    await eventually('all are shown as they are now', () => rig.showsAllOf(owned, 97));
  }, 60_000);
});
