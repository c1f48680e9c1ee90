import { Buffer } from 'node:buffer';
import net from 'node:net';
import type { Connection, ConnectionOptions, EventContext, Message, Sender, SenderOptions, Session } from 'rhea';
import rhea from 'rhea';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AmqpListener, type AmqpListenerOptions, type Resolution } from './index.ts';
import {
  ACCEPT,
  hasNoDelay,
  Intake,
  REJECT,
  RELEASE,
  RecordingLog,
  realClock,
  SOURCE_A,
  SOURCE_B,
  selfSigned,
  turns,
} from './test-parts.ts';

const ADDRESS = 'orders/LAB-0001';
const toStop: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
  vi.restoreAllMocks();
});

function resolve(address: string): Resolution {
  if (address === ADDRESS) return { sourceId: SOURCE_A, credit: 10, producers: 'one' };
  if (address === 'many') return { sourceId: SOURCE_B, credit: 10, producers: 'many' };
  return { refuse: 'amqp:not-found', description: `No interface takes messages at "${address}"` };
}

async function listener(more: Partial<AmqpListenerOptions> = {}) {
  const intake = new Intake();
  const log = new RecordingLog();
  const statuses: string[] = [];
  const started = new AmqpListener({
    connection: { kind: 'LISTEN', host: '127.0.0.1', port: 0 },
    resolve,
    handler: intake.handler,
    log,
    clock: realClock,
    onStatus: (status) => statuses.push(`${status.state} ${status.detail}`),
    drainMs: 50,
    releaseDelayMs: 1,
    releaseDelayMsMax: 2,
    ...more,
  });
  const port = await started.start();
  toStop.push(() => started.stop());
  return { listener: started, port, intake, log, statuses };
}

/** A producer made of rhea itself, as a JMS client would be. */
class Client {
  readonly outcomes: string[] = [];
  readonly connection: Connection;
  readonly #changed: Array<() => void> = [];
  readonly events: string[] = [];

  constructor(port: number, options: object = {}) {
    const container = rhea.create_container({ id: 'a-client' });
    this.connection = container.create_connection({
      port,
      host: '127.0.0.1',
      reconnect: false,
      username: 'anonymous',
      ...{ tcp_no_delay: true, treat_modified_as_released: false },
      ...options,
    } as ConnectionOptions);
    for (const event of [
      'connection_open',
      'connection_close',
      'disconnected',
      'error',
      'protocol_error',
      'session_error',
    ]) {
      this.connection.on(event, () => this.#note(event));
    }
    this.connection.on('connection_error', (context: EventContext) => {
      this.#note(`connection_error ${(context.error as { condition?: string } | undefined)?.condition ?? ''}`);
    });
    this.connection.connect();
    toStop.push(() => void this.connection['socket'].destroy());
  }

  #note(event: string): void {
    this.events.push(event);
    for (const wake of this.#changed.splice(0)) wake();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((wake) => this.#changed.push(wake));
  }

  /** Opens a link and follows it; `refusal` is set if it is closed with an error. */
  link(options: SenderOptions | string = ADDRESS, on: Session | Connection = this.connection) {
    const sender = on.open_sender(options);
    const state = {
      sender,
      open: false,
      credit: 0,
      refusal: undefined as string | undefined,
      closed: false,
      hadTarget: false,
    };
    sender.on('sender_open', () => {
      state.open = true;
      state.hadTarget = 'address' in (sender.target ?? {});
      this.#note('sender_open');
    });
    sender.on('sendable', () => this.#note('sendable'));
    sender.on('sender_error', () => {
      const error = sender.error as { condition?: string; description?: string };
      state.refusal = `${error.condition} ${error.description}`;
    });
    sender.on('sender_close', () => {
      state.closed = true;
      this.#note('sender_close');
    });
    for (const outcome of ['accepted', 'released', 'rejected']) {
      sender.on(outcome, (context: EventContext) => {
        const error = context.delivery?.remote_state?.['error'];
        const tag = Buffer.from(context.delivery?.tag ?? '').toString();
        this.outcomes.push(`${tag} ${outcome}${error ? ` ${error.condition} ${error.description}` : ''}`);
        this.#note(outcome);
      });
    }
    return state;
  }

  async sender(options: SenderOptions | string = ADDRESS, on?: Session | Connection): Promise<Sender> {
    const link = this.link(options, on);
    await this.until(() => link.sender.sendable() || link.closed);
    if (link.closed) throw new Error(`refused: ${link.refusal}`);
    return link.sender;
  }

  async refusal(options: SenderOptions | string): Promise<{ refusal: string | undefined; hadTarget: boolean }> {
    const link = this.link(options);
    await this.until(() => link.closed);
    return { refusal: link.refusal, hadTarget: link.hadTarget };
  }
}

const send = (sender: Sender, tag: string, body: unknown = tag): void => {
  sender.send({ body, message_id: `ID:${tag}` } satisfies Message, tag);
};

test('G1: a message is accepted only after the handler said so', async () => {
  const l = await listener();
  const client = new Client(l.port);
  const sender = await client.sender();
  send(sender, 'one');
  await l.intake.until(1);
  await turns(20);
  expect(client.outcomes).toEqual([]);
  expect(l.intake.at(0)).toMatchObject({
    text: 'one',
    message: { sourceId: SOURCE_A, jmsMessageId: 'ID:one', redelivered: false },
  });
  l.intake.at(0).settle(ACCEPT);
  await client.until(() => client.outcomes.length === 1);
  expect(client.outcomes).toEqual(['one accepted']);
});

test.each(['ar', 'ra', 'arr', 'rar', 'aj', 'ja', 'jrajr'])(
  'rhea trap: %s in one tick settles exactly, over two links of one session',
  async (pattern) => {
    const l = await listener();
    const client = new Client(l.port);
    const session = client.connection.create_session();
    session.begin();
    const senders = [await client.sender(ADDRESS, session), await client.sender('many', session)];
    const letters = [...pattern];
    for (const i of letters.keys()) send(senders[i % 2] ?? (senders[0] as Sender), String(i));
    await l.intake.until(letters.length);
    const byTag = new Map(l.intake.taken.map((t) => [t.text, t]));
    for (const [i, letter] of letters.entries()) {
      byTag.get(String(i))?.settle(letter === 'a' ? ACCEPT : letter === 'r' ? RELEASE : REJECT);
    }
    await client.until(() => client.outcomes.length === letters.length);
    const names: Record<string, string> = {
      a: 'accepted',
      r: 'released',
      j: 'rejected amqp:not-allowed INGEST_NO_INTERFACE: names no interface',
    };
    expect(client.outcomes.sort()).toEqual(letters.map((letter, i) => `${i} ${names[letter]}`));
  },
);

test('G19: the producer gets the credit of its source, and more only as messages are settled', async () => {
  const l = await listener();
  const client = new Client(l.port);
  const sender = await client.sender();
  for (let i = 0; i < 25; i++) send(sender, `m${i}`);
  await l.intake.until(10);
  await turns(20);
  expect(l.intake.taken).toHaveLength(10);
  l.intake.answer = () => ACCEPT;
  for (const taken of l.intake.taken) taken.settle(ACCEPT);
  await client.until(() => client.outcomes.length === 25);
  expect(l.intake.texts).toEqual(Array.from({ length: 25 }, (_, i) => `m${i}`));
});

test('rhea trap: a session of 2,048 slots does not stall over 5,000 messages', async () => {
  const l = await listener();
  l.intake.answer = () => ACCEPT;
  const client = new Client(l.port);
  const sender = await client.sender();
  let sent = 0;
  const fill = (): void => {
    while (sent < 5000 && sender.sendable() && sent - client.outcomes.length < 500) send(sender, `m${sent++}`);
  };
  sender.on('sendable', fill);
  sender.on('accepted', fill);
  fill();
  await client.until(() => client.outcomes.length === 5000);
  expect(l.listener.counters).toMatchObject({ received: 5000, accepted: 5000, overCredit: 0 });
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

describe('G3: one producing link per interface', () => {
  test('the second is refused as locked, until the first is gone', async () => {
    const l = await listener();
    l.intake.answer = () => ACCEPT;
    const first = new Client(l.port);
    const held = await first.sender();
    const second = new Client(l.port);
    expect((await second.refusal(ADDRESS)).refusal).toMatch(
      /^amqp:resource-locked Another producer \(127\.0\.0\.1:\d+\) is attached/,
    );
    held.close();
    await first.until(() => first.events.includes('sender_close'));
    send(await second.sender(), 'mine');
    await second.until(() => second.outcomes.length === 1);
    expect(l.statuses.map((s) => s.split(' ')[0])).toEqual(['OPEN', 'CONNECTING', 'OPEN']);
  });
  test.each([
    ['its session ended', (_c: Client, s: Sender) => s.session.close()],
    ['its connection closed', (c: Client) => c.connection.close()],
    ['its socket was cut', (c: Client) => void c.connection['socket'].destroy()],
  ])('the address is free once the holder is gone: %s', async (_, leave) => {
    const seen: string[] = [];
    let changed = (): void => {};
    const l = await listener({
      onStatus: (status) => {
        seen.push(status.state);
        changed();
      },
    });
    const first = new Client(l.port);
    const freed = new Promise<void>((done) => {
      changed = () => seen.includes('CONNECTING') && done();
    });
    leave(first, await first.sender());
    await freed;
    const second = new Client(l.port);
    await second.sender();
    expect(seen).toEqual(['OPEN', 'CONNECTING', 'OPEN']);
  });
  test('a client that comes back takes its own link over, before the old connection is seen dead', async () => {
    const l = await listener();
    const before = new Client(l.port);
    const held = before.link({ name: 'its-link', target: ADDRESS });
    await before.until(() => held.sender.sendable());
    send(held.sender, 'one');
    await l.intake.until(1);
    const after = new Client(l.port);
    const sender = await after.sender({ name: 'its-link', target: ADDRESS });
    await before.until(() => held.closed);
    expect(held.refusal).toMatch(/^amqp:link:stolen/);
    l.intake.at(0).settle(ACCEPT);
    l.intake.answer = () => ACCEPT;
    send(sender, 'one again');
    await after.until(() => after.outcomes.length === 1);
    expect([before.outcomes, after.outcomes]).toEqual([[], ['one again accepted']]);
    expect(l.listener.counters.stale).toBe(1);
  });
  test('producers: many lets both in', async () => {
    const l = await listener();
    l.intake.answer = () => ACCEPT;
    const [one, two] = [new Client(l.port), new Client(l.port)];
    send(await one.sender('many'), 'a');
    send(await two.sender('many'), 'b');
    await one.until(() => one.outcomes.length === 1);
    await two.until(() => two.outcomes.length === 1);
    expect(l.listener.statuses()).toEqual([{ sourceId: SOURCE_B, state: 'OPEN', detail: '2 producers are attached' }]);
  });
  test('a revoked source closes its links with a reason', async () => {
    const l = await listener();
    const client = new Client(l.port);
    const link = client.link();
    await client.until(() => link.sender.sendable());
    l.listener.revoke(SOURCE_A, 'Another instance reads this source now');
    await client.until(() => link.closed);
    expect(link.refusal).toBe('amqp:link:detach-forced Another instance reads this source now');
  });
});

test('G1: a disposition that comes after the client is gone does nothing to the next one', async () => {
  const l = await listener();
  const first = new Client(l.port);
  send(await first.sender(), 'old');
  await l.intake.until(1);
  first.connection['socket'].destroy();
  const second = new Client(l.port);
  // Until the server has seen the cut the address is locked.
  const sender = await (async () => {
    for (;;) {
      const link = second.link();
      await second.until(() => link.sender.sendable() || link.closed);
      if (!link.closed) return link.sender;
    }
  })();
  send(sender, 'new');
  await l.intake.until(2);
  l.intake.at(0).settle(ACCEPT);
  await turns(20);
  expect(second.outcomes).toEqual([]);
  expect(l.listener.counters.stale).toBe(1);
  l.intake.at(1).settle(RELEASE);
  await second.until(() => second.outcomes.length === 1);
  expect(second.outcomes).toEqual(['new released']);
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

test('rhea trap: TCP_NODELAY is set on the sockets we accept', async () => {
  const sockets: net.Socket[] = [];
  const create = net.createServer;
  vi.spyOn(net, 'createServer').mockImplementation(((...args: Parameters<typeof create>) => {
    const server = create(...args);
    server.on('connection', (socket) => sockets.push(socket));
    return server;
  }) as typeof create);
  const l = await listener();
  const client = new Client(l.port);
  await client.sender();
  expect(sockets).toHaveLength(1);
  expect(sockets.every(hasNoDelay)).toBe(true);
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

test('rhea trap: an aborted delivery is not taken for a whole message', async () => {
  const l = await listener({ maxFrameBytes: 512 });
  l.intake.answer = () => ACCEPT;
  const client = new Client(l.port, { max_frame_size: 512 });
  const sender = await client.sender();
  // rhea cannot abort: the last transfer of the delivery is marked on its way out.
  const session = sender.session as unknown as {
    output: (frame: { aborted?: boolean; more?: boolean; delivery_tag?: unknown }, payload?: Buffer) => void;
  };
  const output = session.output.bind(session);
  session.output = (frame, payload) => {
    if (frame.delivery_tag !== undefined && !frame.more) frame.aborted = true;
    output(frame, payload);
  };
  send(sender, 'half', 'x'.repeat(2000));
  await turns(20);
  session.output = output;
  send(sender, 'whole');
  await client.until(() => client.outcomes.length === 1);
  expect(l.intake.texts).toEqual(['whole']);
});

test('an empty body is handed on: ingest decides', async () => {
  const l = await listener();
  l.intake.answer = () => ACCEPT;
  const client = new Client(l.port);
  send(await client.sender(), 'empty', null);
  await client.until(() => client.outcomes.length === 1);
  expect(l.intake.at(0).message.body).toHaveLength(0);
});

test('G16: a message that cannot be read harms neither its connection nor the next one', async () => {
  const l = await listener();
  l.intake.answer = () => ACCEPT;
  const client = new Client(l.port);
  const sender = await client.sender();
  sender.send(Buffer.from([0x00, 0x53, 0x77, 0xb1, 0xff, 0xff, 0xff, 0xff]), 'broken', 0);
  send(sender, 'next');
  await client.until(() => client.outcomes.length === 2);
  expect(client.outcomes.sort()).toEqual([
    'broken rejected amqp:not-allowed INGEST_BODY_KIND: The message is not well-formed AMQP 1.0',
    'next accepted',
  ]);
});

test('a handler that throws releases the message', async () => {
  const l = await listener({ handler: () => Promise.reject(new Error('a bug')) });
  const client = new Client(l.port);
  send(await client.sender(), 'one');
  await client.until(() => client.outcomes.length === 1);
  expect(client.outcomes).toEqual(['one released']);
});

test('stop settles what is in hand, says why it closes, and frees the port', async () => {
  const l = await listener();
  const client = new Client(l.port);
  send(await client.sender(), 'one');
  await l.intake.until(1);
  const stopped = l.listener.stop();
  l.intake.at(0).settle(ACCEPT);
  await stopped;
  await client.until(() => client.events.includes('connection_error amqp:connection:forced'));
  expect(client.outcomes).toEqual(['one accepted']);
  await expect(
    new Promise((done, fail) => net.connect(l.port, '127.0.0.1', () => done('connected')).on('error', fail)),
  ).rejects.toThrow('ECONNREFUSED');
});
