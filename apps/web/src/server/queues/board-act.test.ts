import { isQueueBoardAct } from '@inorder/shared';
import { expect, test } from 'vitest';
import { boardAct } from './board-act.ts';

test.each([
  ['/api/queues/pause', 'queue.pause', 'queue:*'],
  ['/api/queues/inorder-stage-enrich/resume', 'queue.resume', 'queue:inorder-stage-enrich'],
  ['/api/queues/inorder-stage-enrich/retry/failed', 'queue.retry', 'queue:inorder-stage-enrich:all failed'],
  ['/api/queues/inorder-stage-enrich/clean/completed', 'queue.clean', 'queue:inorder-stage-enrich:all completed'],
  ['/api/queues/inorder-maintenance/repeat%3Aa%3A17/promote', 'queue.promote', 'queue:inorder-maintenance:repeat:a:17'],
  ['/api/queues/inorder-maintenance/17/clean', 'queue.clean', 'queue:inorder-maintenance:17'],
  ['/api/queues/inorder-maintenance/job-schedulers/retention/run', 'queue.run', 'queue:inorder-maintenance:retention'],
])('G17: %s is audited as %s of %s', (path, action, target) => {
  expect(isQueueBoardAct('PUT', path)).toBe(true);
  expect(boardAct(path)).toEqual({ action, target });
});
