import { type DeliveryRequest, epoch, interfaceCode, interfaceId, messageId, sequenceNo } from '@inorder/core';
import { destinationDocumentSchema } from '@inorder/shared';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { ackText, frame, ScriptedLis } from '@inorder/testkit/scripted-lis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MllpDestination, type MllpDocument } from './mllp-destination.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };
const NEVER = new AbortController().signal;

let lis: ScriptedLis;
let clock: ManualClock;
let opened: MllpDestination[];

beforeEach(async () => {
  lis = await ScriptedLis.start();
  clock = new ManualClock();
  opened = [];
});

afterEach(async () => {
  await lis.stop();
  await Promise.all(opened.map((destination) => destination.close()));
  expect(clock.pending, 'timers left behind').toBe(0);
});

function open(settings: Partial<MllpDocument> = {}): MllpDestination {
  const document = destinationDocumentSchema.parse({ kind: 'MLLP', host: '127.0.0.1', port: lis.port, ...settings });
  if (document.kind !== 'MLLP') throw new Error('not MLLP');
  const destination = new MllpDestination(document, clock, SILENT);
  opened.push(destination);
  return destination;
}

function order(controlId: string, over: Partial<DeliveryRequest> = {}): DeliveryRequest {
  return {
    interfaceId: interfaceId('01900000-0000-7000-8000-000000000001'),
    interfaceCode: interfaceCode('LAB-0001'),
    sequenceNo: sequenceNo(1),
    messageId: messageId('01900000-0000-7000-8000-000000000002'),
    epoch: epoch(1),
    attempt: 1,
    possibleDuplicate: false,
    controlId,
    format: 'HL7V2',
    payload: Buffer.from(`MSH|^~\\&|E|S|LIS|LAB|20260101||OML^O21|${controlId}|P|2.5.1\rPID|1\r`),
    ...over,
  };
}

describe('acknowledged', () => {
  test('the LIS gets the bytes, we get its answer, the connection is used again', async () => {
    const destination = open();
    for (const id of ['A', 'B', 'C']) {
      const sent = destination.deliver(order(id), NEVER);
      const message = await lis.next();
      expect(message.payload).toEqual(order(id).payload);
      message.acknowledge();
      const result = await sent;
      expect(result).toMatchObject({ ok: true, byDuplicate: false, ackCode: 'AA' });
      expect(Buffer.from(result.response ?? []).toString()).toBe(ackText('AA', id));
    }
    expect(lis.accepted).toBe(1);
    expect(destination.stats()).toMatchObject({ open: 1, waiting: 0, reset: 0 });
  });

  test('byte by byte, and junk before VT', async () => {
    const sent = open().deliver(order('A'), NEVER);
    const message = await lis.next();
    for (const byte of Buffer.concat([Buffer.from('\r\n?'), frame(ackText('AA', 'A'))])) {
      message.connection.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await sent).toMatchObject({ ok: true, ackCode: 'AA' });
  });

  test('5 MB out, a megabyte back', async () => {
    const payload = Buffer.concat([order('A').payload, Buffer.alloc(5 * 1024 * 1024, 'x')]);
    const sent = open({ ackBytesMax: 2_000_000 }).deliver(order('A', { payload }), NEVER);
    const message = await lis.next();
    expect(message.payload.equals(payload)).toBe(true);
    const text = ackText('AA', 'A', [`NTE|${'y'.repeat(1_000_000)}`]);
    message.connection.send(frame(text));
    const result = await sent;
    expect(result.response?.length).toBe(text.length);
  });

  test.each([
    ['AE', [], 'MLLP_NACK_ERROR'],
    ['AR', [], 'MLLP_NACK_REJECT'],
    ['AR', ['ERR||PID^1|101^Missing: Doe^HL70357|E'], 'MLLP_NACK_CONTENT'],
  ])('%s %o is %s; the connection stays, and the detail holds no text of theirs (G18)', async (code, err, expected) => {
    const destination = open();
    const sent = destination.deliver(order('A'), NEVER);
    const message = await lis.next();
    clock.advance(12);
    message.connection.send(frame(ackText(code, 'A|Doe John', err)));
    const result = await sent;
    expect(result).toMatchObject({ ok: false, code: expected, ackCode: code });
    expect(result).toHaveProperty(
      'detail',
      `127.0.0.1:${lis.port} ${code}${err.length > 0 ? ' ERR-3 101' : ''}, 12 ms`,
    );
    const again = destination.deliver(order('B'), NEVER);
    (await lis.next()).acknowledge();
    expect((await again).ok).toBe(true);
    expect(lis.accepted).toBe(1);
  });

  test('ERR-3 205 on a resend: it was there already', async () => {
    const sent = open().deliver(order('A', { possibleDuplicate: true }), NEVER);
    const message = await lis.next();
    message.connection.send(frame(ackText('AE', 'A', ['ERR|||205|E'])));
    expect(await sent).toMatchObject({ ok: true, byDuplicate: true, ackCode: 'AE' });
  });
});

describe('ackMode', () => {
  test('application: CA is not the end, AA is', async () => {
    const sent = open().deliver(order('A'), NEVER);
    const message = await lis.next();
    message.acknowledge('CA');
    message.acknowledge('AA');
    expect(await sent).toMatchObject({ ok: true, ackCode: 'AA' });
  });

  test('G8: application: CA and then nothing is an unknown outcome that shows the CA', async () => {
    const destination = open({ ackTimeoutMs: 1000 });
    const sent = destination.deliver(order('A'), NEVER);
    const message = await lis.next();
    message.acknowledge('CA');
    // The engine has read the CA once it refuses what follows it; a second CA is read in order after the first.
    clock.advance(999);
    message.connection.send(frame('junk'));
    expect(await sent).toMatchObject({ ok: false, code: 'MLLP_ACK_JUNK', ackCode: 'CA' });
  });

  test('commit: CA delivers; the AA that follows credits nobody and breaks nothing', async () => {
    const destination = open({ ackMode: 'commit', connectionsMax: 1 });
    const first = destination.deliver(order('A'), NEVER);
    const one = await lis.next();
    one.acknowledge('CA');
    expect(await first).toMatchObject({ ok: true, ackCode: 'CA' });
    const second = destination.deliver(order('B'), NEVER);
    const two = await lis.next();
    one.acknowledge('AE');
    two.acknowledge('CA');
    expect(await second).toMatchObject({ ok: true, ackCode: 'CA' });
    expect(destination.stats()).toMatchObject({ reset: 0, open: 1 });
  });

  test('none: delivered once the kernel has it, and an answer is not looked at', async () => {
    const destination = open({ ackMode: 'none' });
    expect(await destination.deliver(order('A'), NEVER)).toMatchObject({ ok: true, ackCode: 'SENT', response: null });
    const message = await lis.next();
    message.acknowledge('AR');
    expect(await destination.deliver(order('B'), NEVER)).toMatchObject({ ok: true });
    expect((await lis.next()).connection.ordinal).toBe(1);
  });
});

describe('G15', () => {
  test('G15: a late ACK credits nobody', async () => {
    const destination = open({ ackTimeoutMs: 1000, connectionsMax: 1 });
    const first = destination.deliver(order('A'), NEVER);
    const one = await lis.next();
    clock.advance(1000);
    expect(await first).toMatchObject({ ok: false, code: 'MLLP_ACK_TIMEOUT', ackCode: null });
    expect(await one.connection.ended).toEqual({ byReset: true });

    const second = destination.deliver(order('B'), NEVER);
    const two = await lis.next();
    expect(two.connection.ordinal).toBe(2);
    one.acknowledge();
    two.acknowledge('AE');
    expect(await second).toMatchObject({ ok: false, code: 'MLLP_NACK_ERROR' });
    expect(destination.stats().reset).toBe(1);
  });

  test('G15: an ACK that comes while nothing waits resets the connection', async () => {
    const destination = open();
    const first = destination.deliver(order('A'), NEVER);
    const one = await lis.next();
    one.acknowledge();
    expect((await first).ok).toBe(true);
    one.acknowledge();
    expect(await one.connection.ended).toEqual({ byReset: true });
    const second = destination.deliver(order('B'), NEVER);
    const two = await lis.next();
    expect(two.connection.ordinal).toBe(2);
    two.acknowledge();
    expect((await second).ok).toBe(true);
  });

  test('G15: two ACKs in one packet credit one message and reset the connection', async () => {
    const destination = open();
    const first = destination.deliver(order('A'), NEVER);
    const one = await lis.next();
    one.connection.send(Buffer.concat([frame(ackText('AA', 'A')), frame(ackText('AA', 'B'))]));
    expect((await first).ok).toBe(true);
    expect(await one.connection.ended).toEqual({ byReset: true });
    expect(destination.stats()).toMatchObject({ open: 0, reset: 1 });
  });

  test.each([
    ['MLLP_ACK_MISMATCH', frame(ackText('AA', 'OTHER'))],
    ['MLLP_ACK_MISMATCH', frame(ackText('AE', ''))],
    ['MLLP_ACK_JUNK', frame('MSH|^~\\&|LIS\rPID|1')],
    ['MLLP_ACK_TOO_LARGE', frame(ackText('AA', 'A', ['x'.repeat(2000)]))],
  ])('G15: %s is an unknown outcome, keeps the bytes and resets', async (code, answer) => {
    const destination = open({ ackBytesMax: 1000 });
    const sent = destination.deliver(order('A'), NEVER);
    const message = await lis.next();
    message.connection.send(answer);
    const result = await sent;
    expect(result).toMatchObject({ ok: false, code });
    expect(Buffer.from(result.response ?? []).subarray(0, 8)).toEqual(answer.subarray(1, 9));
    expect(result.response?.length).toBeLessThanOrEqual(1001);
    expect(await message.connection.ended).toEqual({ byReset: true });
  });
});

describe('G8', () => {
  test('G8: a time-out after bytes is an unknown outcome', async () => {
    const sent = open({ ackTimeoutMs: 1000 }).deliver(order('A'), NEVER);
    const message = await lis.next();
    clock.advance(999);
    clock.advance(1);
    expect(await sent).toMatchObject({ ok: false, code: 'MLLP_ACK_TIMEOUT' });
    expect(await message.connection.ended).toEqual({ byReset: true });
  });

  test('G8: an answer without a frame is junk, and is kept', async () => {
    const sent = open().deliver(order('A'), NEVER);
    const message = await lis.next();
    message.connection.send(Buffer.from('HTTP/1.1 400'));
    message.connection.halfClose();
    expect(await sent).toMatchObject({ code: 'MLLP_ACK_JUNK', response: new Uint8Array(Buffer.from('HTTP/1.1 400')) });
  });

  test.each(['reset', 'halfClose'] as const)('G8: %s before the answer is an unknown outcome', async (how) => {
    const sent = open().deliver(order('A'), NEVER);
    const message = await lis.next();
    message.connection.send(frame(ackText('AA', 'A')).subarray(0, 10));
    message.connection[how]();
    expect(await sent).toMatchObject({ ok: false, code: 'MLLP_CONNECTION_LOST' });
  });

  test('G10: an abort resets the connection; bytes may have left', async () => {
    const abort = new AbortController();
    const sent = open().deliver(order('A'), abort.signal);
    const message = await lis.next();
    abort.abort();
    expect(await sent).toMatchObject({ code: 'MLLP_CONNECTION_LOST', detail: expect.stringContaining('aborted') });
    expect(await message.connection.ended).toEqual({ byReset: true });
  });

  test('G8: a peer that closed while idle costs nothing: the next send connects anew', async () => {
    const destination = open({ connectionsMax: 1 });
    const first = destination.deliver(order('A'), NEVER);
    const one = await lis.next();
    one.acknowledge();
    one.connection.halfClose();
    expect((await first).ok).toBe(true);
    // At once: the FIN is right behind the ACK and must be seen before the connection is written to.
    const second = destination.deliver(order('B'), NEVER);
    const two = await lis.next();
    expect(two.connection.ordinal).toBe(2);
    two.acknowledge();
    expect((await second).ok).toBe(true);
  });
});

describe('G7', () => {
  test('G7: a refused connection is an endpoint failure', async () => {
    const destination = open();
    await lis.stop();
    const result = await destination.deliver(order('A'), NEVER);
    expect(result).toMatchObject({ ok: false, code: 'MLLP_CONNECT', detail: expect.stringMatching(/ECONNREFUSED$/) });
    expect(destination.stats()).toEqual({ open: 0, busy: 0, waiting: 0, reset: 0 });
  });

  test('G7: an unknown host name is an endpoint failure', async () => {
    expect(await open({ host: 'lis.invalid' }).deliver(order('A'), NEVER)).toMatchObject({ code: 'MLLP_DNS' });
  });

  test('G10: aborted before it began, nothing is sent', async () => {
    const result = await open().deliver(order('A'), AbortSignal.abort());
    expect(result).toMatchObject({ code: 'MLLP_CONNECT', detail: expect.stringContaining('aborted') });
    expect(lis.accepted).toBe(0);
  });
});

describe('pool', () => {
  test('at most connectionsMax; who waits longest is next; a waiter can be aborted', async () => {
    const destination = open({ connectionsMax: 1 });
    const abort = new AbortController();
    const a = destination.deliver(order('A'), NEVER);
    const b = destination.deliver(order('B'), abort.signal);
    const c = destination.deliver(order('C'), NEVER);
    const d = destination.deliver(order('D'), NEVER);
    const one = await lis.next();
    expect(destination.stats()).toEqual({ open: 1, busy: 1, waiting: 3, reset: 0 });
    abort.abort();
    expect(await b).toMatchObject({ code: 'MLLP_CONNECT', detail: expect.stringContaining('aborted') });
    one.acknowledge();
    const three = await lis.next();
    expect([one.controlId, three.controlId]).toEqual(['A', 'C']);
    three.acknowledge();
    (await lis.next()).acknowledge();
    expect((await Promise.all([a, c, d])).map((r) => r.ok)).toEqual([true, true, true]);
    expect(lis.accepted).toBe(1);
  });

  test('different lanes share several connections', async () => {
    const destination = open({ connectionsMax: 3 });
    const sends = ['A', 'B', 'C', 'D'].map((id) => destination.deliver(order(id), NEVER));
    const three = [await lis.next(), await lis.next(), await lis.next()];
    expect(destination.stats()).toMatchObject({ open: 3, busy: 3, waiting: 1 });
    for (const message of three) message.acknowledge();
    (await lis.next()).acknowledge();
    expect((await Promise.all(sends)).every((r) => r.ok)).toBe(true);
  });

  test('an idle connection is closed after idleCloseMs, with FIN', async () => {
    const destination = open({ idleCloseMs: 1000, connectionsMax: 1 });
    for (const id of ['A', 'B']) {
      const sent = destination.deliver(order(id), NEVER);
      (await lis.next()).acknowledge();
      await sent;
    }
    const sent = destination.deliver(order('C'), NEVER);
    const message = await lis.next();
    clock.advance(5000);
    message.acknowledge();
    await sent;
    clock.advance(999);
    expect(destination.stats().open).toBe(1);
    clock.advance(1);
    expect(destination.stats().open).toBe(0);
    expect(await message.connection.ended).toEqual({ byReset: false });
  });

  test('close: what is under way ends, who waits and who comes is refused', async () => {
    const destination = open({ connectionsMax: 1 });
    const a = destination.deliver(order('A'), NEVER);
    const b = destination.deliver(order('B'), NEVER);
    const message = await lis.next();
    const closed = destination.close();
    expect(await b).toMatchObject({ code: 'MLLP_CONNECT', detail: expect.stringContaining('closed') });
    expect(await destination.deliver(order('C'), NEVER)).toMatchObject({ code: 'MLLP_CONNECT' });
    message.acknowledge();
    expect((await a).ok).toBe(true);
    await closed;
    expect(destination.stats()).toMatchObject({ open: 0, busy: 0, waiting: 0 });
    expect(await message.connection.ended).toEqual({ byReset: false });
  });
});

test.each(['\x0b', '\x1c'])('a payload with frame byte %j is refused and never sent', async (byte) => {
  const payload = Buffer.concat([order('A').payload, Buffer.from(`NTE|1||a${byte}b\r`)]);
  expect(await open().deliver(order('A', { payload }), NEVER)).toMatchObject({ code: 'HL7_NOT_PARSEABLE' });
  expect(lis.accepted).toBe(0);
});
