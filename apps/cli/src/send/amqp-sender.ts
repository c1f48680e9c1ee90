/** Sends messages over one AMQP 1.0 link and reports what became of each: accepted, rejected, or given back. */
import { randomUUID } from 'node:crypto';
import rhea, {
  type Connection,
  type ConnectionOptions,
  type Delivery,
  type EventContext,
  type Message,
  type Sender,
} from 'rhea';
import { CommandFailure, EXIT } from '../exit.ts';

export interface AmqpTarget {
  /** amqp:// or amqps://, with user and password if need be; port 5672 or 5671 when it names none. */
  readonly url: string;
  /** The queue. */
  readonly address: string;
  /** Application properties of every message. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly name: string;
  readonly outcome: 'accepted' | 'rejected' | 'released';
  /** Why it was rejected: AMQP condition and description. */
  readonly reason: string | null;
}

export interface OutgoingMessage {
  /** For people: the file. */
  readonly name: string;
  readonly body: Buffer;
}

/** Below the 2,047 unsettled deliveries at which rhea stalls a session. */
const IN_FLIGHT_MAX = 500;
const CONNECT_TIMEOUT_MS = 10_000;
/** From the last sign of life to giving up. */
const SILENCE_TIMEOUT_MS = 60_000;
/** JMS over AMQP: BytesMessage, so that what is in the file arrives byte for byte. */
const JMS_BYTES = 3;
const JMS_QUEUE = 0;

/**
 * Resolves when every message has an outcome; each is told to `onOutcome` in the order they came in.
 * @throws CommandFailure: not reachable, or the link was refused.
 */
export function sendAll(
  target: AmqpTarget,
  messages: Iterator<OutgoingMessage>,
  ratePerSecond: number,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  return new Promise((resolve, reject) => new Sending(target, messages, ratePerSecond, onOutcome, resolve, reject));
}

class Sending {
  readonly #target: AmqpTarget;
  readonly #messages: Iterator<OutgoingMessage>;
  readonly #ratePerSecond: number;
  readonly #onOutcome: (outcome: Outcome) => void;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  readonly #connection: Connection;
  readonly #open = new Map<number, string>();
  #link: Sender | undefined;
  #ended = false;
  #exhausted = false;
  #sent = 0;
  #startedAtMs = 0;
  #pause: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout;

  constructor(
    target: AmqpTarget,
    messages: Iterator<OutgoingMessage>,
    ratePerSecond: number,
    onOutcome: (outcome: Outcome) => void,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.#target = target;
    this.#messages = messages;
    this.#ratePerSecond = ratePerSecond;
    this.#onOutcome = onOutcome;
    this.#resolve = resolve;
    this.#reject = reject;
    const container = rhea.create_container({ id: `inorder-send-${randomUUID()}` });
    // Told on the connection already.
    container.on('error', () => undefined);
    this.#silence = setTimeout(() => this.#unreachable('does not answer'), CONNECT_TIMEOUT_MS);
    this.#connection = container.connect(connectionOptions(target.url));
    this.#listen();
  }

  #listen(): void {
    const connection = this.#connection;
    connection.on('connection_open', () => {
      const link = connection.open_sender({
        target: { address: this.#target.address, durable: 2, capabilities: 'queue' },
        autosettle: true,
      });
      this.#link = link;
      link.on('sender_open', () => this.#begin());
      link.on('sendable', () => this.#pumpSoon());
      for (const outcome of ['accepted', 'rejected', 'released', 'modified'] as const)
        link.on(outcome, ({ delivery }: EventContext) => this.#settled(delivery, outcome));
      link.on('sender_error', (context: EventContext) => this.#refused(context.sender?.error));
      link.on('sender_close', (context: EventContext) => this.#refused(context.sender?.error));
    });
    connection.on('connection_error', (context) => this.#refused(context.connection.error));
    connection.on('connection_close', (context) => this.#refused(context.connection.error));
    connection.on('disconnected', (context) => this.#unreachable(codeOf(context.error) ?? 'closed the connection'));
  }

  #begin(): void {
    if (this.#startedAtMs > 0) return;
    this.#startedAtMs = performance.now();
    this.#pumpSoon();
  }

  /** rhea writes what one tick sent before the next immediate, so credit is exact there and only there. */
  #pumpSoon(): void {
    setImmediate(() => this.#pump());
  }

  #pump(): void {
    const link = this.#link;
    if (this.#ended || link === undefined || this.#startedAtMs === 0) return;
    this.#alive();
    while (!this.#exhausted && link.sendable() && this.#open.size < IN_FLIGHT_MAX) {
      const waitMs = this.#dueInMs();
      if (waitMs > 0) {
        clearTimeout(this.#pause);
        this.#pause = setTimeout(() => this.#pump(), waitMs);
        return;
      }
      const next = this.#messages.next();
      if (next.done === true) {
        this.#exhausted = true;
        break;
      }
      this.#sent += 1;
      const delivery = link.send(encode(next.value.body, this.#target.properties));
      this.#open.set(delivery.id, next.value.name);
    }
    if (this.#exhausted && this.#open.size === 0) this.#end();
  }

  #dueInMs(): number {
    if (this.#ratePerSecond === 0) return 0;
    return this.#startedAtMs + (this.#sent * 1_000) / this.#ratePerSecond - performance.now();
  }

  #settled(delivery: Delivery | undefined, state: 'accepted' | 'rejected' | 'released' | 'modified'): void {
    const name = delivery === undefined ? undefined : this.#open.get(delivery.id);
    if (delivery === undefined || name === undefined) return;
    this.#open.delete(delivery.id);
    this.#onOutcome({
      name,
      outcome: state === 'modified' ? 'released' : state,
      reason: state === 'rejected' ? sentenceOf(remoteError(delivery)) : null,
    });
    this.#pumpSoon();
  }

  #alive(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#unreachable('took messages, and then said nothing more'),
      SILENCE_TIMEOUT_MS,
    );
  }

  #refused(error: unknown): void {
    this.#fail(new CommandFailure(EXIT.refused, `${this.#where()} refused: ${sentenceOf(error)}`));
  }

  #unreachable(why: string): void {
    this.#fail(new CommandFailure(EXIT.notReachable, `${this.#where()}: ${why}`));
  }

  #where(): string {
    return `${new URL(this.#target.url).host}, address ${this.#target.address}`;
  }

  #fail(error: Error): void {
    if (!this.#end()) return;
    this.#reject(error);
  }

  /** @returns false when it had ended already. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#pause);
    clearTimeout(this.#silence);
    this.#connection.close();
    if (this.#exhausted && this.#open.size === 0) this.#resolve();
    return true;
  }
}

function connectionOptions(text: string): ConnectionOptions {
  const url = new URL(text);
  const tls = url.protocol === 'amqps:';
  const port = url.port === '' ? (tls ? 5671 : 5672) : Number(url.port);
  const common = {
    host: url.hostname,
    port,
    username: url.username === '' ? 'anonymous' : decodeURIComponent(url.username),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    reconnect: false,
    // Reaches net.Socket#setNoDelay inside rhea; without it a small window waits for the peer's delayed TCP acknowledgement.
    tcp_no_delay: true,
  };
  return tls ? { ...common, transport: 'tls', servername: url.hostname } : common;
}

function encode(body: Buffer, properties: Readonly<Record<string, string>>): Message {
  const message = {
    durable: true,
    // Fresh each time: the same bytes under one id would be one message (G2).
    message_id: `ID:${randomUUID()}`,
    creation_time: Date.now(),
    content_type: 'application/octet-stream',
    message_annotations: {
      'x-opt-jms-msg-type': rhea.types.wrap_byte(JMS_BYTES),
      'x-opt-jms-dest': rhea.types.wrap_byte(JMS_QUEUE),
    },
    application_properties: { ...properties },
    body: rhea.message.data_section(body),
  };
  return message as unknown as Message; // the typing is that of a decoded message; the encoder takes this
}

function remoteError(delivery: Delivery): unknown {
  const state: unknown = delivery.remote_state;
  return typeof state === 'object' && state !== null && 'error' in state ? state.error : undefined;
}

function sentenceOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'no reason given';
  const condition = 'condition' in error && typeof error.condition === 'string' ? error.condition : '';
  const description = 'description' in error && typeof error.description === 'string' ? error.description : '';
  return [condition, description].filter((part) => part !== '').join(': ') || 'no reason given';
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return error.code === 'ECONNREFUSED' ? 'nothing listens there' : String(error.code);
}
