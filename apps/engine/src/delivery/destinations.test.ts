import { type DeliveryRequest, destinationId, epoch, interfaceId, messageId, sequenceNo } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { type DestinationDocument, destinationDocumentSchema } from '@inorder/shared';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { ScriptedLis } from '@inorder/testkit/scripted-lis';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { openDestination } from '../adapters/destination.ts';
import { Destinations } from './destinations.ts';
import { DELIVERY_DEFAULTS } from './settings.ts';

const logger = pino({ level: 'silent' });
const id = destinationId(uuidv7());

function request(n: number): DeliveryRequest {
  const controlId = `C${n}`;
  return {
    interfaceId: interfaceId(uuidv7()),
    interfaceCode: 'LAB-0001' as DeliveryRequest['interfaceCode'],
    sequenceNo: sequenceNo(n),
    messageId: messageId(uuidv7()),
    epoch: epoch(1),
    attempt: 1,
    possibleDuplicate: false,
    replayId: null,
    controlId,
    format: 'HL7V2',
    payload: Buffer.from(`MSH|^~\\&|ORDERS|NORTH|LAB|CENTRAL|20260102030405||OML^O21^OML_O21|${controlId}|P|2.5.1\r`),
  };
}

test('G7: a send that waits for a connection goes by the new settings of its destination, and opens no breaker', async () => {
  const before = await ScriptedLis.start();
  const after = await ScriptedLis.start();
  const documentOf = (lis: ScriptedLis): DestinationDocument =>
    destinationDocumentSchema.parse({ kind: 'MLLP', host: '127.0.0.1', port: lis.port, connectionsMax: 1 });
  let document = documentOf(before);
  const incidents: string[] = [];
  const destinations = new Destinations<string>({
    clock: systemClock,
    logger,
    settings: DELIVERY_DEFAULTS,
    incidents: { open: (kind) => incidents.push(kind), close: () => undefined },
    find: () => ({ destinationId: id, name: 'lis', document, connection: null }),
    refresh: () => Promise.resolve(),
    open: (of) => openDestination(of, systemClock, logger),
    wake: () => false,
  });
  const endpoint = destinations.get(id);
  const { signal } = new AbortController();
  const first = endpoint.deliver('a', request(1), signal);
  const out = await before.next();
  const second = endpoint.deliver('b', request(2), signal);
  document = documentOf(after);
  destinations.configured();
  const moved = await after.next();
  expect(moved.controlId).toBe('C2');
  moved.acknowledge();
  expect((await second).result).toMatchObject({ ok: true });
  // What was out already ends where it was sent.
  out.acknowledge();
  expect((await first).result).toMatchObject({ ok: true });
  expect([endpoint.breaker.isOpen, incidents]).toEqual([false, []]);
  await destinations.close();
  await Promise.all([before.stop(), after.stop()]);
});

test('G7: an endpoint that is down is tried at once by its new settings', async () => {
  const clock = new ManualClock();
  const woken: string[] = [];
  let port = 1;
  const destinations = new Destinations<string>({
    clock,
    logger,
    settings: DELIVERY_DEFAULTS,
    incidents: { open: () => undefined, close: () => undefined },
    find: () => ({
      destinationId: id,
      name: 'lis',
      document: destinationDocumentSchema.parse({ kind: 'MLLP', host: '127.0.0.1', port }),
      connection: null,
    }),
    refresh: () => Promise.resolve(),
    open: (of) => openDestination(of, clock, logger),
    wake: (lane) => {
      woken.push(lane);
      return true;
    },
  });
  const { breaker } = destinations.get(id);
  await destinations.get(id).deliver('other', request(1), AbortSignal.abort());
  for (let i = 0; i < 6; i++) {
    breaker.failed('MLLP_CONNECT', 'refused');
    breaker.wait('a');
    clock.advance(500 * 2 ** i);
  }
  woken.length = 0;
  breaker.failed('MLLP_CONNECT', 'refused');
  breaker.wait('a');
  // The same settings again change nothing.
  destinations.configured();
  clock.advance(0);
  expect(woken).toEqual([]);
  port = 2;
  destinations.configured();
  clock.advance(0);
  expect(woken).toEqual(['a']);
});
