/**
 * Reads queues of one broker over AMQP 1.0: one connection, a session per queue, everything opened again with back-off
 * when it ends. rhea's own reconnect is off (`connection-parts.ts`): a connection object that starts afresh also cannot
 * settle a delivery of the last one (G1, G3).
 *
 * Modes: IDLE → CONNECTING ⇄ OPEN ⇄ RETRYING → STOPPED.
 */
import type { SourceId, SourceStatus } from '@inorder/core';
import { BackOff } from './back-off.ts';
import { BrokerReplies } from './broker-replies.ts';
import { type ConnectDocument, clientConnection, dial } from './connection-parts.ts';
import { within } from './deadline.ts';
import { type AmqpCounters, type InboundOptions, type InboundSettings, newCounters, withDefaults } from './options.ts';
import { ReceiverQueue, type ReceiverSource, reasonOf } from './receiver-queue.ts';
import { clearHeartbeats, type EventContext, type RheaConnection } from './rhea-internals.ts';

/** A peer that does not answer our close is cut off after this. */
const CLOSE_GRACE_MS = 1_000;

export interface AmqpReceiverOptions extends InboundOptions {
  readonly connection: ConnectDocument;
}

export class AmqpReceiver {
  readonly #document: ConnectDocument;
  readonly #settings: InboundSettings;
  readonly #backOff: BackOff;
  readonly #queues = new Map<SourceId, ReceiverQueue>();
  readonly counters: AmqpCounters = newCounters();
  readonly #replies: BrokerReplies;
  #connection: RheaConnection | undefined;
  #openedAtMs: number | undefined;
  #receivedAtOpen = 0;
  #cancelTimer: (() => void) | undefined;
  #mode: 'IDLE' | 'CONNECTING' | 'OPEN' | 'RETRYING' | 'STOPPED' = 'IDLE';

  constructor(options: AmqpReceiverOptions) {
    this.#document = options.connection;
    this.#settings = withDefaults(options);
    this.#replies = new BrokerReplies({
      ...this.#settings,
      counters: this.counters,
      isSource: (address) => [...this.#queues.values()].some((queue) => queue.source.address === address),
    });
    this.#backOff = new BackOff(this.#document.reconnectDelayMs, this.#document.reconnectDelayMsMax);
  }

  /** Connects, and goes on trying. Returns at once; `onStatus` tells. */
  start(): void {
    if (this.#mode === 'IDLE') this.#connect();
  }

  /** Reads one more queue, now or as soon as there is a connection. @throws if the source is read already. */
  attach(source: ReceiverSource): void {
    const { sourceId } = source.origin;
    if (this.#queues.has(sourceId)) throw new Error(`source ${sourceId} is attached already`);
    const queue = new ReceiverQueue(source, this.#settings, this.counters, this.#replies, this.#document);
    this.#queues.set(sourceId, queue);
    if (this.#mode === 'OPEN' && this.#connection !== undefined) queue.connected(this.#connection);
  }

  /** Stops reading one queue: no more credit, what is in hand is settled (up to `drainMs`), the link closes. */
  async detach(sourceId: SourceId): Promise<void> {
    const queue = this.#queues.get(sourceId);
    if (queue === undefined) return;
    await queue.close('Detached');
    this.#queues.delete(sourceId);
  }

  statuses(): SourceStatus[] {
    return Array.from(this.#queues.values(), (queue) => queue.status);
  }

  /** Drains every queue (up to `drainMs`), closes the connection, and is over. */
  async stop(): Promise<void> {
    if (this.#mode === 'STOPPED') return;
    this.#mode = 'STOPPED';
    this.#cancelTimer?.();
    await Promise.all(Array.from(this.#queues.values(), (queue) => queue.close('Stopped', true)));
    const connection = this.#connection;
    this.#connection = undefined;
    this.#replies.disconnected();
    if (connection !== undefined) await this.#close(connection);
  }

  #connect(): void {
    const { connectTimeoutMs, clock } = this.#settings;
    const where = `${this.#document.host}:${this.#document.port}`;
    this.#mode = 'CONNECTING';
    for (const queue of this.#queues.values()) queue.disconnected('CONNECTING', `Connecting to ${where}`);
    const connection = clientConnection(this.#document, this.#settings, (connected) => dial(this.#document, connected));
    this.#connection = connection;
    const lost = (reason: string): void => this.#lost(connection, reason);
    connection.on('connection_open', () => this.#opened(connection));
    connection.on('connection_error', (context: EventContext) => lost(reasonOf('The broker refused', context.error)));
    connection.on('connection_close', () => lost('The broker closed the connection'));
    connection.on('disconnected', (context: EventContext) =>
      lost(reasonOf(`No connection to ${where}`, context.error)),
    );
    connection.on('protocol_error', (error: Error) => lost(reasonOf('The broker broke the protocol', error)));
    connection.on('error', (error: Error) => lost(reasonOf('The connection failed', error)));
    try {
      connection.connect();
    } catch (error) {
      // A certificate that cannot be read throws out of tls.connect; a corrected configuration makes a new receiver.
      lost(reasonOf('Could not dial', error instanceof Error ? error : undefined));
      return;
    }
    connection.socket?.once('close', () => {
      clearHeartbeats(connection);
      lost(`The connection to ${where} is gone`);
    });
    this.#cancelTimer = clock.schedule(connectTimeoutMs, () =>
      lost(`${where} did not answer within ${connectTimeoutMs} ms`),
    );
  }

  #opened(connection: RheaConnection): void {
    if (this.#connection !== connection || this.#mode !== 'CONNECTING') return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#mode = 'OPEN';
    this.#openedAtMs = this.#settings.clock.monotonicMs();
    this.#receivedAtOpen = this.counters.received;
    this.#settings.log.info({ host: this.#document.host, port: this.#document.port }, 'AMQP connection open');
    this.#replies.connected(connection);
    for (const queue of this.#queues.values()) queue.connected(connection);
  }

  #lost(connection: RheaConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#replies.disconnected();
    this.#cancelTimer?.();
    const { clock, log } = this.#settings;
    if (this.#openedAtMs !== undefined) {
      this.#backOff.lost(clock.monotonicMs() - this.#openedAtMs, this.counters.received > this.#receivedAtOpen);
    }
    this.#openedAtMs = undefined;
    const delayMs = this.#backOff.nextMs();
    for (const queue of this.#queues.values()) queue.disconnected('RETRYING', `${reason}; next try in ${delayMs} ms`);
    void this.#close(connection);
    if (this.#mode === 'STOPPED') return;
    this.#mode = 'RETRYING';
    log.warn({ host: this.#document.host, port: this.#document.port, reason, delayMs }, 'AMQP connection lost');
    this.#cancelTimer = clock.schedule(delayMs, () => this.#connect());
  }

  /** Says close, waits a little for the answer, and destroys the socket. */
  async #close(connection: RheaConnection): Promise<void> {
    const { socket } = connection;
    if (socket === undefined || socket.destroyed) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    connection.close();
    await within(closed, CLOSE_GRACE_MS, this.#settings.clock);
    if (!socket.destroyed) socket.destroy(new Error('the peer did not answer our close'));
    clearHeartbeats(connection);
  }
}
