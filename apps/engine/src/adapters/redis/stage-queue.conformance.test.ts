import { eventually } from '@inorder/testkit/eventually';
import { type RedisServer, redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import {
  allTaken,
  chunks,
  claimIds,
  type StageQueueFleet,
  stageQueueConformance,
  TakeLog,
  taken,
} from '@inorder/testkit/stage-queue-conformance';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { BullQueues } from './bull-queues.ts';
import { RedisStageQueue, type RedisStageQueueOptions } from './stage-queue.ts';

const TAKES_MAX = 4;
const logger = pino({ level: 'silent' });
const shared = await testRedis();

class Fleet implements StageQueueFleet {
  private readonly url: string;
  private readonly prefix: string;
  private readonly limits: Partial<RedisStageQueueOptions>;
  private readonly members: { queues: BullQueues; stages: RedisStageQueue }[] = [];

  constructor(url: string, prefix: string, limits: Partial<RedisStageQueueOptions> = {}) {
    this.url = url;
    this.prefix = prefix;
    this.limits = limits;
  }

  /** Without a look at whether Redis is there. */
  add(): RedisStageQueue {
    const queues = new BullQueues({ url: this.url, prefix: this.prefix, logger });
    const stages = new RedisStageQueue({ queues, takesMax: TAKES_MAX, ...this.limits });
    this.members.push({ queues, stages });
    return stages;
  }

  async join(): Promise<RedisStageQueue> {
    const stages = this.add();
    await ready(stages);
    return stages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map(({ stages }) => stages.close()));
    await Promise.all(this.members.map(({ queues }) => queues.close()));
  }
}

function ready(stages: RedisStageQueue): Promise<true> {
  return eventually('redis is reached', () => stages.isReady, { everyMs: 5 });
}

let fleets = 0;
if (shared !== undefined) {
  stageQueueConformance({
    name: 'redis',
    takesMax: TAKES_MAX,
    open: async () => new Fleet(shared.url, `${shared.prefix}${fleets++}`),
  });
}

async function ownRedis(): Promise<RedisServer> {
  const server = await redisServer();
  await server.start();
  return server;
}

async function dropLocks(url: string): Promise<void> {
  const redis = new Redis(url);
  const keys = await redis.keys('*:lock');
  await redis.del(keys);
  redis.disconnect();
}

/** Offers until one chunk arrives: what was lost meanwhile is counted, not kept. */
async function arrivesAgain(offering: RedisStageQueue, log: TakeLog): Promise<void> {
  await eventually(
    'a chunk offered now arrives',
    () => {
      if (log.taken.length > 0) return true;
      offering.offer('VALIDATE', chunks(1));
      return false;
    },
    { everyMs: 50 },
  );
}

describe.skipIf(shared === undefined)('a stage queue whose Redis does what it likes', () => {
  test('G11: FLUSHALL in the middle loses hints and nothing else', async () => {
    await using server = await ownRedis();
    await using fleet = new Fleet(server.url, 'test');
    const log = new TakeLog();
    const serving = await fleet.join();
    const release = Promise.withResolvers<void>();
    let begun = 0;
    serving.serve('VALIDATE', async (claimId) => {
      begun += 1;
      await release.promise;
      await log.take(claimId);
    });
    const offering = await fleet.join();
    offering.offer('VALIDATE', chunks(100));
    await eventually('it is taking', () => begun === TAKES_MAX);
    await server.flushAll();
    release.resolve();
    await eventually('what it had is taken', () => log.taken.length === TAKES_MAX);
    // An idle worker that waits at a key which was wiped away must wake too.
    for (let round = 1; round <= 3; round += 1) {
      const offered = chunks(50);
      const before = log.taken.length;
      offering.offer('VALIDATE', offered);
      await eventually('later chunks arrive', () => log.taken.length === before + 50, { everyMs: 5 });
      await server.flushAll();
    }
    expect(offering.lost).toBe(0);
  });

  test('G11: Redis killed and started again: hints are counted as lost meanwhile, and arrive again after', async () => {
    await using server = await ownRedis();
    await using fleet = new Fleet(server.url, 'test');
    const log = new TakeLog();
    const serving = await fleet.join();
    serving.serve('VALIDATE', log.take);
    const offering = await fleet.join();
    for (let life = 0; life < 2; life += 1) {
      const offered = chunks(20);
      offering.offer('VALIDATE', offered);
      await eventually('chunks arrive', () => log.taken.length === 20);
      await server.kill();
      await eventually('the loss is noticed', () => !offering.isReady);
      const lost = offering.lost;
      offering.offer('VALIDATE', chunks(30));
      expect(offering.lost).toBe(lost + 30);
      await server.start();
      await Promise.all([ready(offering), ready(serving)]);
      log.taken.length = 0;
    }
    const offered = chunks(500);
    offering.offer('VALIDATE', offered);
    await allTaken(offered, log);
  });

  test('G11: what an instance has in hand when Redis is killed keeps none of its hands busy', async () => {
    await using server = await ownRedis();
    await using fleet = new Fleet(server.url, 'test');
    const stages = await fleet.join();
    let held = Promise.withResolvers<void>();
    let atOnce = 0;
    stages.serve('VALIDATE', async () => {
      atOnce += 1;
      await held.promise;
      atOnce -= 1;
    });
    for (let life = 0; life < 3; life += 1) {
      stages.offer('VALIDATE', chunks(TAKES_MAX * 2));
      await eventually('all hands are busy', () => atOnce === TAKES_MAX);
      await server.kill();
      await eventually('the loss is noticed', () => !stages.isReady);
      // Either they end while Redis is away, and cannot say so, or after.
      if (life % 2 === 0) held.resolve();
      await server.start();
      await ready(stages);
      held.resolve();
      await eventually('all hands are free', () => atOnce === 0);
      held = Promise.withResolvers<void>();
    }
    held.resolve();
  });

  test('G11: a Redis that accepts everything and answers nothing costs a bounded wait', async () => {
    await using server = await ownRedis();
    await using fleet = new Fleet(server.url, 'test');
    const log = new TakeLog();
    (await fleet.join()).serve('VALIDATE', log.take);
    const offering = await fleet.join();
    offering.offer('VALIDATE', chunks(1));
    await eventually('a chunk arrives', () => log.taken.length === 1);
    server.freeze();
    for (let i = 0; i < 30; i += 1) offering.offer('VALIDATE', chunks(1000));
    // More than the buffer holds is dropped at once, the rest when Redis did not answer in time.
    expect(offering.lost).toBe(20_000);
    await eventually('what did not get through is counted', () => offering.lost === 30_000, { withinMs: 10_000 });
    server.thaw();
    log.taken.length = 0;
    await arrivesAgain(offering, log);
  });

  test('G11: Redis absent at start: all starts, and works when it comes', async () => {
    await using server = await redisServer();
    await using fleet = new Fleet(server.url, 'test');
    const log = new TakeLog();
    const stages = fleet.add();
    stages.serve('VALIDATE', log.take);
    stages.offer('VALIDATE', chunks(7));
    expect(stages.lost).toBe(7);
    await server.start();
    await arrivesAgain(stages, log);
  });

  test('closes soon while Redis is away: never there, killed, or silent', async () => {
    await using server = await redisServer();
    const atMs = performance.now();
    const never = new Fleet(server.url, 'test');
    never.add().serve('VALIDATE', new TakeLog().take);
    await never[Symbol.asyncDispose]();

    await server.start();
    const killed = new Fleet(server.url, 'test');
    const stages = await killed.join();
    stages.serve('VALIDATE', new TakeLog().take);
    await ready(stages);
    await server.kill();
    await killed[Symbol.asyncDispose]();

    await server.start();
    const silent = new Fleet(server.url, 'test');
    const serving = await silent.join();
    serving.serve('VALIDATE', new TakeLog().take);
    await ready(serving);
    server.freeze();
    await silent[Symbol.asyncDispose]();
    expect(performance.now() - atMs).toBeLessThan(10_000);
  });

  test('a chunk whose instance died is offered to another', async () => {
    await using server = await ownRedis();
    const dying = new Fleet(server.url, 'test', { lockMs: 1000 });
    const victim = await dying.join();
    let begun = 0;
    const never = Promise.withResolvers<void>();
    victim.serve('VALIDATE', async () => {
      begun += 1;
      await never.promise;
    });
    await using fleet = new Fleet(server.url, 'test', { lockMs: 1000 });
    const offering = await fleet.join();
    const offered = chunks(TAKES_MAX);
    offering.offer('VALIDATE', offered);
    await eventually('the victim has them', () => begun === TAKES_MAX);
    // Its hold on them ends here, as it does some seconds after a process ended.
    await dropLocks(server.url);
    const log = new TakeLog();
    (await fleet.join()).serve('VALIDATE', log.take);
    await eventually('the other gets them', () => log.taken.length === TAKES_MAX);
    expect(taken(log)).toEqual(claimIds(offered));
    never.resolve();
    await dying[Symbol.asyncDispose]();
  });

  test('G19: hints that nobody takes wait in Redis within a bound', async () => {
    await using server = await ownRedis();
    await using fleet = new Fleet(server.url, 'test', { waitingMax: 1000 });
    const offering = await fleet.join();
    await eventually(
      'more is refused',
      () => {
        offering.offer('ENRICH', chunks(500));
        return offering.lost > 0;
      },
      { everyMs: 100 },
    );
    const log = new TakeLog();
    (await fleet.join()).serve('ENRICH', log.take);
    await eventually('what waits is taken', () => log.taken.length >= 1000);
  });
});
