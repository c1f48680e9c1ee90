import type { DeliveryRequest } from '@inorder/core';
import { destinationDocumentSchema } from '@inorder/shared';
import { NEVER, orderOf } from '@inorder/testkit/delivery-request';
import { describeDestination } from '@inorder/testkit/destination-conformance';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { ScriptedHttpLis } from '@inorder/testkit/scripted-http-lis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MeasuredDestination, openDestination } from '../destination.ts';
import { judgeStatus } from './status.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };

describeDestination('HTTP', {
  startPeer: async (tls) => {
    const lis = await ScriptedHttpLis.start(tls === undefined ? {} : { tls });
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
        return {
          connection: message.connection,
          payload: message.payload,
          accept: () => message.answer(201),
          refuseForNow: () => message.answer(429),
          refuseContent: () => message.answer(422),
          refuseAsKnown: () => message.answer(409),
          acceptance: Buffer.from('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n'),
        };
      },
    };
  },
  open: ({ host, port, ...rest }, clock) =>
    openDestination(
      {
        document: destinationDocumentSchema.parse({
          kind: 'HTTP',
          url: `${rest.tls === undefined ? 'http' : 'https'}://${host}:${port}/orders`,
          ...rest,
        }),
        connection: null,
      },
      clock,
      SILENT,
    ),
  codes: {
    connect: 'HTTP_CONNECT',
    dns: 'HTTP_DNS',
    tls: 'HTTP_TLS',
    timeout: 'HTTP_NO_ANSWER',
    lost: 'HTTP_NO_ANSWER',
    refusedForNow: 'HTTP_RETRY',
    refusedContent: 'HTTP_REFUSED',
  },
});

test.each([
  [[200, 201, 202, 204, 299], 'delivered', 'delivered'],
  [[400, 413, 415, 422], 'HTTP_REFUSED', 'HTTP_REFUSED'],
  [[401, 403, 404, 405, 407, 502, 503], 'HTTP_UNAVAILABLE', 'HTTP_UNAVAILABLE'],
  [[408, 500, 504], 'HTTP_AMBIGUOUS', 'HTTP_AMBIGUOUS'],
  [[425, 429], 'HTTP_RETRY', 'HTTP_RETRY'],
  [[409], 'HTTP_RETRY', 'by duplicate'],
  [[412], 'HTTP_UNEXPECTED', 'by duplicate'],
  [[301, 302, 304, 307, 402, 410, 418, 501, 505, 599], 'HTTP_UNEXPECTED', 'HTTP_UNEXPECTED'],
])('status %o: %s on a first send, %s on a resend', (statuses, first, resend) => {
  const said = (status: number, possibleDuplicate: boolean): string => {
    const verdict = judgeStatus(status, possibleDuplicate);
    return verdict.ok ? (verdict.byDuplicate ? 'by duplicate' : 'delivered') : verdict.code;
  };
  expect(statuses.map((s) => said(s, false))).toEqual(statuses.map(() => first));
  expect(statuses.map((s) => said(s, true))).toEqual(statuses.map(() => resend));
});

describe('request and answer', () => {
  let lis: ScriptedHttpLis;
  let clock: ManualClock;
  let opened: MeasuredDestination[];

  beforeEach(async () => {
    lis = await ScriptedHttpLis.start();
    clock = new ManualClock();
    opened = [];
  });

  afterEach(async () => {
    await lis.stop();
    await Promise.all(opened.map((destination) => destination.close()));
    expect(clock.pending, 'timers left behind').toBe(0);
  });

  function open(settings: { url?: string; headers?: Record<string, string>; ackBytesMax?: number } = {}) {
    const document = destinationDocumentSchema.parse({
      kind: 'HTTP',
      url: `http://127.0.0.1:${lis.port}/in/orders?site=a`,
      ...settings,
    });
    const destination = openDestination({ document, connection: null }, clock, SILENT);
    opened.push(destination);
    return destination;
  }

  test('a POST that says what it is, and where it stands in the order (G10)', async () => {
    const sent = open({ headers: { Authorization: 'Bearer t', 'Idempotency-Key': 'mine' } }).deliver(
      orderOf('A'),
      NEVER,
    );
    const message = await lis.next();
    expect(message).toMatchObject({ method: 'POST', url: '/in/orders?site=a' });
    expect(message.headers).toMatchObject({
      host: `127.0.0.1:${lis.port}`,
      authorization: 'Bearer t',
      'content-type': 'application/hl7-v2; charset=utf-8',
      'content-length': String(orderOf('A').payload.length),
      'idempotency-key': 'LAB-0001:7:A',
      'x-inorder-epoch': '3',
      'x-inorder-sequence': '7',
      'x-inorder-attempt': '1',
    });
    expect(message.headers).not.toHaveProperty('x-inorder-possible-duplicate');
    message.answer(202, 'taken');
    const result = await sent;
    expect(result).toMatchObject({ ok: true, ackCode: '202' });
    expect(Buffer.from(result.response ?? []).toString()).toBe('taken');
  });

  test('G8: a resend has the same key and bytes and says so', async () => {
    const destination = open();
    const resend: Partial<DeliveryRequest> = { attempt: 2, possibleDuplicate: true };
    const seen: (string | string[] | undefined)[] = [];
    for (const over of [{}, resend]) {
      const sent = destination.deliver(orderOf('Ä 1', over), NEVER);
      const message = await lis.next();
      seen.push(message.headers['idempotency-key'], message.headers['x-inorder-possible-duplicate']);
      message.answer(200);
      await sent;
    }
    expect(seen).toEqual(['LAB-0001:7:%C3%84%201', undefined, 'LAB-0001:7:%C3%84%201', 'true']);
  });

  test('FHIR has its own content type, and a setting may name another', async () => {
    const types = [];
    for (const headers of [{}, { 'Content-Type': 'application/json' }]) {
      const sent = open({ headers }).deliver(orderOf('A', { format: 'FHIR_JSON' }), NEVER);
      const message = await lis.next();
      types.push(message.headers['content-type']);
      message.answer(200);
      await sent;
    }
    expect(types).toEqual(['application/fhir+json', 'application/json']);
  });

  test('a redirect is not followed', async () => {
    const sent = open().deliver(orderOf('A'), NEVER);
    (await lis.next()).answer(307, '', { location: `http://127.0.0.1:${lis.port}/elsewhere` });
    expect(await sent).toMatchObject({ ok: false, code: 'HTTP_UNEXPECTED', ackCode: '307' });
  });

  test('G18: the detail holds address, status and time, nothing of credentials, path or answer', async () => {
    const url = `http://user:secret@127.0.0.1:${lis.port}/tok?key=k`;
    const sent = open({ url }).deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    expect(message.headers.authorization).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`);
    clock.advance(5);
    message.answer(503, 'patient Doe');
    expect(await sent).toMatchObject({ code: 'HTTP_UNAVAILABLE', detail: `127.0.0.1:${lis.port} 503, 5 ms` });
  });

  test('G19: an answer longer than ackBytesMax is cut; its status decides; the connection is reset', async () => {
    const destination = open({ ackBytesMax: 100 });
    const sent = destination.deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    message.answer(200, 'y'.repeat(1_000_000));
    const result = await sent;
    expect(result.ok).toBe(true);
    expect(result.response?.length).toBe(100);
    expect(destination.stats()).toMatchObject({ open: 0, reset: 1 });
  });

  test.each(['time-out', 'reset'])('once the status is read, a %s in the body changes nothing', async (how) => {
    const sent = open({}).deliver(orderOf('A'), NEVER);
    const message = await lis.next();
    message.connection.send(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive.'));
    // Both ends live in this event loop: what one has sent over loopback, the other has read after two more turns of it.
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
    if (how === 'time-out') clock.advance(10_000);
    else message.connection.halfClose();
    const result = await sent;
    expect(result).toMatchObject({ ok: true, ackCode: '200' });
    expect(Buffer.from(result.response ?? []).toString()).toBe('five.');
  });

  test('G15: two answers in one packet credit one message', async () => {
    const destination = open();
    const first = destination.deliver(orderOf('A'), NEVER);
    const one = await lis.next();
    const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    one.connection.send(Buffer.concat([answer, answer]));
    await first;
    const second = destination.deliver(orderOf('B'), NEVER);
    const two = await lis.next();
    expect(two.connection.ordinal).toBe(2);
    two.answer(429);
    expect(await second).toMatchObject({ code: 'HTTP_RETRY' });
  });

  test('an answer that is not HTTP is an unknown outcome', async () => {
    const sent = open().deliver(orderOf('A'), NEVER);
    (await lis.next()).connection.send(Buffer.from('\x0bMSH|^~\\&\x1c\r'));
    expect(await sent).toMatchObject({ code: 'HTTP_NO_ANSWER', detail: expect.stringContaining('HPE_') });
  });

  test('a keep-alive hint of the server is kept to', async () => {
    const destination = open();
    const sent = destination.deliver(orderOf('A'), NEVER);
    (await lis.next()).answer(200, '', { connection: 'keep-alive', 'keep-alive': 'timeout=5' });
    await sent;
    clock.advance(3999);
    expect(destination.stats().open).toBe(1);
    clock.advance(1);
    expect(destination.stats().open).toBe(0);
  });

  test('G7: a header that HTTP does not allow charges no message', async () => {
    expect(await open({ headers: { 'x-a': 'line\nbreak' } }).deliver(orderOf('A'), NEVER)).toMatchObject({
      code: 'HTTP_CONNECT',
      detail: expect.stringContaining('ERR_INVALID_CHAR'),
    });
  });
});
