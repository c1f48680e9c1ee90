/**
 * The smallest thing that can stand between upstream and laboratory: takes an order, asks the LIS, then accepts it. One at
 * a time over all interfaces, so order holds by itself. `between` may spoil a
 * batch of at least `batchMin`, to see the judge find out.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { AmqpPeer, Taken } from './amqp-peer.ts';
import type { LisClient } from './lis-client.ts';

export function forward(
  peer: AmqpPeer,
  lis: LisClient,
  between: (batch: Taken[]) => Taken[] = (batch) => batch,
  batchMin = 1,
): void {
  const waiting: Taken[] = [];
  let busy = false;
  const work = async (): Promise<void> => {
    busy = true;
    while (waiting.length >= batchMin) {
      const batch = waiting.splice(0);
      for (const { message } of between(batch)) await lis.ask(String(message['body']));
      for (const { delivery } of batch) delivery.accept();
      await turn();
    }
    busy = false;
  };
  peer.onMessage = (taken) => {
    waiting.push(taken);
    if (!busy) void work();
  };
}
