/** What every scheduler of maintenance jobs must do, whatever tells it the time. */
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';

export interface ConformanceJobScheduler {
  every(name: string, everyMs: number, run: () => Promise<void>): void;
  close(): Promise<void>;
}

export interface JobSchedulerWorld extends AsyncDisposable {
  /** Of one more instance; the world closes it if the test did not. */
  join(): Promise<ConformanceJobScheduler>;
  /** Lets some time pass where time does not pass by itself. */
  pass(ms: number): void;
}

export interface JobSchedulerHarness {
  readonly name: string;
  open(): Promise<JobSchedulerWorld>;
}

const EVERY_MS = 100;

export function jobSchedulerConformance(harness: JobSchedulerHarness): void {
  describe(`${harness.name} as a job scheduler`, () => {
    const comes = (world: JobSchedulerWorld, what: string, probe: () => boolean): Promise<true> =>
      eventually(
        what,
        () => {
          world.pass(EVERY_MS / 4);
          return probe();
        },
        { everyMs: 10 },
      );

    test('calls each job again and again', async () => {
      await using world = await harness.open();
      const scheduler = await world.join();
      const calls = { often: 0, seldom: 0 };
      scheduler.every('often', EVERY_MS, async () => {
        calls.often += 1;
      });
      scheduler.every('seldom', EVERY_MS * 5, async () => {
        calls.seldom += 1;
      });
      await comes(world, 'both were called again', () => calls.often >= 6 && calls.seldom >= 2);
      expect(calls.often).toBeGreaterThan(calls.seldom);
    });

    test('calls a job soon for the first time', async () => {
      await using world = await harness.open();
      let calls = 0;
      (await world.join()).every('hourly', 3_600_000, async () => {
        calls += 1;
      });
      await comes(world, 'it was called', () => calls === 1);
    });

    test('calls a job that failed again', async () => {
      await using world = await harness.open();
      let calls = 0;
      (await world.join()).every('failing', EVERY_MS, async () => {
        calls += 1;
        throw new Error('no luck');
      });
      await comes(world, 'it was called again', () => calls >= 3);
    });

    test('never runs a job twice at a time in one process', async () => {
      await using world = await harness.open();
      const scheduler = await world.join();
      let running = 0;
      let most = 0;
      let calls = 0;
      let other = 0;
      let release = Promise.withResolvers<void>();
      scheduler.every('slow', EVERY_MS, async () => {
        calls += 1;
        running += 1;
        most = Math.max(most, running);
        await release.promise;
        running -= 1;
      });
      await comes(world, 'it runs', () => calls === 1);
      const clock = await world.join();
      clock.every('other', EVERY_MS, async () => {
        other += 1;
      });
      world.pass(EVERY_MS * 10);
      release.resolve();
      release = Promise.withResolvers<void>();
      release.resolve();
      await comes(world, 'it runs again', () => calls >= 3 && other >= 1);
      expect(most).toBe(1);
    });

    test('ends what runs when it is closed, and calls nobody after', async () => {
      await using world = await harness.open();
      const scheduler = await world.join();
      const release = Promise.withResolvers<void>();
      let calls = 0;
      let ended = 0;
      scheduler.every('slow', EVERY_MS, async () => {
        calls += 1;
        await release.promise;
        ended += 1;
      });
      await comes(world, 'it runs', () => calls === 1);
      let closed = false;
      const closing = scheduler.close().then(() => {
        closed = true;
      });
      let others = 0;
      (await world.join()).every('quick', EVERY_MS, async () => {
        others += 1;
      });
      await comes(world, 'time passes', () => {
        world.pass(EVERY_MS * 3);
        return others >= 1 || !closed;
      });
      expect(closed).toBe(false);
      release.resolve();
      await closing;
      expect(ended).toBe(1);
      await comes(world, 'time passes', () => others >= 3);
      expect(calls).toBe(1);
    });

    test('takes a name once, and only a name', async () => {
      await using world = await harness.open();
      const scheduler = await world.join();
      scheduler.every('retention', 3_600_000, async () => undefined);
      expect(() => scheduler.every('retention', 1000, async () => undefined)).toThrow('scheduled already');
      expect(() => scheduler.every('a:b', 1000, async () => undefined)).toThrow('not a name');
    });
  });
}
