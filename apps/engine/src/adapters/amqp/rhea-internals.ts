/**
 * The parts of rhea 3.0.5 that its typings leave out and this folder rests on. Everything untyped is named here once,
 * so that an upgrade of rhea is a review of one file (and of the tests, which run against the real library).
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type {
  AmqpError,
  Connection,
  Container,
  Delivery,
  EventContext,
  Message,
  Receiver,
  Sender,
  Session,
  Typed,
} from 'rhea';
import rhea from 'rhea';

export type { AmqpError, Connection, Container, EventContext };
export { rhea };

/** Fields of a transfer frame; accessors of rhea's composite type, so that assigning re-encodes. */
export interface TransferFields {
  readonly handle: number;
  readonly settled?: boolean | null;
  readonly more?: boolean | null;
  readonly aborted?: boolean | null;
  message_format?: number | null;
}

export interface TransferFrame {
  readonly performative: TransferFields;
  payload?: Buffer | undefined;
}

export interface AttachFrame {
  readonly performative: { readonly name: string; readonly role: boolean; target: Typed | null | undefined };
}

/** Deliveries `first` to `last`; `role` true: said by a receiver, of what we sent. */
export interface DispositionFrame {
  readonly performative: { readonly role: boolean; readonly first: number; readonly last?: number | null };
}

/** `settled` frees the delivery's slot in the session's ring without a word to the peer; of one we sent, both must be. */
export interface RheaDelivery extends Omit<Delivery, 'settled' | 'remote_settled'> {
  settled: boolean;
  remote_settled: boolean;
}

export interface RheaReceiver extends Receiver {
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  _incomplete?: { frames: Buffer[] } | undefined;
  readonly remote: { readonly attach?: { readonly initial_delivery_count?: number | null } };
}

export interface RheaSession extends Session {
  on_transfer(frame: TransferFrame): void;
  on_attach(frame: AttachFrame): void;
  on_disposition(frame: DispositionFrame): void;
  on_flow(frame: unknown): void;
  /** `transfer_window`: frames that the peer takes now; NaN before its first flow. */
  readonly outgoing: { transfer_window(): number };
  readonly remote: { readonly handles: Readonly<Record<number, RheaReceiver | undefined>> };
  readonly links: Readonly<Record<string, unknown>>;
}

export interface RheaConnection extends Connection {
  readonly socket?: Socket;
  /** Size of a frame that has not arrived in full, as its first four bytes announce it. */
  readonly frame_size?: number;
  readonly remote: { readonly open?: { readonly offered_capabilities?: unknown } };
  readonly heartbeat_in?: NodeJS.Timeout;
  readonly heartbeat_out?: NodeJS.Timeout;
  accept(socket: Socket): Connection;
  _register(): void;
}

/** rhea's own type reader: a cursor over a buffer that yields typed values. Exported by the library, not by its typings. */
export interface RheaReader {
  position: number;
  readonly buffer: Buffer;
  read(): Typed;
  remaining(): number;
  read_uint(width: number): number;
  read_bytes(count: number): Buffer;
  read_fixed_width(type: ReaderType): unknown;
  read_variable_width(type: ReaderType): unknown;
  read_size_count(width: number): { size: number; count: number };
}

export interface ReaderType {
  readonly name: string;
  readonly typecode: number;
  readonly width: number;
  readonly read?: (buffer: Buffer, offset: number) => unknown;
}

// The class is a property of rhea's `types` object at run time; its typings declare it beside the interface instead.
export const Reader = (rhea.types as unknown as { Reader: new (buffer: Buffer) => RheaReader }).Reader;

/**
 * rhea believes the element count of a list, map or array. Twelve bytes that announce four thousand million nulls take
 * all memory, in a frame before login too (G19). The one change made to a prototype of rhea's: it holds for all
 * that is decoded in this process.
 */
function believeNoCountBeyondItsBytes(): void {
  const prototype: Pick<RheaReader, 'read_size_count'> = Reader.prototype;
  const original = prototype.read_size_count;
  prototype.read_size_count = function (this: RheaReader, width) {
    const limits = original.call(this, width);
    if (limits.count > limits.size || limits.size > this.remaining() + width) {
      throw new RangeError('a list or map announces more elements than its bytes can hold');
    }
    return limits;
  };
}
believeNoCountBeyondItsBytes();

/** Any message-format but 0 makes rhea hand over the encoded bytes instead of decoding them. */
export const RAW_FORMAT = 0x7fffffff;
export const NOTHING = Buffer.alloc(0);

/** A ulong of all its digits; rhea's own way in is a JS number. */
export function ulongOf(eightBytes: Buffer): Typed {
  // Constructors of single AMQP types hang on rhea's `types` at run time only.
  return (rhea.types as unknown as { Ulong: (bytes: Buffer) => Typed }).Ulong(eightBytes);
}

/** A sending link with the count of what it has written, which rhea raises as it lowers `credit`. */
export interface RheaSender extends Sender {
  readonly credit: number;
  readonly delivery_count: number;
  readonly local: { readonly attach: { snd_settle_mode: number } };
}

export function senderOf(sender: Sender): RheaSender {
  return sender as RheaSender;
}

/** The encoded message; sent with format 0 it goes out as it is. */
export function encodeMessage(message: Message): Buffer {
  return rhea.message.encode(message);
}

/** The name of a delivery's outcome (`accepted`, …) once the peer has said it; rhea keeps it as an object of its class. */
export function outcomeOf(delivery: RheaDelivery): string | undefined {
  const state: unknown = delivery.remote_state?.constructor;
  return state === undefined ? undefined : (state as { composite_type?: string }).composite_type;
}

/** The session as this folder sees it: the same object, with what the typings leave out. */
export function sessionOf(session: Session): RheaSession {
  return session as RheaSession;
}

export function receiverOf(receiver: Receiver): RheaReceiver {
  return receiver as RheaReceiver;
}

export function deliveryOf(delivery: Delivery): RheaDelivery {
  return delivery as RheaDelivery;
}

export function connectionOf(connection: Connection): RheaConnection {
  return connection as RheaConnection;
}

/**
 * Lets `before` see every transfer of a session ahead of rhea. rhea dispatches frames through the instance, so a
 * property of the instance goes first; the prototype is not touched.
 */
export function tapTransfers(
  session: RheaSession,
  before: (frame: TransferFrame, link: RheaReceiver | undefined) => void,
): void {
  const original = session.on_transfer.bind(session);
  session.on_transfer = (frame) => {
    before(frame, session.remote.handles[frame.performative.handle]);
    original(frame);
  };
}

/** As `tapTransfers`, for attaches. */
export function tapAttaches(session: RheaSession, before: (frame: AttachFrame) => void): void {
  const original = session.on_attach.bind(session);
  session.on_attach = (frame) => {
    before(frame);
    original(frame);
  };
}

/** As `tapTransfers`, for dispositions: what `take` says no to never reaches rhea; `after` hears of the rest. */
export function tapDispositions(
  session: RheaSession,
  take: (frame: DispositionFrame) => boolean,
  after: () => void,
): void {
  const original = session.on_disposition.bind(session);
  session.on_disposition = (frame) => {
    if (!take(frame)) return;
    original(frame);
    after();
  };
}

/** Calls back after each flow, of a link or of the session alone: rhea tells of links only. */
export function afterFlows(session: RheaSession, after: () => void): void {
  const original = session.on_flow.bind(session);
  session.on_flow = (frame) => {
    original(frame);
    after();
  };
}

/** After the socket is gone rhea may leave heartbeat timers behind that keep the process alive. */
export function clearHeartbeats(connection: RheaConnection): void {
  clearTimeout(connection.heartbeat_in);
  clearTimeout(connection.heartbeat_out);
}
