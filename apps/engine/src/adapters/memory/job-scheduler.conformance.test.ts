import { jobSchedulerConformance } from '@inorder/testkit/job-scheduler-conformance';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { pino } from 'pino';
import { MemoryJobScheduler } from './job-scheduler.ts';

const logger = pino({ level: 'silent' });

jobSchedulerConformance({
  name: 'memory',
  async open() {
    const clock = new ManualClock();
    const schedulers: MemoryJobScheduler[] = [];
    return {
      async join() {
        const scheduler = new MemoryJobScheduler(clock, logger);
        schedulers.push(scheduler);
        return scheduler;
      },
      pass: (ms) => clock.advance(ms),
      async [Symbol.asyncDispose]() {
        await Promise.all(schedulers.map((scheduler) => scheduler.close()));
      },
    };
  },
});
