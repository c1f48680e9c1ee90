/**
 * The simulated JMS sender: AMQP 1.0 over rhea, a session and a link for each address, settlement awaited, what is
 * unsettled sent again with its message id after a release or a reconnect, in its order.
 *
 * Modes: *connecting* → *open* → *waiting* (for the next try, after a broken connection) → *connecting* … → *stopped*.
 * rhea's own reconnect is not used: it does not open again a session or a link that the peer ended, and it drops what is
 * unsettled; here every connection is a new one, and the queues know what to send again.
 */
import { randomUUID } from 'node:crypto';
import rhea, {
  type Connection,
  type Container,
  type Delivery,
  type EventContext,
  type Message,
  type Sender,
} from 'rhea';
import { type Parcel, SendQueue } from './send-queue.ts';

export interface SenderOptions {
  readonly host: string;
  readonly port: number;
  /** Default: SASL ANONYMOUS. */
  readonly username?: string;
  readonly password?: string;
  /** Address of an interface: a shared one, or one for each. */
  readonly addressOf: (interfaceCode: string) => string;
  /** Application property that names the interface; default `interface`. `null`: none is set. */
  readonly interfaceProperty?: string | null;
  /** JMS TextMessage (amqp-value string, the default) or BytesMessage (data section, UTF-8). */
  readonly bodyKind?: 'text' | 'bytes';
  /** Unsettled messages of one address; at most 2,000, as rhea stalls a session at 2,047. Default 500. */
  readonly inFlightMax?: number;
  /** Messages waiting or unsettled over all addresses; above it `offer` refuses. Default 10,000. */
  readonly queueMax?: number;
  /** Between two tries to connect. Default 100, doubled up to 2,000. */
  readonly reconnectDelayMs?: number;
  readonly reconnectDelayMsMax?: number;
  /** Milliseconds since 1970, for the JMS timestamp and the events. */
  readonly now: () => number;
  /** A message was given to the link; `tries` from 1. */
  readonly onSent?: (event: SentEvent) => void;
  readonly onSettled?: (event: SettledEvent) => void;
}

export interface SentEvent {
  readonly interfaceCode: string;
  readonly controlId: string;
  readonly messageId: string;
  readonly tries: number;
  readonly atMs: number;
}

export interface SettledEvent extends SentEvent {
  /** `accepted` and `rejected` are ends; a `released` one is sent again. */
  readonly outcome: 'accepted' | 'rejected' | 'released';
}

export interface SenderCounts {
  readonly connected: boolean;
  readonly offered: number;
  /** Transfers, repeats included. */
  readonly sent: number;
  readonly resent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly released: number;
  readonly connections: number;
  /** Waiting and unsettled. */
  readonly open: number;
  /** The receiver gave a message back and accepted a later one of its interface. */
  readonly inversions: number;
  /** AMQP condition or system error code of the last failure; never a text. */
  readonly lastError: string | undefined;
}

/** What rhea has and its typings do not. */
type CountingSender = Sender & { readonly credit: number };

interface Line {
  readonly address: string;
  readonly queue: SendQueue;
  link: CountingSender | undefined;
  /** By rhea's delivery id, which counts per session; each link has a session of its own. */
  readonly unsettled: Map<number, Parcel>;
}

/** JMS over AMQP: kinds of message in `x-opt-jms-msg-type`. */
const JMS_BYTES = 3;
const JMS_TEXT = 5;
const JMS_QUEUE = 0;
const IN_FLIGHT_LIMIT = 2000;

export class UpstreamSender {
  readonly #options: SenderOptions;
  readonly #inFlightMax: number;
  readonly #queueMax: number;
  readonly #container: Container;
  readonly #lines = new Map<string, Line>();
  #connection: Connection | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;
  #connected = false;
  #pumpDue = false;
  #open = 0;
  #ordinal = 0;
  #tally = { offered: 0, sent: 0, resent: 0, accepted: 0, rejected: 0, released: 0, connections: 0 };
  #lastError: string | undefined;
  #idleWaiters: (() => void)[] = [];

  /** Connects at once and goes on trying until `stop`. */
  constructor(options: SenderOptions) {
    this.#options = options;
    this.#inFlightMax = Math.min(options.inFlightMax ?? 500, IN_FLIGHT_LIMIT);
    this.#queueMax = options.queueMax ?? 10_000;
    this.#container = rhea.create_container({ id: `simulator-${randomUUID()}` });
    // rhea emits 'error' for what nobody handled on the connection; the connection's own events have told us by then.
    this.#container.on('error', (error: { condition?: unknown }) => this.#noteError(error));
    this.#connect();
  }

  /** False when `queueMax` is reached: offer it again later, in the same order. */
  offer(message: { readonly interfaceCode: string; readonly controlId: string; readonly body: string }): boolean {
    if (this.#stopped || this.#open >= this.#queueMax) return false;
    const { interfaceCode, controlId, body } = message;
    const line = this.#lineOf(this.#options.addressOf(interfaceCode));
    this.#open += 1;
    this.#tally.offered += 1;
    this.#ordinal += 1;
    const messageId = `ID:${randomUUID()}`;
    line.queue.push({ interfaceCode, controlId, body, messageId, ordinal: this.#ordinal, tries: 0 });
    this.#pumpSoon();
    return true;
  }

  counts(): SenderCounts {
    let inversions = 0;
    for (const line of this.#lines.values()) inversions += line.queue.inversions;
    return { ...this.#tally, connected: this.#connected, open: this.#open, inversions, lastError: this.#lastError };
  }

  /** Resolves when nothing waits and nothing is unsettled. */
  idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Closes the connection; what is unsettled stays so, and is not sent again by this sender. */
  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#stopped = true;
    clearTimeout(this.#retry);
    for (const wake of this.#idleWaiters.splice(0)) wake();
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined || !this.#connected) {
      connection?.close();
      return Promise.resolve();
    }
    this.#connected = false;
    return new Promise((resolve) => {
      // A peer that does not answer the close must not hold the process.
      const patience = setTimeout(resolve, 1000);
      const done = (): void => {
        clearTimeout(patience);
        resolve();
      };
      connection.once('connection_close', done);
      connection.once('disconnected', done);
      connection.close();
    });
  }

  #connect(): void {
    const { host, port, username = 'anonymous', password } = this.#options;
    const connection = this.#container.connect({
      host,
      port,
      username,
      ...(password === undefined ? {} : { password }),
      reconnect: false,
      // The option reaches net.Socket#setNoDelay inside rhea; without it a window of one runs at 22 messages a second.
      ...{ tcp_no_delay: true },
    });
    this.#connection = connection;
    const lost = (context: EventContext, scope: 'connection' | 'session' | 'link' = 'connection'): void => {
      if (this.#connection !== connection) return;
      this.#noteError(errorOf(context, scope));
      this.#lost(connection);
    };
    connection.on('connection_open', () => {
      if (this.#connection !== connection) return;
      this.#connected = true;
      this.#tally.connections += 1;
      for (const line of this.#lines.values()) this.#attach(line, connection);
    });
    connection.on('connection_error', (context) => lost(context));
    connection.on('connection_close', (context) => lost(context));
    connection.on('disconnected', (context) => lost(context));
    connection.on('session_error', (context) => lost(context, 'session'));
    connection.on('session_close', (context) => lost(context, 'session'));
    connection.on('sender_error', (context) => lost(context, 'link'));
    connection.on('sender_close', (context) => lost(context, 'link'));
  }

  #attach(line: Line, connection: Connection): void {
    const session = connection.create_session();
    session.open();
    const link = session.open_sender({
      target: { address: line.address, durable: 2, capabilities: 'queue' },
      autosettle: true,
    }) as CountingSender;
    line.link = link;
    link.on('sender_open', () => this.#pumpSoon());
    link.on('sendable', () => this.#pumpSoon());
    link.on('accepted', ({ delivery }) => this.#settled(line, link, delivery, 'accepted'));
    link.on('rejected', ({ delivery }) => this.#settled(line, link, delivery, 'rejected'));
    link.on('released', ({ delivery }) => this.#settled(line, link, delivery, 'released'));
    // Settled without an outcome: nobody said it was kept.
    link.on('settled', ({ delivery }) => this.#settled(line, link, delivery, 'released'));
  }

  #lost(connection: Connection): void {
    this.#connection = undefined;
    this.#connected = false;
    connection.close();
    for (const line of this.#lines.values()) {
      line.link = undefined;
      line.unsettled.clear();
      line.queue.rewindAll();
    }
    if (this.#stopped) return;
    const { reconnectDelayMs = 100, reconnectDelayMsMax = 2000 } = this.#options;
    const delayMs = Math.min(reconnectDelayMs * 2 ** Math.min(this.#failures, 20), reconnectDelayMsMax);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#connect(), delayMs);
  }

  /** rhea writes what one tick sent before the next immediate, so credit is exact there and only there. */
  #pumpSoon(): void {
    if (this.#pumpDue || this.#stopped) return;
    this.#pumpDue = true;
    setImmediate(() => {
      this.#pumpDue = false;
      for (const line of this.#lines.values()) this.#pump(line);
    });
  }

  #pump(line: Line): void {
    const { link } = line;
    if (link === undefined || !link.is_open()) return;
    let room = Math.min(link.credit, this.#inFlightMax - line.queue.inFlight);
    while (room > 0 && link.sendable()) {
      const parcel = line.queue.take();
      if (parcel === undefined) return;
      room -= 1;
      parcel.tries += 1;
      const atMs = this.#options.now();
      const delivery = link.send(this.#encode(parcel, atMs));
      line.unsettled.set(delivery.id, parcel);
      this.#tally.sent += 1;
      if (parcel.tries > 1) this.#tally.resent += 1;
      this.#options.onSent?.(eventOf(parcel, atMs));
    }
  }

  #settled(line: Line, link: Sender, delivery: Delivery | undefined, outcome: SettledEvent['outcome']): void {
    if (delivery === undefined || line.link !== link) return;
    const parcel = line.unsettled.get(delivery.id);
    if (parcel === undefined) return;
    line.unsettled.delete(delivery.id);
    this.#tally[outcome] += 1;
    // Not sooner: a peer that opens and then refuses every link must not be tried ten times a second.
    this.#failures = 0;
    if (outcome === 'released') {
      line.queue.released(parcel);
    } else {
      line.queue.ended(parcel, outcome === 'accepted');
      this.#open -= 1;
    }
    this.#options.onSettled?.({ ...eventOf(parcel, this.#options.now()), outcome });
    if (this.#open === 0) for (const wake of this.#idleWaiters.splice(0)) wake();
    this.#pumpSoon();
  }

  #encode(parcel: Parcel, atMs: number): Message {
    const { interfaceProperty = 'interface', bodyKind = 'text' } = this.#options;
    const isText = bodyKind === 'text';
    const message = {
      durable: true,
      message_id: parcel.messageId,
      creation_time: Math.floor(atMs),
      message_annotations: {
        'x-opt-jms-msg-type': rhea.types.wrap_byte(isText ? JMS_TEXT : JMS_BYTES),
        'x-opt-jms-dest': rhea.types.wrap_byte(JMS_QUEUE),
      },
      ...(interfaceProperty === null ? {} : { application_properties: { [interfaceProperty]: parcel.interfaceCode } }),
      ...(isText
        ? { body: parcel.body }
        : {
            content_type: 'application/octet-stream',
            // Made by rhea: an object that only looks like a section goes out as a map.
            body: rhea.message.data_section(Buffer.from(parcel.body, 'utf8')),
          }),
    };
    return message as unknown as Message; // the typing is that of a decoded message; the encoder takes this
  }

  #lineOf(address: string): Line {
    let line = this.#lines.get(address);
    if (line === undefined) {
      line = { address, queue: new SendQueue(), link: undefined, unsettled: new Map() };
      this.#lines.set(address, line);
      if (this.#connection !== undefined && this.#connected) this.#attach(line, this.#connection);
    }
    return line;
  }

  #noteError(error: unknown): void {
    const { condition, code } = (error ?? {}) as { condition?: unknown; code?: unknown }; // read defensively below
    const name = typeof condition === 'string' ? condition : code;
    if (typeof name === 'string') this.#lastError = name;
  }
}

function eventOf(parcel: Parcel, atMs: number): SentEvent {
  const { interfaceCode, controlId, messageId, tries } = parcel;
  return { interfaceCode, controlId, messageId, tries, atMs };
}

function errorOf(context: EventContext, scope: 'connection' | 'session' | 'link'): unknown {
  if (scope === 'link') return context.sender?.error;
  if (scope === 'session') return context.session?.error;
  return context.connection?.error ?? context.error;
}
