import type { Clock } from '@inorder/core';

/** Resolves with `promise` or after `ms`, whichever is first. */
export async function within(promise: Promise<unknown>, ms: number, clock: Pick<Clock, 'schedule'>): Promise<void> {
  let cancel = (): void => {};
  const deadline = new Promise<void>((resolve) => {
    cancel = clock.schedule(ms, resolve);
  });
  await Promise.race([promise, deadline]);
  cancel();
}
