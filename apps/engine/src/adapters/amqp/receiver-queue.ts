/**
 * One queue on a broker: a session and a link of its own (one unsettled delivery stalls a whole session in rhea), opened
 * anew with back-off when the peer ends either. rhea reopens nothing that the peer closed.
 *
 * Modes: WAITING (no connection) · OPENING (attach sent) · OPEN · RETRYING (back-off runs) · CLOSED (for good).
 */
import type { InboundOrigin, SourceStatus } from '@inorder/core';
import type { Session } from 'rhea';
import { BackOff } from './back-off.ts';
import { within } from './deadline.ts';
import { IntakeSession } from './intake-session.ts';
import type { LinkIntake } from './link-intake.ts';
import type { AmqpCounters, InboundSettings } from './options.ts';
import type { ReplySink } from './replies.ts';
import { type AmqpError, type RheaConnection, receiverOf, sessionOf } from './rhea-internals.ts';

/** A queue to read. */
export interface ReceiverSource {
  readonly origin: InboundOrigin;
  /** The queue's name as the broker knows it. */
  readonly address: string;
  /** Messages in hand at most, 1 to 2,000. */
  readonly credit: number;
}

export interface QueueDelays {
  readonly reconnectDelayMs: number;
  readonly reconnectDelayMsMax: number;
}

/** One attach: everything of it dies together. */
interface Attempt {
  readonly session: Session;
  readonly intakes: IntakeSession;
  readonly intake: LinkIntake;
  openedAtMs: number | undefined;
  readonly cancelDeadline: () => void;
}

export class ReceiverQueue {
  readonly source: ReceiverSource;
  readonly #settings: InboundSettings;
  readonly #counters: AmqpCounters;
  readonly #replies: ReplySink;
  readonly #backOff: BackOff;
  #connection: RheaConnection | undefined;
  #attempt: Attempt | undefined;
  #cancelRetry: (() => void) | undefined;
  #status: SourceStatus;
  #stopping = false;

  constructor(
    source: ReceiverSource,
    settings: InboundSettings,
    counters: AmqpCounters,
    replies: ReplySink,
    delays: QueueDelays,
  ) {
    this.source = source;
    this.#settings = settings;
    this.#counters = counters;
    this.#replies = replies;
    this.#backOff = new BackOff(delays.reconnectDelayMs, delays.reconnectDelayMsMax);
    this.#status = { sourceId: source.origin.sourceId, state: 'CONNECTING', detail: 'Waiting for the connection' };
  }

  get status(): SourceStatus {
    return this.#status;
  }

  /** The connection is open: attach. */
  connected(connection: RheaConnection): void {
    if (this.#stopping) return;
    this.#connection = connection;
    this.#open();
  }

  /** The connection is gone, and with it session, link and every delivery id. */
  disconnected(state: 'CONNECTING' | 'RETRYING', detail: string): void {
    this.#connection = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#endAttempt();
    if (!this.#stopping) this.#report(state, detail);
  }

  /**
   * Stops credit, waits for what is in hand up to `drainMs`, closes the link. The peer takes back the rest. `withConnection`:
   * the whole connection is closed next, which says it for all sessions at once; rhea looks at every session for each that
   * ends, and thousands of them take minutes.
   */
  async close(detail: string, withConnection = false): Promise<void> {
    this.#stopping = true;
    this.#cancelRetry?.();
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      attempt.intake.stop();
      await within(attempt.intake.idle(), this.#settings.drainMs, this.#settings.clock);
      // One turn more, so that the last outcome is written before the session ends.
      await new Promise((resolve) => setImmediate(resolve));
      const { unsettled } = attempt.intake;
      if (unsettled > 0) {
        this.#settings.log.warn(
          { sourceId: this.source.origin.sourceId, unsettled },
          'AMQP source closed with messages in hand',
        );
      }
      if (withConnection) this.#connection = undefined;
      this.#endAttempt();
    }
    this.#report('CLOSED', detail);
  }

  #open(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#stopping) return;
    this.#report('CONNECTING', `Attaching to ${this.source.address}`);
    const { settings, source } = { settings: this.#settings, source: this.source };
    const session = connection.create_session();
    const intakes = new IntakeSession(sessionOf(session), this.#counters);
    session.begin();
    const receiver = session.open_receiver({
      // Durable 2: brokers that declare a queue by its terminus else make one that dies with them.
      source: { address: source.address, durable: 2 },
      snd_settle_mode: 0,
      max_message_size: settings.maxMessageBytes,
      credit_window: 0,
      autoaccept: false,
      autosettle: false,
    });
    const lost = (reason: string): void => this.#lost(attempt, reason);
    const intake = intakes.open({
      origin: source.origin,
      credit: source.credit,
      receiver: receiverOf(receiver),
      settings,
      preSettled: 'take',
      renewal: 'usedUp',
      replies: this.#replies,
      onGivenBack: () => lost('A message went back to the broker'),
      onViolation: (error) => lost(error.description),
    });
    const cancelDeadline = settings.clock.schedule(settings.connectTimeoutMs, () =>
      lost('The broker does not answer the attach'),
    );
    const attempt: Attempt = { session, intakes, intake, openedAtMs: undefined, cancelDeadline };
    this.#attempt = attempt;
    receiver.on('receiver_open', () => this.#opened(attempt, receiverOf(receiver).source));
    receiver.on('receiver_error', () => lost(reasonOf('The broker closed the link', receiver.error)));
    receiver.on('receiver_close', () => lost('The broker closed the link'));
    session.on('session_error', () => lost(reasonOf('The broker ended the session', session.error)));
    session.on('session_close', () => lost('The broker ended the session'));
  }

  /** An attach without a source is a refusal; its reason comes with the detach that follows. */
  #opened(attempt: Attempt, source: object | null | undefined): void {
    // rhea gives a missing source as a typed null, which is an object too.
    if (this.#attempt !== attempt || source === null || source === undefined || !('address' in source)) return;
    attempt.cancelDeadline();
    attempt.openedAtMs = this.#settings.clock.monotonicMs();
    attempt.intake.begin();
    this.#report('OPEN', `Reading ${this.source.address}`);
  }

  #lost(attempt: Attempt, reason: string): void {
    if (this.#attempt !== attempt) return;
    this.#endAttempt();
    if (this.#stopping || this.#connection === undefined) return;
    const delayMs = this.#backOff.nextMs();
    const { sourceId } = this.source.origin;
    this.#settings.log.warn({ sourceId, reason, delayMs }, 'AMQP source lost; attaching again');
    this.#report('RETRYING', `${reason}; next try in ${delayMs} ms`);
    this.#cancelRetry = this.#settings.clock.schedule(delayMs, () => {
      this.#cancelRetry = undefined;
      this.#open();
    });
  }

  #endAttempt(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#attempt = undefined;
    attempt.cancelDeadline();
    const openForMs = attempt.openedAtMs === undefined ? 0 : this.#settings.clock.monotonicMs() - attempt.openedAtMs;
    this.#backOff.lost(openForMs, attempt.intake.didWork);
    attempt.intakes.end();
    if (this.#connection !== undefined) attempt.session.close();
  }

  #report(state: SourceStatus['state'], detail: string): void {
    this.#status = { sourceId: this.source.origin.sourceId, state, detail };
    this.#settings.onStatus?.(this.#status);
  }
}

/** The peer's condition and sentence; AMQP errors carry addresses and limits, never message content. */
export function reasonOf(what: string, error: AmqpError | Error | undefined): string {
  if (error === undefined) return what;
  const condition = 'condition' in error && error.condition !== undefined ? ` ${error.condition}` : '';
  const description = 'description' in error ? error.description : 'message' in error ? error.message : undefined;
  return `${what}:${condition}${description ? ` ${description}` : ''}`.slice(0, 500);
}
