/**
 * A JMS broker's receiving side that does what a test tells it, message by message; the counterpart of `scripted-lis.ts` on
 * AMQP 1.0. Outcomes are written as bytes, not by rhea, so that they leave at the very call, late ones and foreign ones too.
 */
import { Buffer } from 'node:buffer';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Connection, EventContext, Message, Receiver } from 'rhea';
import rhea from 'rhea';
import { Arrivals } from './arrivals.ts';
import { type LisConnection, type LisTls, watchConnection } from './scripted-lis.ts';

export type QueueOutcome = 'accepted' | 'rejected' | 'released' | 'modified';

export interface QueueAnswer {
  readonly condition?: string;
  readonly description?: string;
  /** false: the outcome alone; the peer has to settle. */
  readonly settled?: boolean;
}

export interface QueueMessage {
  readonly connection: LisConnection;
  readonly address: string;
  readonly message: Message;
  /** The body's bytes: of a text in UTF-8, of a data section as they are. */
  readonly payload: Buffer;
  readonly isText: boolean;
  answer(outcome: QueueOutcome, answer?: QueueAnswer): void;
  /** The bytes of `answer('accepted')`. */
  readonly acceptance: Uint8Array;
  /** Detaches the link, with this condition where there is one. */
  closeLink(condition?: string): void;
}

export interface ScriptedQueueOptions {
  readonly tls?: LisTls;
  readonly login?: { readonly username: string; readonly password: string };
  /** Condition with which every link is refused. */
  readonly refuseLinks?: string;
  /** Messages a link may send before the test gives more. Default: as many as it likes. */
  readonly credit?: number;
  readonly messageBytesMax?: number;
}

/** What an attach asked for. */
export interface QueueAttach {
  readonly address: string;
  readonly durable: number;
  readonly capabilities: unknown;
  readonly outcomes: unknown;
  giveCredit(messages: number): void;
}

const CREDIT = 10_000;
const DESCRIPTORS = { accepted: 0x24, rejected: 0x25, released: 0x26, modified: 0x27 } as const;

export class ScriptedQueue {
  readonly #options: ScriptedQueueOptions;
  readonly #messages = new Arrivals<QueueMessage>();
  readonly #attaches = new Arrivals<QueueAttach>();
  readonly #connections = new Map<Socket, LisConnection>();
  readonly #receivers = new Set<Receiver>();
  #server: Server | undefined;

  private constructor(options: ScriptedQueueOptions) {
    this.#options = options;
  }

  static async start(options: ScriptedQueueOptions = {}): Promise<ScriptedQueue> {
    const queue = new ScriptedQueue(options);
    await queue.#listen();
    return queue;
  }

  get port(): number {
    const address: AddressInfo | string | null | undefined = this.#server?.address();
    if (typeof address !== 'object' || address === null) throw new Error('the queue is not up');
    return address.port;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#connections.size;
  }

  next(): Promise<QueueMessage> {
    return this.#messages.next();
  }

  nextAttach(): Promise<QueueAttach> {
    return this.#attaches.next();
  }

  /** Ends every connection with an AMQP close. */
  closeConnections(condition: string): void {
    for (const receiver of this.#receivers) receiver.connection.close({ condition, description: 'as told' });
  }

  /** From now on the port refuses; what is open is closed. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined || !server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  async #listen(): Promise<void> {
    const { tls, login } = this.#options;
    const container = rhea.create_container({ id: 'scripted-queue' });
    if (login === undefined) container.sasl_server_mechanisms.enable_anonymous();
    else
      container.sasl_server_mechanisms.enable_plain(
        (user: string | null, password: string | null) => user === login.username && password === login.password,
      );
    for (const name of [
      'connection_error',
      'session_error',
      'receiver_error',
      'error',
      'protocol_error',
      'disconnected',
    ])
      container.on(name, () => undefined);
    container.on('receiver_open', ({ receiver }: EventContext) => receiver && this.#opened(receiver));
    container.on('message', (context: EventContext) => this.#arrived(context));
    const common = {
      host: '127.0.0.1',
      port: 0,
      max_frame_size: 65_536,
      ...{ tcp_no_delay: true, autoaccept: false, credit_window: 0, require_sasl: login !== undefined },
      ...(this.#options.messageBytesMax === undefined
        ? {}
        : { receiver_options: { max_message_size: this.#options.messageBytesMax } }),
    };
    const clientCa = tls?.clientCa;
    const server: Server =
      tls === undefined
        ? container.listen(common)
        : container.listen({
            ...common,
            ...{ transport: 'tls', key: tls.key, cert: tls.cert },
            ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
          });
    this.#server = server;
    server.on('tlsClientError', () => undefined);
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      const connection = watchConnection(socket, this.#connections.size + 1);
      this.#connections.set(socket, connection);
    });
    await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
  }

  #opened(receiver: Receiver): void {
    const { refuseLinks, credit } = this.#options;
    const { address, durable, capabilities } = receiver.target;
    this.#receivers.add(receiver);
    if (refuseLinks !== undefined) {
      receiver.close({ condition: refuseLinks, description: 'as told' });
      return;
    }
    receiver.set_target({ address, durable: durable ?? 0 });
    receiver.add_credit(credit ?? CREDIT);
    const source: { outcomes?: unknown } = receiver.source;
    this.#attaches.push({
      address,
      durable: durable ?? 0,
      capabilities,
      outcomes: source.outcomes,
      giveCredit: (messages) => receiver.add_credit(messages),
    });
  }

  #arrived({ receiver, message, delivery, connection }: EventContext): void {
    if (receiver === undefined || message === undefined || delivery === undefined) throw new Error('no message in it');
    const socket = socketOf(connection);
    const watched = this.#connections.get(socket);
    if (watched === undefined) throw new Error('a message on a connection that was never accepted');
    const outcome = (name: QueueOutcome, answer: QueueAnswer = {}): Buffer => disposition(delivery.id, name, answer);
    const body: unknown = message.body;
    this.#messages.push({
      connection: watched,
      address: receiver.target.address,
      message,
      ...bodyOf(body),
      answer: (name, answer) => socket.write(outcome(name, answer)),
      acceptance: outcome('accepted'),
      closeLink: (condition) => receiver.close(condition === undefined ? undefined : { condition, description: '' }),
    });
  }
}

function socketOf(connection: Connection): Socket {
  return connection['socket'];
}

function bodyOf(body: unknown): { payload: Buffer; isText: boolean } {
  if (typeof body === 'string') return { payload: Buffer.from(body, 'utf8'), isText: true };
  const content: unknown = typeof body === 'object' && body !== null && 'content' in body ? body.content : undefined;
  if (!Buffer.isBuffer(content)) throw new Error('the body is neither text nor data');
  return { payload: content, isText: false };
}

/** A disposition frame on channel 0, by the letter of the AMQP 1.0 types (2.7.6, 3.4). */
function disposition(
  id: number,
  outcome: QueueOutcome,
  { condition, description, settled = true }: QueueAnswer,
): Buffer {
  const error =
    condition === undefined && description === undefined
      ? []
      : [described(0x1d, [text(0xa3, condition ?? ''), text(0xa1, description ?? '')])];
  const state = described(DESCRIPTORS[outcome], outcome === 'rejected' ? error : []);
  const first = Buffer.from([0x70, 0, 0, 0, 0]);
  first.writeUInt32BE(id, 1);
  const body = described(0x15, [Buffer.of(0x41), first, Buffer.of(0x40), Buffer.of(settled ? 0x41 : 0x42), state]);
  const header = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]);
  header.writeUInt32BE(header.length + body.length);
  return Buffer.concat([header, body]);
}

/** A described list8. */
function described(descriptor: number, fields: readonly Buffer[]): Buffer {
  const content = Buffer.concat(fields);
  return Buffer.concat([Buffer.from([0x00, 0x53, descriptor, 0xc0, content.length + 1, fields.length]), content]);
}

function text(typeCode: number, value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([Buffer.from([typeCode, bytes.length]), bytes]);
}
