import { epoch, shard } from '@inorder/core';
import { destinationDocumentSchema } from '@inorder/shared';
import { orderOf } from '@inorder/testkit/delivery-request';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { ScriptedLis } from '@inorder/testkit/scripted-lis';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { openDestination } from '../adapters/destination.ts';
import { ShardHold } from './shard-hold.ts';

/** A process that was stopped: its clock has gone on, none of its timers has run yet. */
class FrozenClock extends ManualClock {
  frozenMs = 0;
  override monotonicMs(): number {
    return super.monotonicMs() + this.frozenMs;
  }
}

test('G10: a send that waited for a connection through a freeze does not leave after the lease', async () => {
  const lis = await ScriptedLis.start();
  const clock = new FrozenClock();
  const document = { kind: 'MLLP', host: '127.0.0.1', port: lis.port, connectionsMax: 1 };
  const sends = openDestination(
    { document: destinationDocumentSchema.parse(document), connection: null },
    clock,
    pino({ level: 'silent' }),
  );
  const hold = new ShardHold(shard(1), epoch(1), 10_000);
  const signal = hold.sendSignal(clock, 2000);
  const first = sends.deliver(orderOf('ONE'), signal);
  const arrived = await lis.next();
  const second = sends.deliver(orderOf('TWO'), signal);
  clock.frozenMs = 20_000;
  // What the thawed process reads first is the answer, which frees the connection.
  arrived.acknowledge('AA');
  expect(await first).toMatchObject({ ok: true });
  expect(await second).toMatchObject({ ok: false, code: 'MLLP_CONNECT' });
  // A new tenure sends on the same connection; nothing came before it.
  const next = new ShardHold(shard(1), epoch(2), 40_000);
  const third = sends.deliver(orderOf('THREE'), next.sendSignal(clock, 2000));
  const message = await lis.next();
  expect(message.controlId).toBe('THREE');
  message.acknowledge('AA');
  await third;
  await sends.close();
  await lis.stop();
});

test('G10: a send under way is told when the hold ends', () => {
  const hold = new ShardHold(shard(1), epoch(1), 10_000);
  const signal = hold.sendSignal(new ManualClock(), 2000);
  let told = 0;
  signal.addEventListener('abort', () => told++, { once: true });
  expect(signal.aborted).toBe(false);
  hold.lose();
  expect([signal.aborted, told]).toEqual([true, 1]);
});
