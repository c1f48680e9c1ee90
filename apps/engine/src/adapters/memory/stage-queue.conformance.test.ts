import { allTaken, chunks, stageQueueConformance, TakeLog } from '@inorder/testkit/stage-queue-conformance';
import { expect, test } from 'vitest';
import type { StageQueue } from '../../stages/stage-queue.ts';
import { MemoryStageExchange } from './stage-queue.ts';

const TAKES_MAX = 4;

stageQueueConformance({
  name: 'memory',
  takesMax: TAKES_MAX,
  async open() {
    const exchange = new MemoryStageExchange({ takesMax: TAKES_MAX });
    const queues: StageQueue[] = [];
    return {
      async join() {
        const queue = exchange.open();
        queues.push(queue);
        return queue;
      },
      async [Symbol.asyncDispose]() {
        await Promise.all(queues.map((queue) => queue.close()));
      },
    };
  },
});

test('G19: hints for a stage that nobody serves wait within a bound', async () => {
  const queue = new MemoryStageExchange({ waitingMax: 10 }).open();
  const offered = chunks(25);
  queue.offer('ENRICH', offered.slice(0, 15));
  queue.offer('ENRICH', offered.slice(15));
  expect(queue.lost).toBe(15);
  const log = new TakeLog();
  queue.serve('ENRICH', log.take);
  await allTaken(offered.slice(0, 10), log);
  await queue.close();
});
