/**
 * What every destination connector must do whatever its wire: one battery, run by the tests of each against a scripted
 * peer on real sockets, with time moved by hand.
 */
import net from 'node:net';
import { type DestinationConnector, type ErrorCode, errorClass } from '@inorder/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NEVER, orderOf } from './delivery-request.ts';
import { ManualClock } from './manual-clock.ts';
import { type LisConnection, type LisConnectionEnd, type LisTls, watchConnection } from './scripted-lis.ts';
import { LOCALHOST_CERT, LOCALHOST_KEY } from './tls-fixture.ts';

export interface ConformanceMessage {
  readonly connection: LisConnection;
  readonly payload: Buffer;
  /** Takes the message. */
  accept(): void;
  /** Refuses it for a reason that may pass. */
  refuseForNow(): void;
  /** Refuses its content. */
  refuseContent(): void;
  /** Says it has the message already. Absent: the wire has no word for that. */
  refuseAsKnown?(): void;
  /** The bytes of an acceptance, to be sent when nobody waits for one. */
  readonly acceptance: Uint8Array;
}

export interface ConformancePeer {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  next(): Promise<ConformanceMessage>;
  stop(): Promise<void>;
}

export interface ConformanceSettings {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly verify?: boolean };
  readonly connectionsMax?: number;
  readonly ackTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly idleCloseMs?: number;
}

export interface MeasuredConnector extends DestinationConnector {
  stats(): { readonly open: number; readonly busy: number; readonly waiting: number; readonly reset: number };
}

export interface DestinationHarness {
  startPeer(tls?: LisTls): Promise<ConformancePeer>;
  open(settings: ConformanceSettings, clock: ManualClock): MeasuredConnector;
  readonly codes: {
    readonly connect: ErrorCode;
    readonly dns: ErrorCode;
    readonly tls: ErrorCode;
    readonly timeout: ErrorCode;
    readonly lost: ErrorCode;
    readonly refusedForNow: ErrorCode;
    readonly refusedContent: ErrorCode;
  };
}

/** Passes one connection on to `port`: how TCP itself ended is seen here, where a TLS server may tell otherwise. */
async function forwardTo(
  port: number,
): Promise<{ port: number; senderEnded: Promise<LisConnectionEnd>; stop(): Promise<void> }> {
  const ended = Promise.withResolvers<LisConnectionEnd>();
  const server = net.createServer((sender) => {
    const onward = net.connect(port, '127.0.0.1');
    onward.on('error', () => sender.destroy());
    void watchConnection(sender, 1).ended.then((end) => {
      onward.destroy();
      ended.resolve(end);
    });
    sender.pipe(onward).pipe(sender);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A server that listens on TCP has an address object.
    port: (server.address() as net.AddressInfo).port,
    senderEnded: ended.promise,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export function describeDestination(name: string, harness: DestinationHarness): void {
  const { codes } = harness;
  const SERVER: LisTls = { key: LOCALHOST_KEY, cert: LOCALHOST_CERT };
  const TRUSTED = { ca: LOCALHOST_CERT };

  describe(`${name} as a destination`, () => {
    let clock: ManualClock;
    let peer: ConformancePeer;
    let peers: { stop(): Promise<void> }[];
    let opened: MeasuredConnector[];

    const start = async (tls?: LisTls): Promise<ConformancePeer> => {
      const started = await harness.startPeer(tls);
      peers.push(started);
      return started;
    };
    const open = (settings: Partial<ConformanceSettings> = {}): MeasuredConnector => {
      const connector = harness.open({ host: '127.0.0.1', port: peer.port, ...settings }, clock);
      opened.push(connector);
      return connector;
    };
    const deliverOne = async (connector: MeasuredConnector, controlId: string): Promise<ConformanceMessage> => {
      const sent = connector.deliver(orderOf(controlId), NEVER);
      const message = await peer.next();
      message.accept();
      expect((await sent).ok).toBe(true);
      return message;
    };

    beforeEach(async () => {
      clock = new ManualClock();
      peers = [];
      opened = [];
      peer = await start();
    });

    afterEach(async () => {
      await Promise.all(peers.map((one) => one.stop()));
      await Promise.all(opened.map((connector) => connector.close()));
      expect(clock.pending, 'timers left behind').toBe(0);
      for (const connector of opened) expect(connector.stats()).toMatchObject({ open: 0, busy: 0, waiting: 0 });
    });

    test('the classes of its codes are those of the guarantees', () => {
      expect(Object.values(codes).map(errorClass)).toEqual([
        ...['endpoint', 'endpoint', 'endpoint'],
        ...['ambiguous', 'ambiguous'],
        ...['transient', 'permanent'],
      ]);
    });

    test('the same bytes arrive, the answer is kept, the connection is used again', async () => {
      const connector = open();
      for (const id of ['A', 'B', 'C']) {
        const sent = connector.deliver(orderOf(id), NEVER);
        const message = await peer.next();
        expect(message.payload.equals(orderOf(id).payload)).toBe(true);
        message.accept();
        expect(await sent).toMatchObject({ ok: true, byDuplicate: false });
      }
      expect(peer.accepted).toBe(1);
    });

    test('5 MB', async () => {
      const payload = Buffer.concat([orderOf('A').payload, Buffer.alloc(5 * 1024 * 1024, 'x')]);
      const sent = open().deliver(orderOf('A', { payload }), NEVER);
      const message = await peer.next();
      expect(message.payload.equals(payload)).toBe(true);
      message.accept();
      expect((await sent).ok).toBe(true);
    });

    test.each([
      ['refuseForNow', codes.refusedForNow],
      ['refuseContent', codes.refusedContent],
    ] as const)('G6: %s is %s, and the connection stays', async (how, code) => {
      const connector = open();
      const sent = connector.deliver(orderOf('A'), NEVER);
      (await peer.next())[how]();
      expect(await sent).toMatchObject({ ok: false, code });
      await deliverOne(connector, 'B');
      expect(peer.accepted).toBe(1);
    });

    test('G8: "already there" confirms a resend, and never a first send', async ({ skip }) => {
      const connector = open();
      const resend = connector.deliver(orderOf('A', { possibleDuplicate: true, attempt: 2 }), NEVER);
      const again = await peer.next();
      if (again.refuseAsKnown === undefined) {
        again.accept();
        await resend;
        skip(`${name} has no word for it`);
      }
      again.refuseAsKnown?.();
      expect(await resend).toMatchObject({ ok: true, byDuplicate: true });
      const first = connector.deliver(orderOf('B'), NEVER);
      (await peer.next()).refuseAsKnown?.();
      expect(await first).toMatchObject({ ok: false, code: codes.refusedForNow });
    });

    test('G7: a refused connection is an endpoint failure', async () => {
      const connector = open();
      await peer.stop();
      const result = await connector.deliver(orderOf('A'), NEVER);
      expect(result).toMatchObject({ ok: false, code: codes.connect, response: null });
      expect(result).toHaveProperty('detail', expect.stringMatching(/^127\.0\.0\.1:\d+ ECONNREFUSED$/));
    });

    test('G7: an unknown host name is an endpoint failure', async () => {
      expect(await open({ host: 'lis.invalid' }).deliver(orderOf('A'), NEVER)).toMatchObject({ code: codes.dns });
    });

    test('G8: a time-out after bytes is an unknown outcome', async () => {
      const connector = open({ ackTimeoutMs: 1000 });
      let settled = false;
      const sent = connector.deliver(orderOf('A'), NEVER).finally(() => {
        settled = true;
      });
      const message = await peer.next();
      clock.advance(999);
      await new Promise(setImmediate);
      expect(settled).toBe(false);
      clock.advance(1);
      expect(await sent).toMatchObject({ ok: false, code: codes.timeout, ackCode: null });
      expect(await message.connection.ended).toEqual({ byReset: true });
      expect(connector.stats().reset).toBe(1);
    });

    test.each(['reset', 'halfClose'] as const)('G8: %s before the answer is an unknown outcome', async (how) => {
      const sent = open().deliver(orderOf('A'), NEVER);
      (await peer.next()).connection[how]();
      expect(await sent).toMatchObject({ ok: false, code: codes.lost });
    });

    test('G15: a late ACK credits nobody', async () => {
      const connector = open({ ackTimeoutMs: 1000, connectionsMax: 1 });
      const first = connector.deliver(orderOf('A'), NEVER);
      const one = await peer.next();
      clock.advance(1000);
      expect((await first).ok).toBe(false);
      const second = connector.deliver(orderOf('B'), NEVER);
      const two = await peer.next();
      expect(two.connection.ordinal).toBe(2);
      one.accept();
      two.refuseForNow();
      expect(await second).toMatchObject({ ok: false, code: codes.refusedForNow });
    });

    test('G15: an answer that comes while nothing waits resets the connection', async () => {
      const connector = open();
      const one = await deliverOne(connector, 'A');
      one.connection.send(one.acceptance);
      expect(await one.connection.ended).toEqual({ byReset: true });
      const two = await deliverOne(connector, 'B');
      expect(two.connection.ordinal).toBe(2);
      expect(connector.stats().reset).toBe(1);
    });

    test('a peer that closes behind its answer costs nothing: the next send connects anew', async () => {
      const connector = open({ connectionsMax: 1 });
      for (const id of ['A', 'B', 'C']) {
        const sent = connector.deliver(orderOf(id), NEVER);
        const message = await peer.next();
        message.accept();
        message.connection.halfClose();
        expect((await sent).ok).toBe(true);
      }
      expect(peer.accepted).toBe(3);
    });

    test('G10: an abort resets the connection; bytes may have left', async () => {
      const abort = new AbortController();
      const sent = open().deliver(orderOf('A'), abort.signal);
      const message = await peer.next();
      abort.abort();
      expect(await sent).toMatchObject({ code: codes.lost, detail: expect.stringContaining('aborted') });
      expect(await message.connection.ended).toEqual({ byReset: true });
    });

    test('G10: aborted before it began, nothing is sent', async () => {
      const result = await open().deliver(orderOf('A'), AbortSignal.abort());
      expect(result).toMatchObject({ code: codes.connect, detail: expect.stringContaining('aborted') });
      expect(peer.accepted).toBe(0);
    });

    test('G19: at most connectionsMax; who waits longest is next; a waiter can be aborted', async () => {
      const connector = open({ connectionsMax: 1 });
      const abort = new AbortController();
      const a = connector.deliver(orderOf('A'), NEVER);
      const b = connector.deliver(orderOf('B'), abort.signal);
      const rest = ['C', 'D'].map((id) => connector.deliver(orderOf(id), NEVER));
      const one = await peer.next();
      expect(connector.stats()).toMatchObject({ open: 1, busy: 1, waiting: 3 });
      abort.abort();
      expect(await b).toMatchObject({ code: codes.connect, detail: expect.stringContaining('aborted') });
      one.accept();
      for (const id of ['C', 'D']) {
        const message = await peer.next();
        expect(message.payload.equals(orderOf(id).payload)).toBe(true);
        message.accept();
      }
      expect((await Promise.all([a, ...rest])).map((r) => r.ok)).toEqual([true, true, true]);
      expect(peer.accepted).toBe(1);
    });

    test('G19: an idle connection is closed after idleCloseMs, with FIN; a busy one is not', async () => {
      const connector = open({ idleCloseMs: 1000, ackTimeoutMs: 10_000 });
      await deliverOne(connector, 'A');
      const sent = connector.deliver(orderOf('B'), NEVER);
      const message = await peer.next();
      clock.advance(5000);
      message.accept();
      expect((await sent).ok).toBe(true);
      clock.advance(999);
      expect(connector.stats().open).toBe(1);
      clock.advance(1);
      expect(connector.stats().open).toBe(0);
      expect(await message.connection.ended).toEqual({ byReset: false });
    });

    test('close: what is under way ends, who waits and who comes is refused', async () => {
      const connector = open({ connectionsMax: 1 });
      const a = connector.deliver(orderOf('A'), NEVER);
      const b = connector.deliver(orderOf('B'), NEVER);
      const message = await peer.next();
      const closed = connector.close();
      expect(await b).toMatchObject({ code: codes.connect, detail: expect.stringContaining('closed') });
      expect(await connector.deliver(orderOf('C'), NEVER)).toMatchObject({ code: codes.connect });
      message.accept();
      expect((await a).ok).toBe(true);
      await closed;
      expect(await message.connection.ended).toEqual({ byReset: false });
    });

    describe('TLS', () => {
      test('G22: a trusted peer is used, and reused', async () => {
        peer = await start(SERVER);
        const connector = open({ tls: TRUSTED });
        await deliverOne(connector, 'A');
        await deliverOne(connector, 'B');
        expect(peer.accepted).toBe(1);
      });

      test('G22: a peer that is not trusted gets nothing: an endpoint failure', async () => {
        peer = await start(SERVER);
        expect(await open({ tls: {} }).deliver(orderOf('A'), NEVER)).toMatchObject({
          code: codes.tls,
          detail: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
        });
        await deliverOne(open({ tls: { verify: false } }), 'B');
      });

      test('G7: a peer that refuses our certificate, after our side of the handshake, is an endpoint failure', async () => {
        peer = await start({ ...SERVER, clientCa: LOCALHOST_CERT });
        expect(await open({ tls: TRUSTED }).deliver(orderOf('A'), NEVER)).toMatchObject({ code: codes.tls });
        await deliverOne(open({ tls: { ...TRUSTED, cert: LOCALHOST_CERT, key: LOCALHOST_KEY } }), 'B');
      });

      test('G7: unusable certificates of our own are an endpoint failure', async () => {
        expect(await open({ tls: { cert: 'none', key: 'none' } }).deliver(orderOf('A'), NEVER)).toMatchObject({
          code: codes.tls,
        });
        expect(peer.accepted).toBe(0);
      });

      test('G10: an abort resets through TLS too', async () => {
        peer = await start(SERVER);
        const wire = await forwardTo(peer.port);
        peers.push(wire);
        const abort = new AbortController();
        const sent = open({ port: wire.port, tls: TRUSTED }).deliver(orderOf('A'), abort.signal);
        await peer.next();
        abort.abort();
        expect(await sent).toMatchObject({ code: codes.lost });
        expect(await wire.senderEnded).toEqual({ byReset: true });
      });

      test('G7: a peer that never shakes hands is given up after connectTimeoutMs; one that hangs up at once', async () => {
        let accepted = (_socket: net.Socket): void => undefined;
        const mute = net.createServer((socket) => {
          socket.on('error', () => undefined);
          accepted(socket);
        });
        await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
        peers.push({ stop: () => new Promise((resolve) => mute.close(() => resolve())) });
        const address = mute.address();
        if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
        const connector = open({ port: address.port, tls: TRUSTED, connectTimeoutMs: 700 });
        const reached = (): Promise<net.Socket> =>
          new Promise((resolve) => {
            // The first bytes of the handshake show that the engine knows it is connected.
            accepted = (socket) => socket.once('data', () => resolve(socket));
          });

        const arrived = reached();
        const mutely = connector.deliver(orderOf('A'), NEVER);
        await arrived;
        clock.advance(700);
        expect(await mutely).toMatchObject({ code: codes.tls, detail: expect.stringContaining('700 ms') });

        const again = reached();
        const abruptly = connector.deliver(orderOf('A'), NEVER);
        (await again).destroy();
        expect(await abruptly).toMatchObject({ code: codes.tls });
      });
    });
  });
}
