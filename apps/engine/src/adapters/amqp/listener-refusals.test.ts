import { Buffer } from 'node:buffer';
import net from 'node:net';
import rhea from 'rhea';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ADDRESS, Client, listener, send, stopAll, toStop } from './test-client.ts';
import { ACCEPT, SOURCE_A, selfSigned } from './test-parts.ts';

afterEach(async () => {
  await stopAll();
  vi.restoreAllMocks();
});

describe('rhea trap: what we do not offer is opened silently', () => {
  const coordinator = () => {
    const { types } = rhea;
    return types.described(types.wrap_ulong(0x30), types.wrap_list([]));
  };
  test('a transaction coordinator is refused with a sentence', async () => {
    const spy = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const l = await listener();
    const client = new Client(l.port);
    await client.until(() => client.events.includes('connection_open'));
    const link = client.link({ name: 'tx' });
    // rhea has no coordinators: its target is put in by hand before the attach goes out.
    (link.sender as unknown as { local: { attach: { target: unknown } } }).local.attach.target = coordinator();
    await client.until(() => link.closed);
    expect(link.refusal).toBe(
      'amqp:not-implemented Transactions are not supported; use an auto-acknowledge session, every message is stored before it is accepted',
    );
    expect(link.hadTarget).toBe(false);
    expect(spy).not.toHaveBeenCalled();
  });
  test('a link without an address is refused with a sentence', async () => {
    const l = await listener();
    const client = new Client(l.port);
    const expected =
      'amqp:not-implemented A link without an address is not supported; create the producer for a named queue';
    expect(await client.refusal({ target: {} })).toEqual({ refusal: expected, hadTarget: false });
    expect((await client.refusal({})).refusal).toBe(expected);
  });
  test('an unknown address is refused as not found', async () => {
    const l = await listener();
    const client = new Client(l.port);
    expect(await client.refusal('nowhere')).toEqual({
      refusal: 'amqp:not-found No interface takes messages at "nowhere"',
      hadTarget: false,
    });
  });
  test('a consumer is refused', async () => {
    const l = await listener();
    const client = new Client(l.port);
    const receiver = client.connection.open_receiver({ source: ADDRESS });
    const error = await new Promise<unknown>((done) => receiver.on('receiver_error', () => done(receiver.error)));
    expect(error).toMatchObject({ condition: 'amqp:not-allowed' });
  });
  test('a pre-settled link is refused', async () => {
    const l = await listener();
    const client = new Client(l.port);
    const { refusal } = await client.refusal({ target: ADDRESS, snd_settle_mode: 1 });
    expect(refusal).toMatch(/^amqp:not-implemented Pre-settled sending is not supported/);
  });
  test('G1: a settled transfer on a mixed link closes it, is counted, and is not taken', async () => {
    const l = await listener();
    const client = new Client(l.port);
    const link = client.link({ target: ADDRESS, snd_settle_mode: 2 });
    await client.until(() => link.sender.sendable());
    link.sender.send({ body: 'lost?' }, 'settled').update(true);
    send(link.sender, 'behind');
    await client.until(() => link.closed);
    expect(link.refusal).toBe(
      'amqp:not-allowed Messages must be sent unsettled: they are accepted only once they are stored',
    );
    expect(l.intake.taken).toEqual([]);
    expect(client.outcomes).toEqual([]);
    expect(l.listener.counters.preSettled).toBe(1);
    expect(l.log.lines.some((line) => line.level === 'error')).toBe(true);
    // The session lives on and the address is free.
    l.intake.answer = () => ACCEPT;
    send(await client.sender(), 'again');
    await client.until(() => client.outcomes.length === 1);
  });
});

describe('G22: credentials', () => {
  const connection = { kind: 'LISTEN', host: '127.0.0.1', port: 0, username: 'lab', password: 'påss' } as const;
  const plain = (text: string) => ({
    PLAIN: () => ({ start: (done: (e: unknown, r: Buffer) => void) => done(undefined, Buffer.from(text)) }),
  });
  test('the right ones are let in, whatever their characters', async () => {
    const l = await listener({ connection });
    const client = new Client(l.port, { sasl_mechanisms: plain('\0lab\0påss') });
    await client.sender();
  });
  test.each(['\0lab\0wrong', '\0other\0påss', '\0lab\0', '\0lab', 'nonsense'])(
    '%j is refused by SASL, logged, and cut off',
    async (text) => {
      const l = await listener({ connection });
      const client = new Client(l.port, { sasl_mechanisms: plain(text) });
      await client.until(() => client.events.some((e) => e.startsWith('connection_error')));
      expect(client.events).not.toContain('connection_open');
      if (text.split('\0').length === 3) {
        await l.log.until(/user name or password is wrong/);
        expect(JSON.stringify(l.log.lines)).not.toMatch(/påss|other|:"wrong/);
      }
    },
  );
  test('ANONYMOUS, and no SASL at all, are refused where a password is set', async () => {
    const l = await listener({ connection });
    const anonymous = new Client(l.port);
    await anonymous.until(() => anonymous.events.some((e) => e.startsWith('connection_error') || e === 'disconnected'));
    const bare = new Client(l.port, { username: undefined });
    await bare.until(() => bare.events.length > 0);
    expect([...anonymous.events, ...bare.events]).not.toContain('connection_open');
  });
});

test('G22: TLS', async ({ skip }) => {
  const pair = selfSigned();
  if (pair === undefined) return skip('no openssl');
  const l = await listener({
    connection: { kind: 'LISTEN', host: '127.0.0.1', port: 0, tls: { ...pair, verify: true } },
  });
  l.intake.answer = () => ACCEPT;
  const client = new Client(l.port, { transport: 'tls', ca: pair.cert, servername: 'localhost' });
  send(await client.sender(), 'safe');
  await client.until(() => client.outcomes.length === 1);
  const plain = new Client(l.port);
  await plain.until(() => plain.events.includes('disconnected'));
  expect(plain.events).not.toContain('connection_open');
});

describe('G19: sizes', () => {
  test('the largest message is announced, one of 1 MiB is taken in many frames', async () => {
    const l = await listener({ maxFrameBytes: 4096 });
    l.intake.answer = () => ACCEPT;
    const client = new Client(l.port);
    const sender = await client.sender();
    expect(sender.max_message_size).toBe(10 * 1024 * 1024 + 65_536);
    const body = 'å'.repeat(524_288);
    send(sender, 'big', body);
    await client.until(() => client.outcomes.length === 1);
    expect(l.intake.at(0).text === body).toBe(true);
  });
  test('a larger one is rejected, offered to onRefused without its bytes, and the next one is taken', async () => {
    const seen: unknown[] = [];
    const l = await listener({
      maxMessageBytes: 10_000,
      onRefused: async (refused) => {
        seen.push(refused);
        return { kind: 'reject', code: refused.code, description: 'stored as a reject' };
      },
    });
    l.intake.answer = () => ACCEPT;
    const client = new Client(l.port);
    const sender = await client.sender();
    send(sender, 'large', 'x'.repeat(200_000));
    send(sender, 'map', { a: 1 });
    send(sender, 'fine');
    await client.until(() => client.outcomes.length === 3);
    expect(client.outcomes.sort()).toEqual([
      'fine accepted',
      'large rejected amqp:not-allowed INGEST_TOO_LARGE: stored as a reject',
      'map rejected amqp:not-allowed INGEST_BODY_KIND: stored as a reject',
    ]);
    expect(seen).toMatchObject([
      { sourceId: SOURCE_A, code: 'INGEST_TOO_LARGE', encoded: null },
      { sourceId: SOURCE_A, code: 'INGEST_BODY_KIND', jmsMessageId: 'ID:map', encoded: expect.any(Uint8Array) },
    ]);
  });
  test('the frames of an oversized message are not gathered', async () => {
    const l = await listener({ maxMessageBytes: 10_000 });
    const client = new Client(l.port);
    const sender = await client.sender();
    const joined = vi.spyOn(Buffer, 'concat');
    send(sender, 'large', 'x'.repeat(4_194_304));
    await client.until(() => client.outcomes.length === 1);
    const sizes = joined.mock.results.map((r) => (r.value as Buffer).length);
    // rhea joins a frame with what the socket brought along, never more.
    expect(Math.max(0, ...sizes)).toBeLessThan(262_144);
  });
  test('a frame that announces more than max-frame-size is cut off before it arrives, login or not', async () => {
    const l = await listener();
    const socket = net.connect(l.port, '127.0.0.1');
    toStop.push(() => void socket.destroy());
    const closed = new Promise((done) => socket.once('close', done));
    socket.on('error', () => {});
    socket.write(
      Buffer.concat([Buffer.from('AMQP\x03\x01\x00\x00'), Buffer.from([0x7f, 0xff, 0xff, 0xff, 2, 1, 0, 0])]),
    );
    socket.resume();
    await closed;
    expect(l.log.lines.at(-1)?.fields).toMatchObject({ reason: 'a frame is larger than max-frame-size' });
  });
  test('a frame before login that announces four thousand million elements ends its connection, not the process', async () => {
    const l = await listener();
    const socket = net.connect(l.port, '127.0.0.1');
    toStop.push(() => void socket.destroy());
    const bomb = Buffer.from([0x00, 0x53, 0x41, 0xc0, 11, 1, 0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]);
    const head = Buffer.from([0, 0, 0, 8 + bomb.length, 2, 1, 0, 0]);
    socket.write(Buffer.concat([Buffer.from('AMQP\x03\x01\x00\x00'), head, bomb]));
    await new Promise((done) => socket.once('end', done).resume());
    expect(l.log.lines.at(-1)?.message).toBe('AMQP client broke the protocol');
  });
  test('a client that never gets through the handshake is cut off', async () => {
    const l = await listener({ connectTimeoutMs: 20 });
    const socket = net.connect(l.port, '127.0.0.1');
    toStop.push(() => void socket.destroy());
    socket.on('error', () => {});
    await new Promise((done) => socket.once('close', done).resume());
    expect(l.log.lines.at(-1)?.fields).toMatchObject({ reason: 'the handshake took too long' });
  });
  test('rhea trap: a client that ignores credit is not written to the console for each message, and is cut off', async () => {
    const spy = vi.spyOn(console, 'error').mockImplementation(() => {});
    const l = await listener();
    const client = new Client(l.port);
    const link = client.link();
    await client.until(() => link.sender.sendable());
    (link.sender as unknown as { credit: number }).credit = 1000;
    for (let i = 0; i < 100; i++) send(link.sender, `m${i}`);
    await client.until(() => link.closed);
    expect(link.refusal).toMatch(/^amqp:link:transfer-limit-exceeded/);
    expect(l.intake.taken.length).toBeLessThanOrEqual(20);
    expect(l.log.lines.filter((line) => /beyond the credit/.test(line.message))).toHaveLength(1);
    expect(spy).not.toHaveBeenCalled();
    l.intake.answer = () => ACCEPT;
    send(await client.sender('many'), 'the session lives');
    await client.until(() => client.outcomes.some((o) => o.startsWith('the session lives')));
  });
  test('too many sessions on one connection end it', async () => {
    const l = await listener({ sessionsMax: 2 });
    const client = new Client(l.port);
    for (let i = 0; i < 3; i++) client.connection.create_session().begin();
    await client.until(() => client.events.includes('connection_error amqp:resource-limit-exceeded'));
  });
});
