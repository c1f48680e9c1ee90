import { connectionDocumentSchema, destinationDocumentSchema } from '@inorder/shared';
import { NEVER, orderOf } from '@inorder/testkit/delivery-request';
import { describeDestination } from '@inorder/testkit/destination-conformance';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { ScriptedHttpLis } from '@inorder/testkit/scripted-http-lis';
import { ScriptedQueue, type ScriptedQueueOptions } from '@inorder/testkit/scripted-queue';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MeasuredDestination, openDestination } from '../destination.ts';
import { turns } from './test-parts.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };
const QUEUE = 'lab.orders';

function openQueue(connection: object, settings: object, clock: ManualClock): MeasuredDestination {
  return openDestination(
    {
      document: destinationDocumentSchema.parse({ kind: 'JMS', connection: 'hub', address: QUEUE, ...settings }),
      connection: connectionDocumentSchema.parse({ kind: 'CONNECT', ...connection }),
    },
    clock,
    SILENT,
  );
}

describeDestination('JMS', {
  startPeer: async (tls) => {
    const queue = await ScriptedQueue.start(tls === undefined ? {} : { tls });
    return {
      get port() {
        return queue.port;
      },
      get accepted() {
        return queue.accepted;
      },
      stop: () => queue.stop(),
      next: async () => {
        const message = await queue.next();
        return {
          connection: message.connection,
          payload: message.payload,
          accept: () => message.answer('accepted'),
          refuseForNow: () => message.answer('released'),
          refuseContent: () => message.answer('rejected'),
          acceptance: message.acceptance,
        };
      },
    };
  },
  open: ({ host, port, tls, ...rest }, clock) =>
    openQueue({ host, port, ...(tls === undefined ? {} : { tls }) }, rest, clock),
  codes: {
    connect: 'JMS_CONNECT',
    dns: 'JMS_DNS',
    tls: 'JMS_TLS',
    timeout: 'JMS_NO_ANSWER',
    lost: 'JMS_NO_ANSWER',
    refusedForNow: 'JMS_RETRY',
    refusedContent: 'JMS_REJECTED',
  },
});

describe('a queue', () => {
  let clock: ManualClock;
  let queue: ScriptedQueue;
  let opened: MeasuredDestination[];

  beforeEach(() => {
    clock = new ManualClock();
    opened = [];
  });

  afterEach(async () => {
    await queue.stop();
    await Promise.all(opened.map((destination) => destination.close()));
    expect(clock.pending, 'timers left behind').toBe(0);
  });

  async function start(options: ScriptedQueueOptions = {}, settings: object = {}): Promise<MeasuredDestination> {
    queue = await ScriptedQueue.start(options);
    const { login } = options;
    const destination = openQueue({ host: '127.0.0.1', port: queue.port, ...login }, settings, clock);
    opened.push(destination);
    return destination;
  }

  test('G10: a durable message that says what it is, and where it stands in the order', async () => {
    const destination = await start();
    const sent = destination.deliver(orderOf('A'), NEVER);
    const { message, address, isText, ...came } = await queue.next();
    expect({ address, isText }).toEqual({ address: QUEUE, isText: true });
    expect(message).toMatchObject({
      durable: true,
      message_id: expect.stringMatching(/^ID:01900000-0000-7000-8000-000000000002:[0-9a-f]{16}$/),
      correlation_id: 'A',
      group_id: 'LAB-0001',
      creation_time: new Date(clock.wallMs()),
      application_properties: {
        inorderInterface: 'LAB-0001',
        inorderSequenceNo: 7,
        inorderEpoch: 3,
        inorderAttempt: 1,
        inorderFormat: 'HL7V2',
        _AMQ_DUPL_ID: String(message.message_id).slice('ID:'.length),
      },
    });
    expect(message.application_properties).not.toHaveProperty('inorderPossibleDuplicate');
    came.answer('accepted');
    expect(await sent).toEqual({ ok: true, byDuplicate: false, ackCode: 'ACCEPTED', response: null });
    expect(await queue.nextAttach()).toMatchObject({
      ...{ address: QUEUE, durable: 2, capabilities: 'queue' },
      outcomes: ['amqp:accepted:list', 'amqp:rejected:list', 'amqp:released:list'],
    });
  });

  test('G8: a resend has the same id and says what it may be; a replay and other bytes are another message', async () => {
    const destination = await start();
    const ids: unknown[] = [];
    const marks: unknown[] = [];
    for (const over of [
      {},
      { possibleDuplicate: true, attempt: 2 },
      { replayId: '01900000-0000-7000-8000-000000000009', possibleDuplicate: true, attempt: 3 },
      { payload: Buffer.concat([orderOf('A').payload, Buffer.from('ORC|NW\r')]) },
    ]) {
      const sent = destination.deliver(orderOf('A', over), NEVER);
      const { message, answer } = await queue.next();
      ids.push(message.application_properties?.['_AMQ_DUPL_ID']);
      marks.push(message.application_properties?.['inorderPossibleDuplicate']);
      answer('accepted');
      expect((await sent).ok).toBe(true);
    }
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    expect(marks).toEqual([undefined, true, true, undefined]);
  });

  const header = (charset: string): string => `MSH|^~\\&|E|S|LIS|LAB|20260101||OML^O21|A|P|2.5.1||||||${charset}\r`;
  const hl7 = (charset: string, name: string): string => `${header(charset)}PID|1||||${name}\r`;
  test.each([
    ['UTF-8', {}, Buffer.from(hl7('UNICODE UTF-8', 'Grün')), hl7('UNICODE UTF-8', 'Grün')],
    ['Latin-1, as MSH-18 says', {}, Buffer.from(hl7('8859/1', 'Grün'), 'latin1'), hl7('8859/1', 'Grün')],
    ['no text by its own MSH-18', {}, Buffer.from(hl7('UNICODE UTF-8', 'Grün'), 'latin1'), null],
    ['body: bytes', { body: 'bytes' }, Buffer.from(hl7('UNICODE UTF-8', 'Grün')), null],
  ] as const)('%s', async (_name, settings, payload, text) => {
    const destination = await start({}, settings);
    const sent = destination.deliver(orderOf('A', { payload }), NEVER);
    const message = await queue.next();
    if (text === null) expect(message).toMatchObject({ isText: false, payload });
    else expect(message.message.body).toBe(text);
    expect(message.message.content_type ?? null).toBeNull();
    message.answer('accepted');
    expect((await sent).ok).toBe(true);
  });

  test('a FHIR order is text too', async () => {
    const destination = await start();
    const payload = Buffer.from('{"resourceType":"ServiceRequest","id":"ü"}');
    const sent = destination.deliver(orderOf('A', { format: 'FHIR_JSON', payload }), NEVER);
    const message = await queue.next();
    expect(message.message.body).toBe(payload.toString());
    message.answer('accepted');
    expect((await sent).ok).toBe(true);
  });

  test.each([
    ['released', undefined, 'JMS_RETRY'],
    ['modified', undefined, 'JMS_RETRY'],
    ['rejected', undefined, 'JMS_REJECTED'],
    ['rejected', 'amqp:invalid-field', 'JMS_REJECTED'],
    ['rejected', 'amqp:internal-error', 'JMS_RETRY'],
    ['rejected', 'failed', 'JMS_RETRY'],
    ['rejected', 'amqp:resource-limit-exceeded', 'JMS_FULL'],
    ['rejected', 'amqp:unauthorized-access', 'JMS_REFUSED'],
    ['rejected', 'amqp:not-found', 'JMS_REFUSED'],
  ] as const)('G6, G7: %s with %s is %s', async (outcome, condition, code) => {
    const destination = await start();
    const sent = destination.deliver(orderOf('A'), NEVER);
    (await queue.next()).answer(outcome, condition === undefined ? {} : { condition });
    const said = condition === undefined ? outcome : `${outcome} ${condition}`;
    expect(await sent).toMatchObject({
      ...{ ok: false, code, ackCode: outcome.toUpperCase() },
      detail: `127.0.0.1:${queue.port} queue ${QUEUE}: ${said}, 0 ms`,
    });
  });

  test('G18: what the broker says in its own words stays with the payloads', async () => {
    const destination = await start();
    const sent = destination.deliver(orderOf('A'), NEVER);
    (await queue.next()).answer('rejected', { condition: 'no symbol: Ada', description: 'cannot store Ada' });
    const result = await sent;
    expect(result).toMatchObject({ code: 'JMS_REJECTED', response: Buffer.from('cannot store Ada') });
    expect(result).toHaveProperty('detail', expect.not.stringContaining('Ada'));
  });

  test('an outcome that the peer leaves us to settle counts, and its last word is no foreign one', async () => {
    const destination = await start();
    for (const id of ['A', 'B', 'C']) {
      const sent = destination.deliver(orderOf(id), NEVER);
      const message = await queue.next();
      message.answer('accepted', { settled: false });
      expect((await sent).ok).toBe(true);
      message.answer('accepted');
    }
    expect(queue.accepted).toBe(1);
    expect(destination.stats().reset).toBe(0);
  });

  test('G7: a refused login is the endpoint’s failure', async () => {
    queue = await ScriptedQueue.start({ login: { username: 'inorder', password: 'right' } });
    const login = { username: 'inorder', password: 'wrong' };
    const destination = openQueue({ host: '127.0.0.1', port: queue.port, ...login }, {}, clock);
    opened.push(destination);
    expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({
      code: 'JMS_REFUSED',
      detail: expect.stringContaining('amqp:unauthorized-access'),
    });
  });

  test('G22: a login with a password that is not ASCII', async () => {
    const destination = await start({ login: { username: 'inorder', password: 'schlüssel' } });
    const sent = destination.deliver(orderOf('A'), NEVER);
    (await queue.next()).answer('accepted');
    expect((await sent).ok).toBe(true);
  });

  test.each([
    ['amqp:not-found', 'JMS_REFUSED'],
    ['amqp:unauthorized-access', 'JMS_REFUSED'],
    ['amqp:resource-limit-exceeded', 'JMS_FULL'],
  ])('G7: a link refused with %s is %s', async (refuseLinks, code) => {
    const destination = await start({ refuseLinks });
    for (const id of ['A', 'B']) {
      expect(await destination.deliver(orderOf(id), NEVER)).toMatchObject({
        code,
        detail: `127.0.0.1:${queue.port} queue ${QUEUE}: ${refuseLinks}`,
      });
    }
  });

  test('G7: a peer that speaks something else is the endpoint’s failure', async () => {
    const lis = await ScriptedHttpLis.start();
    const destination = openQueue({ host: '127.0.0.1', port: lis.port }, {}, clock);
    expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({ code: 'JMS_CONNECT' });
    await lis.stop();
    await destination.close();
  });

  test('G7: without credit nothing is sent, and that is no unknown outcome', async () => {
    const destination = await start({ credit: 0 }, { connectTimeoutMs: 700, connectionsMax: 1 });
    const sent = destination.deliver(orderOf('A'), NEVER);
    await queue.nextAttach();
    let settled = false;
    void sent.then(() => {
      settled = true;
    });
    // Whether our side has read the answer to its attach shows only in what it says when time is over.
    await turns(50);
    clock.advance(699);
    await turns(1);
    expect(settled).toBe(false);
    clock.advance(1);
    expect(await sent).toMatchObject({
      code: 'JMS_FULL',
      detail: `127.0.0.1:${queue.port} queue ${QUEUE}: no credit within 700 ms`,
    });
    const again = destination.deliver(orderOf('A'), NEVER);
    (await queue.nextAttach()).giveCredit(1);
    (await queue.next()).answer('accepted');
    expect((await again).ok).toBe(true);
    expect(queue.accepted).toBe(2);
  });

  test('G10: a lease that grew too short while there was no credit: nothing leaves', async () => {
    const destination = await start({ credit: 0 });
    const signal = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined };
    const sent = destination.deliver(orderOf('A'), signal);
    const attach = await queue.nextAttach();
    signal.aborted = true;
    attach.giveCredit(1);
    expect(await sent).toMatchObject({ code: 'JMS_CONNECT', detail: expect.stringContaining('aborted') });
    expect(destination.stats()).toMatchObject({ open: 0, reset: 1 });
  });

  test('a message larger than the link takes is not sent, and the next one is', async () => {
    const destination = await start({ messageBytesMax: 1000 });
    const large = orderOf('A', { payload: Buffer.alloc(2000, 'x') });
    expect(await destination.deliver(large, NEVER)).toMatchObject({
      code: 'JMS_REJECTED',
      detail: expect.stringContaining('larger than the broker takes (1000 bytes)'),
    });
    const sent = destination.deliver(orderOf('B'), NEVER);
    (await queue.next()).answer('accepted');
    expect((await sent).ok).toBe(true);
    expect(queue.accepted).toBe(1);
  });

  test.each([
    ['amqp:internal-error', 'JMS_NO_ANSWER'],
    ['amqp:link:message-size-exceeded', 'JMS_REJECTED'],
  ])('G8: the link closed with %s after the message was sent is %s', async (condition, code) => {
    const destination = await start();
    const sent = destination.deliver(orderOf('A'), NEVER);
    (await queue.next()).closeLink(condition);
    expect(await sent).toMatchObject({ code });
  });

  test('G8: an outcome in front of the close of its connection counts', async () => {
    const destination = await start();
    const sent = destination.deliver(orderOf('A'), NEVER);
    (await queue.next()).answer('accepted');
    queue.closeConnections('amqp:connection:forced');
    expect((await sent).ok).toBe(true);
  });

  test('a link that the broker closes while nothing is sent: the next send connects anew', async () => {
    const destination = await start();
    const first = destination.deliver(orderOf('A'), NEVER);
    const message = await queue.next();
    message.answer('accepted');
    expect((await first).ok).toBe(true);
    message.closeLink('amqp:resource-deleted');
    expect(await message.connection.ended).toEqual({ byReset: false });
    const second = destination.deliver(orderOf('B'), NEVER);
    (await queue.next()).answer('accepted');
    expect((await second).ok).toBe(true);
    expect(queue.accepted).toBe(2);
  });
});

test.each([null, { kind: 'LISTEN', port: 0 }])('G7: without a usable connection lanes wait: %o', async (connection) => {
  const destination = openDestination(
    {
      document: destinationDocumentSchema.parse({ kind: 'JMS', connection: 'hub', address: QUEUE }),
      connection: connection === null ? null : connectionDocumentSchema.parse(connection),
    },
    new ManualClock(),
    SILENT,
  );
  expect(await destination.deliver(orderOf('A'), NEVER)).toMatchObject({ code: 'JMS_CONNECT' });
  await destination.close();
});
