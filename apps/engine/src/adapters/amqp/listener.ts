/**
 * Our own AMQP 1.0 listener: a JMS client (Qpid JMS) connects straight to it and is told `accepted` once its message
 * is stored (G1). It is a way in, not a broker: no transactions, no consumers but of replies, no anonymous links; each is
 * refused with a condition and a sentence, because rhea would open them silently.
 *
 * Modes: IDLE → LISTENING → STOPPED.
 */
import type { Server, Socket } from 'node:net';
import type { SourceId, SourceStatus } from '@inorder/core';
import { type ListenDocument, sameSecret, serve } from './connection-parts.ts';
import { within } from './deadline.ts';
import { ListenerConnection } from './listener-connection.ts';
import {
  type AmqpCounters,
  type InboundOptions,
  type InboundSettings,
  newCounters,
  type Resolution,
  withDefaults,
} from './options.ts';
import { Producers } from './producers.ts';
import { type Container, connectionOf, rhea } from './rhea-internals.ts';

export interface AmqpListenerOptions extends InboundOptions {
  readonly connection: ListenDocument;
  /** Called for each attach; answers from memory. Refuse with `amqp:resource-locked` where another instance reads the source (G3). */
  readonly resolve: (address: string) => Resolution;
  /** Default 500. */
  readonly connectionsMax?: number;
  /** Per connection. Default 255. */
  readonly sessionsMax?: number;
  /** Per session, refused ones included until they are detached. Default 255. */
  readonly linksMax?: number;
}

export class AmqpListener {
  readonly #options: AmqpListenerOptions;
  readonly #settings: InboundSettings;
  readonly #producers: Producers;
  readonly #connections = new Set<ListenerConnection>();
  readonly counters: AmqpCounters = newCounters();
  #server: Server | undefined;
  #mode: 'IDLE' | 'LISTENING' | 'STOPPED' = 'IDLE';

  constructor(options: AmqpListenerOptions) {
    this.#options = options;
    this.#settings = withDefaults(options);
    this.#producers = new Producers((status) => this.#settings.onStatus?.(status));
  }

  /** @returns the port that was opened (`port: 0` asks for any). @throws if it cannot be opened. */
  async start(): Promise<number> {
    if (this.#mode !== 'IDLE') throw new Error('the AMQP listener was started already');
    this.#mode = 'LISTENING';
    const { host, port } = this.#options.connection;
    const server = serve(this.#options.connection, this.#options.connectionsMax ?? 500, (socket) =>
      this.#accept(socket),
    );
    this.#server = server;
    server.on('tlsClientError', (error: Error) => {
      this.#settings.log.warn({ reason: error.message }, 'AMQP client failed the TLS handshake');
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#settings.log.error({ err: error }, 'AMQP listener failed'));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Sources that have, or had, a producer. */
  statuses(): SourceStatus[] {
    return this.#producers.statuses();
  }

  /** The source lease went elsewhere, or the source was changed: its links are closed, the sender tries again. */
  revoke(sourceId: SourceId, description: string): void {
    this.#producers.revoke(sourceId, { condition: 'amqp:link:detach-forced', description });
  }

  /** Takes no more, settles what is in hand (up to `drainMs`), closes every connection and the port. */
  async stop(): Promise<void> {
    if (this.#mode !== 'LISTENING') {
      this.#mode = 'STOPPED';
      return;
    }
    this.#mode = 'STOPPED';
    const server = this.#server;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    await Promise.all(Array.from(this.#connections, (connection) => connection.stop('The listener is stopping')));
    await within(closed, this.#settings.drainMs, this.#settings.clock);
    this.#producers.closeAll('Stopped');
  }

  /** A container for each connection: rhea keeps the SASL mechanisms there, and a refused login must know its socket. */
  #container(socket: Socket): Container {
    const container = rhea.create_container({ id: this.#settings.containerId });
    // Without a listener for these, rhea writes to the console or throws out of a socket's event.
    for (const event of ['connection_error', 'session_error', 'receiver_error', 'sender_error', 'disconnected']) {
      container.on(event, () => {});
    }
    const { log } = this.#settings;
    const peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    for (const event of ['error', 'protocol_error']) {
      container.on(event, (error: unknown) => {
        log.warn(
          { peer, reason: error instanceof Error ? error.message : 'unknown' },
          'AMQP client broke the protocol',
        );
      });
    }
    const { username, password } = this.#options.connection;
    const mechanisms = container.sasl_server_mechanisms;
    if (username === undefined || username === '') {
      mechanisms.enable_anonymous();
      return container;
    }
    mechanisms.enable_plain((givenName: string | null, givenPassword: string | null): boolean => {
      const nameFits = sameSecret(givenName ?? '', username);
      const passwordFits = sameSecret(givenPassword ?? '', password ?? '');
      if (nameFits && passwordFits) return true;
      log.warn({ peer }, 'AMQP client refused: user name or password is wrong');
      // After the outcome frame is written: one try a connection.
      setImmediate(() => socket.end());
      return false;
    });
    return container;
  }

  #accept(socket: Socket): void {
    if (this.#mode !== 'LISTENING') {
      socket.destroy();
      return;
    }
    const { maxFrameBytes, idleTimeOutMs, containerId, maxMessageBytes } = this.#settings;
    const rheaConnection = connectionOf(
      this.#container(socket).create_connection({
        host: this.#options.connection.host,
        port: this.#options.connection.port,
        container_id: containerId,
        max_frame_size: maxFrameBytes,
        channel_max: (this.#options.sessionsMax ?? 255) - 1,
        idle_time_out: idleTimeOutMs,
        properties: { product: 'Inorder' },
        reconnect: false,
        // rhea reads these two, but its typings do not have them.
        ...{ tcp_no_delay: true, require_sasl: (this.#options.connection.username ?? '') !== '' },
        receiver_options: {
          credit_window: 0,
          autoaccept: false,
          autosettle: false,
          snd_settle_mode: 0,
          rcv_settle_mode: 0,
          max_message_size: maxMessageBytes,
        },
      }),
    );
    const connection = new ListenerConnection({
      connection: rheaConnection,
      socket,
      settings: this.#settings,
      counters: this.counters,
      producers: this.#producers,
      resolve: this.#options.resolve,
      sessionsMax: this.#options.sessionsMax ?? 255,
      linksMax: this.#options.linksMax ?? 255,
      onGone: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    rheaConnection.accept(socket);
    connection.guard();
  }
}
