import { destinationDocumentSchema } from '@inorder/shared';
import { NEVER, orderOf } from '@inorder/testkit/delivery-request';
import { describeDestination } from '@inorder/testkit/destination-conformance';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { ackText, frame, ScriptedLis } from '@inorder/testkit/scripted-lis';
import { type Hl7MessageEvent, Hl7Server } from '@medplum/hl7';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDestination } from '../destination.ts';
import { MllpDestination, type MllpDocument } from './mllp-destination.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };

describeDestination('MLLP', {
  startPeer: async (tls) => {
    const lis = await ScriptedLis.start(tls === undefined ? {} : { tls });
    return {
      get port() {
        return lis.port;
      },
      get accepted() {
        return lis.accepted;
      },
      stop: () => lis.stop(),
      next: async () => {
        const message = await lis.next();
        const err = (code: number): string => `ERR|||${code}|E`;
        return {
          connection: message.connection,
          payload: message.payload,
          accept: () => message.acknowledge('AA'),
          refuseForNow: () => message.acknowledge('AE', [err(207)]),
          refuseContent: () => message.acknowledge('AR', [err(101)]),
          refuseAsKnown: () => message.acknowledge('AE', [err(205)]),
          acceptance: frame(ackText('AA', message.controlId)),
        };
      },
    };
  },
  open: (settings, clock) =>
    openDestination(
      { document: destinationDocumentSchema.parse({ kind: 'MLLP', ...settings }), connection: null },
      clock,
      SILENT,
    ),
  codes: {
    connect: 'MLLP_CONNECT',
    dns: 'MLLP_DNS',
    tls: 'MLLP_TLS',
    timeout: 'MLLP_ACK_TIMEOUT',
    lost: 'MLLP_CONNECTION_LOST',
    refusedForNow: 'MLLP_NACK_ERROR',
    refusedContent: 'MLLP_NACK_CONTENT',
  },
});

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

/** Both ends live in this event loop: what one has sent over loopback, the other has read after two more turns of it. */
async function read(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
}

describe('acknowledged', () => {
  test('byte by byte, and junk before VT', async () => {
    const sent = open().deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    for (const byte of Buffer.concat([Buffer.from('\r\n?'), frame(ackText('AA', 'A'))])) {
      message.connection.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await sent).toMatchObject({ ok: true, ackCode: 'AA' });
  });

  test('5 MB out, a megabyte back', async () => {
    const payload = Buffer.concat([orderOf('A').payload, Buffer.alloc(5 * 1024 * 1024, 'x')]);
    const sent = open({ ackBytesMax: 2_000_000 }).deliver(orderOf('A', { payload }), NEVER);
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
    const sent = destination.deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    clock.advance(12);
    message.connection.send(frame(ackText(code, 'A|Doe John', err)));
    const result = await sent;
    expect(result).toMatchObject({ ok: false, code: expected, ackCode: code });
    expect(result).toHaveProperty(
      'detail',
      `127.0.0.1:${lis.port} ${code}${err.length > 0 ? ' ERR-3 101' : ''}, 12 ms`,
    );
    const again = destination.deliver(orderOf('B'), NEVER);
    (await lis.next()).acknowledge();
    expect((await again).ok).toBe(true);
    expect(lis.accepted).toBe(1);
  });
});

describe('ackMode', () => {
  test('application: CA is not the end, AA is', async () => {
    const sent = open().deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    message.acknowledge('CA');
    message.acknowledge('AA');
    expect(await sent).toMatchObject({ ok: true, ackCode: 'AA' });
  });

  test('G8: application: CA and then nothing is an unknown outcome that shows the CA', async () => {
    const sent = open({ ackTimeoutMs: 1000 }).deliver(orderOf('A'), NEVER);
    (await lis.next()).acknowledge('CA');
    await read();
    clock.advance(1000);
    const result = await sent;
    expect(result).toMatchObject({ ok: false, code: 'MLLP_ACK_TIMEOUT', ackCode: 'CA' });
    expect(Buffer.from(result.response ?? []).toString()).toBe(ackText('CA', 'A'));
  });

  test('commit: CA delivers; the AA that follows credits nobody and breaks nothing', async () => {
    const destination = open({ ackMode: 'commit', connectionsMax: 1 });
    const first = destination.deliver(orderOf('A'), NEVER);
    const one = await lis.next();
    one.acknowledge('CA');
    expect(await first).toMatchObject({ ok: true, ackCode: 'CA' });
    const second = destination.deliver(orderOf('B'), NEVER);
    const two = await lis.next();
    one.acknowledge('AE');
    await read();
    two.acknowledge('CA');
    expect(await second).toMatchObject({ ok: true, ackCode: 'CA' });
    expect(destination.stats()).toMatchObject({ reset: 0, open: 1 });
  });

  test('none: delivered once the kernel has it, and an answer is not looked at', async () => {
    const destination = open({ ackMode: 'none' });
    expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({ ok: true, ackCode: 'SENT', response: null });
    const message = await lis.next();
    message.acknowledge('AR');
    await read();
    expect(destination.stats()).toMatchObject({ open: 1, reset: 0 });
    expect(await destination.deliver(orderOf('B'), NEVER)).toMatchObject({ ok: true });
    expect((await lis.next()).connection.ordinal).toBe(1);
  });
});

describe('G15', () => {
  test('G15: two ACKs in one packet credit one message and reset the connection', async () => {
    const destination = open();
    const first = destination.deliver(orderOf('A'), NEVER);
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
    const sent = destination.deliver(orderOf('A'), NEVER);
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
  test('G8: an answer without a frame is junk, and is kept', async () => {
    const sent = open().deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    message.connection.send(Buffer.from('HTTP/1.1 400'));
    message.connection.halfClose();
    expect(await sent).toMatchObject({ code: 'MLLP_ACK_JUNK', response: new Uint8Array(Buffer.from('HTTP/1.1 400')) });
  });

  test('G8: a connection lost in the middle of the answer is an unknown outcome', async () => {
    const sent = open().deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    message.connection.send(frame(ackText('AA', 'A')).subarray(0, -1));
    message.connection.halfClose();
    expect(await sent).toMatchObject({ ok: false, code: 'MLLP_CONNECTION_LOST' });
  });

  test('G8: a peer that stops reading is an unknown outcome, in every ackMode', async () => {
    lis.stopReading();
    for (const ackMode of ['application', 'none'] as const) {
      const payload = Buffer.concat([orderOf('A').payload, Buffer.alloc(32_000_000, 'x')]);
      const reached = lis.nextUnread();
      const sent = open({ ackMode, ackTimeoutMs: 1000 }).deliver(orderOf('A', { payload }), NEVER);
      await reached;
      clock.advance(1000);
      expect(await sent).toMatchObject({ code: 'MLLP_ACK_TIMEOUT' });
    }
  });
});

test('different lanes share several connections', async () => {
  const destination = open({ connectionsMax: 3 });
  const sends = ['A', 'B', 'C', 'D'].map((id) => destination.deliver(orderOf(id), NEVER));
  const three = [await lis.next(), await lis.next(), await lis.next()];
  expect(destination.stats()).toMatchObject({ open: 3, busy: 3, waiting: 1 });
  for (const message of three) message.acknowledge();
  (await lis.next()).acknowledge();
  expect((await Promise.all(sends)).every((r) => r.ok)).toBe(true);
});

test.each(['\x0b', '\x1c'])('a payload with frame byte %j is refused and never sent', async (byte) => {
  const payload = Buffer.concat([orderOf('A').payload, Buffer.from(`NTE|1||a${byte}b\r`)]);
  expect(await open().deliver(orderOf('A', { payload }), NEVER)).toMatchObject({ code: 'HL7_NOT_PARSEABLE' });
  expect(lis.accepted).toBe(0);
});

test('an independent MLLP stack takes our frames and we take its answers', async () => {
  const seen: (string | undefined)[] = [];
  const server = new Hl7Server((connection) => {
    connection.addEventListener('message', ({ message }: Hl7MessageEvent) => {
      seen.push(message.getSegment('MSH')?.getField(10)?.toString());
      connection.send(message.buildAck());
    });
  });
  await server.start(0);
  try {
    const address = server.server?.address();
    if (address === null || address === undefined || typeof address === 'string')
      throw new Error('not listening on TCP');
    const destination = open({ port: address.port });
    const ids = Array.from({ length: 20 }, (_, i) => `M${i}`);
    for (const id of ids)
      expect(await destination.deliver(orderOf(id), NEVER)).toMatchObject({ ok: true, ackCode: 'AA' });
    expect(seen).toEqual(ids);
    await destination.close();
  } finally {
    await server.stop();
  }
});
