/**
 * One connection to a broker that carries a JMS destination's messages: one session, one sending link, one message in flight,
 * and a reset rather than reuse whenever it is not certain what became of it (G15).
 *
 * Modes: NEW → exchange → OPENING (SASL, open, begin, attach, credit) → SENT → its outcome → IDLE → exchange → … ; from any
 * of them → CLOSED, which is final.
 * - Until SENT nothing has left: time-out, abort and refusal are "unsent" for certain. From SENT on only an outcome tells.
 * - IDLE ends in CLOSED by an outcome of something that is not in flight (we reset), by the peer, or by `closeGently`.
 *
 * Outcomes are read as their frame is (`tapDispositions`), not by rhea's events, which come after a detach of the same read.
 *
 * **Invariant** nothing is handed to rhea without credit and window, else it would lie there, neither sent nor unsent.
 * **Invariant** an exchange is settled exactly once; no byte read before a reset is looked at after it.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { CancelSignal, Clock } from '@inorder/core';
import type { ConnectionWatcher, PooledConnection } from '../connection-pool.ts';
import { errorCodeOf, isRefusedCertificate, resetSocket } from '../endpoint-socket.ts';
import { type ConnectDocument, clientConnection } from './connection-parts.ts';
import { type AmqpReason, isOutcome, judgeRefusal, type Outcome, reasonOfError } from './jms-verdict.ts';
import { AMQP_DEFAULTS } from './options.ts';
import {
  afterFlows,
  clearHeartbeats,
  type DispositionFrame,
  deliveryOf,
  type EventContext,
  outcomeOf,
  type RheaConnection,
  type RheaDelivery,
  type RheaSender,
  type RheaSession,
  senderOf,
  sessionOf,
  tapDispositions,
} from './rhea-internals.ts';

export interface SendingSettings {
  readonly connection: ConnectDocument;
  /** The queue's name as the broker knows it. */
  readonly address: string;
  /** Until the broker lets a message in: from the exchange to login, link and credit. */
  readonly connectTimeoutMs: number;
  /** From the transfer to its outcome. */
  readonly ackTimeoutMs: number;
}

export type UnsentCode = 'JMS_CONNECT' | 'JMS_TLS' | 'JMS_REFUSED' | 'JMS_FULL';

export type JmsExchange =
  | { readonly kind: 'outcome'; readonly outcome: Outcome; readonly reason: AmqpReason }
  /** The broker takes no message of this size. `bytesMax` is what it announced, null where it said so afterwards. */
  | { readonly kind: 'tooLarge'; readonly bytesMax: number | null }
  /** `reason` is for people: a condition, a system code, a few words. */
  | { readonly kind: 'unsent'; readonly code: UnsentCode; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string };

interface InFlight {
  readonly encoded: Buffer;
  readonly signal: CancelSignal;
  readonly resolve: (exchange: JmsExchange) => void;
  readonly stopListening: () => void;
  cancelTimeout: () => void;
  /** Set: SENT. */
  delivery: RheaDelivery | null;
}

/** A peer that does not close its side after we have closed ours is cut off after this. */
const CLOSE_GRACE_MS = 1000;
const MESSAGE_TOO_LARGE = 'amqp:link:message-size-exceeded';
/** Not `modified`: asked for it, Artemis says no reason; and `rejected` names one. */
const OUTCOMES = ['amqp:accepted:list', 'amqp:rejected:list', 'amqp:released:list'];

export class SendingConnection implements PooledConnection {
  readonly idleMsMax = Number.POSITIVE_INFINITY;
  /** Resolves when the socket is gone and no timer is left. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #settings: SendingSettings;
  readonly #clock: Clock;
  readonly #watcher: ConnectionWatcher;
  #amqp:
    | { readonly connection: RheaConnection; readonly session: RheaSession; readonly sender: RheaSender }
    | undefined;
  #inFlight: InFlight | null = null;
  /** Its outcome came unsettled: one more word about it is the peer's to say. */
  #halfSettled: number | null = null;
  #attached = false;
  #closed = false;
  #closeReason = 'closed by the peer';
  #refusedCertificate = false;
  #answers = 0;

  /** `socket` is connected, its TLS handshake done. */
  constructor(socket: Socket, settings: SendingSettings, clock: Clock, watcher: ConnectionWatcher) {
    this.#socket = socket;
    this.#settings = settings;
    this.#clock = clock;
    this.#watcher = watcher;
    socket.on('error', (error) => {
      this.#closeReason = errorCodeOf(error) ?? 'error';
      this.#refusedCertificate = this.#answers === 0 && isRefusedCertificate(error);
    });
    socket.on('end', () => this.#socketEnded());
    socket.on('close', () => this.#socketEnded());
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        if (this.#amqp !== undefined) clearHeartbeats(this.#amqp.connection);
        resolve();
      });
    });
  }

  /** Idle, and not known to be closed. */
  get usable(): boolean {
    return (
      !this.#closed &&
      this.#inFlight === null &&
      // rhea has closed its side where the peer said nothing for too long; the socket follows a second later.
      this.#amqp?.connection.is_closed() !== true &&
      !this.#socket.destroyed &&
      !this.#socket.readableEnded &&
      this.#socket.writable
    );
  }

  /** Outcomes read so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Sends one encoded message and waits for its outcome. Only while `usable`. */
  exchange(encoded: Buffer, signal: CancelSignal): Promise<JmsExchange> {
    if (!this.usable) throw new Error('AMQP connection is not idle');
    return new Promise((resolve) => {
      const aborted = (): void => this.#giveUp('JMS_CONNECT', 'aborted');
      signal.addEventListener('abort', aborted, { once: true });
      this.#inFlight = {
        encoded,
        signal,
        resolve,
        stopListening: () => signal.removeEventListener('abort', aborted),
        cancelTimeout: this.#clock.schedule(this.#settings.connectTimeoutMs, () => this.#notLetIn()),
        delivery: null,
      };
      if (this.#amqp === undefined) this.#open();
      else this.#trySend();
    });
  }

  /** Says close, sends FIN, and leaves the peer a moment to do the same. */
  closeGently(): void {
    if (this.#closed) return;
    this.#close(false);
    const cancel = this.#clock.schedule(CLOSE_GRACE_MS, () => this.#socket.destroy());
    void this.ended.then(cancel);
    this.#amqp?.connection.close();
    // rhea writes at the end of this turn.
    setImmediate(() => this.#socket.end());
  }

  #open(): void {
    const { connection: document, address } = this.#settings;
    const connection = clientConnection(document, AMQP_DEFAULTS, (connected) => {
      process.nextTick(connected);
      return this.#socket;
    });
    connection.on('connection_error', ({ error }: EventContext) => this.#peerClosed(error));
    connection.on('connection_close', () => this.#peerClosed(connection.error));
    connection.on('protocol_error', () => this.#giveUp('JMS_CONNECT', 'the broker broke the protocol'));
    connection.on('error', (error: unknown) => this.#giveUp('JMS_CONNECT', errorCodeOf(error) ?? 'not AMQP 1.0'));
    // The socket's own events tell the story.
    connection.on('disconnected', () => undefined);
    connection.connect();
    const session = sessionOf(connection.create_session());
    session.on('session_error', () => this.#peerClosed(session.error));
    session.on('session_close', () => this.#peerClosed(session.error));
    session.begin();
    const sender = senderOf(
      session.open_sender({
        // Durable 2: brokers that declare a queue by its terminus else make one that dies with them. A queue, not a topic.
        target: { address, durable: 2, capabilities: 'queue' },
        source: { outcomes: OUTCOMES },
        snd_settle_mode: 0,
        rcv_settle_mode: 0,
        ...{ treat_modified_as_released: false },
      }),
    );
    sender.on('sender_open', () => {
      // An attach without a target is a refusal; its reason comes with the detach that follows.
      this.#attached = 'address' in (sender.target ?? {});
      this.#trySend();
    });
    sender.on('sender_error', () => this.#peerClosed(sender.error));
    sender.on('sender_close', () => this.#peerClosed(sender.error));
    afterFlows(session, () => this.#trySend());
    tapDispositions(
      session,
      (frame) => this.#mayTake(frame),
      () => this.#readOutcome(),
    );
    this.#amqp = { connection, session, sender };
  }

  #trySend(): void {
    const inFlight = this.#inFlight;
    if (inFlight === null || inFlight.delivery !== null || !this.#attached || this.#amqp === undefined) return;
    const { session, sender } = this.#amqp;
    const isLetIn = sender.sendable() && session.outgoing.transfer_window() > 0;
    if (!isLetIn) return;
    // It may have waited long: the lease is asked for at the moment the bytes would leave (G10).
    if (inFlight.signal.aborted) {
      this.#giveUp('JMS_CONNECT', 'aborted');
      return;
    }
    const { max_message_size: bytesMax } = sender;
    if (typeof bytesMax === 'number' && bytesMax > 0 && inFlight.encoded.length > bytesMax) {
      this.#finish({ kind: 'tooLarge', bytesMax });
      return;
    }
    inFlight.cancelTimeout();
    inFlight.cancelTimeout = this.#clock.schedule(this.#settings.ackTimeoutMs, () =>
      this.#giveUp('JMS_CONNECT', 'no outcome in time'),
    );
    // The encoded bytes and format 0, which the typings take for a message.
    inFlight.delivery = deliveryOf(sender.send(inFlight.encoded as never, undefined, 0));
  }

  /** `connectTimeoutMs` is over and nothing could be sent. */
  #notLetIn(): void {
    const within = `within ${this.#settings.connectTimeoutMs} ms`;
    const isOpen = this.#amqp?.connection.is_remote_open() === true;
    if (this.#attached) this.#giveUp('JMS_FULL', `no credit ${within}`);
    else this.#giveUp('JMS_CONNECT', isOpen ? `no link to the queue ${within}` : `no AMQP connection ${within}`);
  }

  /** false: rhea is not to see it. */
  #mayTake({ performative }: DispositionFrame): boolean {
    if (this.#closed) return false;
    const { first } = performative;
    const last = performative.last ?? first;
    if (performative.role && first <= last) {
      if (last === this.#inFlight?.delivery?.id) return true;
      if (last === this.#halfSettled) {
        this.#halfSettled = null;
        return false;
      }
    }
    // Of what nobody waits for: it credits nobody (G15).
    this.#giveUp('JMS_CONNECT', 'an outcome of another message');
    return false;
  }

  #readOutcome(): void {
    const delivery = this.#inFlight?.delivery ?? null;
    if (delivery === null) return;
    const outcome = outcomeOf(delivery);
    if (!isOutcome(outcome)) {
      if (delivery.remote_settled) this.#giveUp('JMS_CONNECT', 'settled without an outcome');
      return;
    }
    this.#answers++;
    if (!delivery.remote_settled) {
      this.#halfSettled = delivery.id;
      delivery.update(true);
      // Else it keeps its slot in the session's ring until a word that need not come.
      delivery.remote_settled = true;
    }
    this.#finish({ kind: 'outcome', outcome, reason: reasonOfError(delivery.remote_state?.['error']) });
  }

  /** The peer ended link, session or connection. */
  #peerClosed(error: unknown): void {
    if (this.#closed) return;
    const { condition } = reasonOfError(error);
    const inFlight = this.#inFlight;
    if (inFlight?.delivery == null) {
      this.closeGently();
      const reason = condition ?? 'closed by the peer';
      this.#finish({ kind: 'unsent', code: judgeRefusal(condition), reason });
      return;
    }
    this.#reset();
    if (condition === MESSAGE_TOO_LARGE) this.#finish({ kind: 'tooLarge', bytesMax: null });
    else this.#finish({ kind: 'lost', reason: condition ?? 'closed by the peer' });
  }

  #socketEnded(): void {
    if (this.#closed) return;
    this.#close(false);
    // Not a gentle end: nothing we still hold may reach a peer that has stopped answering.
    this.#socket.destroy();
    this.#lose(this.#refusedCertificate ? 'JMS_TLS' : 'JMS_CONNECT', this.#closeReason);
  }

  /** Reset first, then tell: whoever is told may send again at once. `code` counts where nothing was sent. */
  #giveUp(code: UnsentCode, reason: string): void {
    if (this.#closed) return;
    this.#reset();
    this.#lose(code, reason);
  }

  #lose(code: UnsentCode, reason: string): void {
    const isSent = this.#inFlight?.delivery != null;
    this.#finish(isSent ? { kind: 'lost', reason } : { kind: 'unsent', code, reason });
  }

  #finish(exchange: JmsExchange): void {
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    this.#inFlight = null;
    inFlight.cancelTimeout();
    inFlight.stopListening();
    inFlight.resolve(exchange);
  }

  #reset(): void {
    this.#close(true);
    resetSocket(this.#socket);
  }

  #close(byReset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher.closed(byReset);
  }
}
