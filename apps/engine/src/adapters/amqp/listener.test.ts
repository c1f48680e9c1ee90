import { Buffer } from 'node:buffer';
import net from 'node:net';
import type { Sender } from 'rhea';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ADDRESS, Client, listener, send, stopAll } from './test-client.ts';
import { ACCEPT, hasNoDelay, REJECT, RELEASE, SOURCE_A, SOURCE_B, turns } from './test-parts.ts';

afterEach(async () => {
  await stopAll();
  vi.restoreAllMocks();
});

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

test('G3: a message that is given back ends its link; what is under way behind it is not taken, and comes again', async () => {
  const l = await listener();
  const client = new Client(l.port);
  const link = client.link();
  await client.until(() => link.sender.sendable());
  send(link.sender, 'one');
  send(link.sender, 'two');
  await l.intake.until(2);
  // Sent before the client can know.
  send(link.sender, 'three');
  l.intake.at(0).settle(RELEASE);
  await turns(20);
  expect(link.closed).toBe(false);
  l.intake.at(1).settle(RELEASE);
  await client.until(() => link.closed);
  expect(link.refusal).toBe(
    'amqp:link:detach-forced A message was given back; attach again and send it and all that followed it again, in order',
  );
  expect(client.outcomes).toEqual(['one released', 'two released']);
  expect(l.intake.texts).toEqual(['one', 'two']);
  l.intake.answer = () => ACCEPT;
  const again = await client.sender();
  for (const tag of ['one', 'two', 'three']) send(again, tag);
  await client.until(() => client.outcomes.length === 5);
  expect(l.intake.texts.slice(2)).toEqual(['one', 'two', 'three']);
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
