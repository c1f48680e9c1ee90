import { eventually } from '@inorder/testkit/eventually';
import { type JobSchedulerWorld, jobSchedulerConformance } from '@inorder/testkit/job-scheduler-conformance';
import { redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../clock/system-clock.ts';
import { BullQueues, MAINTENANCE_QUEUE } from './bull-queues.ts';
import { RedisJobScheduler } from './job-scheduler.ts';

const EVERY_MS = 200;
const logger = pino({ level: 'silent' });
const shared = await testRedis();

class World implements JobSchedulerWorld {
  private readonly url: string;
  private readonly prefix: string;
  private readonly members: { queues: BullQueues; scheduler: RedisJobScheduler }[] = [];

  constructor(url: string, prefix: string) {
    this.url = url;
    this.prefix = prefix;
  }

  add(syncMs = 100): { queues: BullQueues; scheduler: RedisJobScheduler } {
    const queues = new BullQueues({ url: this.url, prefix: this.prefix, logger });
    const scheduler = new RedisJobScheduler({ queues, clock: systemClock, logger, syncMs });
    this.members.push({ queues, scheduler });
    return { queues, scheduler };
  }

  async join(): Promise<RedisJobScheduler> {
    return this.add().scheduler;
  }

  pass(): void {
    // Real time passes by itself.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map(({ scheduler }) => scheduler.close()));
    await Promise.all(this.members.map(({ queues }) => queues.close()));
  }
}

let worlds = 0;
if (shared !== undefined) {
  jobSchedulerConformance({ name: 'redis', open: async () => new World(shared.url, `${shared.prefix}${worlds++}`) });
}

/** Schedules in Redis now. */
async function schedules(queues: BullQueues): Promise<string[]> {
  const known = await queues.queue(MAINTENANCE_QUEUE).getJobSchedulers();
  return known.map((one) => one.key).sort();
}

describe.skipIf(shared === undefined)('a job scheduler whose Redis does what it likes', () => {
  test('three instances together call a job about once each interval', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    let calls = 0;
    const everyMs = 300;
    for (let i = 0; i < 3; i += 1) {
      (await world.join()).every('shared', everyMs, async () => {
        calls += 1;
      });
    }
    await eventually('it is called', () => calls >= 1, { everyMs: 5 });
    const before = calls;
    const atMs = performance.now();
    await eventually('it is called again', () => calls >= before + 6);
    // Three timers of their own would take two intervals for six calls; one that Redis never chose calls now and then.
    expect((performance.now() - atMs) / everyMs).toBeGreaterThan(2.5);
  });

  test('Redis calls one job at a time over all instances', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    const waiting: PromiseWithResolvers<void>[] = [];
    const names = ['first', 'second', 'third'];
    let running = 0;
    for (let i = 0; i < 3; i += 1) {
      const scheduler = await world.join();
      for (const name of names) {
        // So seldom that no timer of an instance's own interferes.
        scheduler.every(name, 3_600_000, async () => {
          running += 1;
          const release = Promise.withResolvers<void>();
          waiting.push(release);
          await release.promise;
          running -= 1;
        });
      }
    }
    for (let call = 1; call <= names.length; call += 1) {
      await eventually('the next is called', () => waiting.length === call);
      expect(running).toBe(1);
      waiting.at(-1)?.resolve();
    }
  });

  test('a schedule that the code does not know any more is removed, a changed interval is set', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    const before = world.add();
    before.scheduler.every('gone', 60_000, async () => undefined);
    before.scheduler.every('kept', 60_000, async () => undefined);
    await eventually('both stand', async () => (await schedules(before.queues)).length === 2);
    await before.scheduler.close();
    const after = world.add();
    after.scheduler.every('kept', 30_000, async () => undefined);
    await eventually('one is left', async () => (await schedules(after.queues)).join() === 'kept');
    const queue = after.queues.queue(MAINTENANCE_QUEUE);
    await eventually('its interval is new', async () => (await queue.getJobScheduler('kept'))?.every === 30_000);
  });

  test('an instance without jobs takes none, and removes no schedule', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    const idle = [world.add(), world.add()];
    await eventually('they are there', () => idle.every(({ queues }) => queues.isReady));
    const { scheduler, queues } = world.add();
    let calls = 0;
    // So seldom that its own timer does not call it.
    scheduler.every('seldom', 3_600_000, async () => {
      calls += 1;
    });
    await eventually('it is called', () => calls === 1);
    idle.push(world.add());
    const queue = queues.queue(MAINTENANCE_QUEUE);
    for (let time = 2; time <= 12; time += 1) {
      await queue.add('seldom', {});
      await eventually('whoever knows it is called', () => calls === time, { everyMs: 5 });
    }
    expect(await schedules(queues)).toEqual(['seldom']);
  });

  test('G11: after FLUSHALL the schedules come back', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    const { scheduler, queues } = world.add();
    let calls = 0;
    scheduler.every('kept', 60_000, async () => {
      calls += 1;
    });
    await eventually('it was called', () => calls === 1);
    await server.flushAll();
    await eventually('it stands again', async () => (await schedules(queues)).join() === 'kept');
    await eventually('and is called through Redis', () => calls === 2);
  });

  test('G11: maintenance goes on by local timers while Redis is killed, and through Redis after', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    const { scheduler, queues } = world.add();
    let calls = 0;
    scheduler.every('job', EVERY_MS, async () => {
      calls += 1;
    });
    await eventually('it is called', () => calls >= 2);
    await server.kill();
    const before = calls;
    await eventually('it is called without Redis', () => calls >= before + 3);
    await server.start();
    await eventually('it stands in Redis again', async () => (await schedules(queues)).join() === 'job');
    const completed = (): Promise<number> => queues.queue(MAINTENANCE_QUEUE).getCompletedCount();
    await eventually('Redis calls it', async () => (await completed()) >= 2);
  });

  test('G11: Redis absent at start: maintenance runs all the same, and closes', async () => {
    await using server = await redisServer();
    await using world = new World(server.url, 'test');
    let calls = 0;
    (await world.join()).every('job', EVERY_MS, async () => {
      calls += 1;
    });
    await eventually('it is called', () => calls >= 3);
  });

  test('a paused queue pauses no maintenance', async () => {
    await using server = await redisServer();
    await server.start();
    await using world = new World(server.url, 'test');
    const { scheduler, queues } = world.add();
    let calls = 0;
    scheduler.every('job', EVERY_MS, async () => {
      calls += 1;
    });
    await eventually('it is called', () => calls >= 2);
    await queues.queue(MAINTENANCE_QUEUE).pause();
    const before = calls;
    await eventually('it is called all the same', () => calls >= before + 3);
  });
});
