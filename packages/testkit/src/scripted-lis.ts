/**
 * A laboratory system on a real MLLP socket that does what a test tells it, message by message: it answers nothing of
 * itself. `next()` gives the messages in the order they arrived; what becomes of each is the test's to say, so that
 * "late" means after the test moved its clock, never after a sleep.
 */
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { Arrivals } from './arrivals.ts';

const VT = 0x0b;
const FS = 0x1c;
const CR = 0x0d;

export interface LisTls {
  readonly key: string;
  readonly cert: string;
  /** Set: a client certificate signed by this is demanded. */
  readonly clientCa?: string;
}

/** How a connection ended for the laboratory system. */
export interface LisConnectionEnd {
  /** The engine sent RST, not FIN. */
  readonly byReset: boolean;
}

export interface LisConnection {
  /** From 1, in the order they were accepted. */
  readonly ordinal: number;
  readonly ended: Promise<LisConnectionEnd>;
  send(bytes: Uint8Array): void;
  /** FIN, and no more is said. */
  halfClose(): void;
  reset(): void;
}

export interface LisMessage {
  readonly connection: LisConnection;
  readonly payload: Buffer;
  /** MSH-10 as it came. */
  readonly controlId: string;
  /** Answers with this MSA-1, the control id it came with and these ERR segments. */
  acknowledge(code?: string, err?: readonly string[]): void;
}

export function frame(payload: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(VT), Buffer.from(payload), Buffer.of(FS, CR)]);
}

/** An acknowledgement without a frame; `err` are further segments. */
export function ackText(code: string, controlId: string, err: readonly string[] = []): string {
  return `${['MSH|^~\\&|LIS|LAB|ENGINE|SITE|20260101000000||ACK|A1|P|2.5.1', `MSA|${code}|${controlId}`, ...err].join('\r')}\r`;
}

/** Puts what a test needs around an accepted socket. */
export function watchConnection(socket: Socket, ordinal: number): LisConnection {
  let byReset = false;
  return {
    ordinal,
    ended: new Promise((resolve) => {
      socket.on('error', (error) => {
        byReset ||= 'code' in error && error.code === 'ECONNRESET';
      });
      socket.on('close', () => resolve({ byReset }));
    }),
    send: (bytes) => socket.write(bytes),
    halfClose: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
  };
}

export class ScriptedLis {
  readonly #server: net.Server;
  readonly #messages = new Arrivals<LisMessage>();
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  readonly #unread = new Arrivals<LisConnection>();
  #reading = true;

  private constructor(secure: LisTls | null) {
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server =
      secure === null
        ? net.createServer({ allowHalfOpen: true, noDelay: true }, accept)
        : tls.createServer(
            {
              key: secure.key,
              cert: secure.cert,
              requestCert: secure.clientCa !== undefined,
              rejectUnauthorized: secure.clientCa !== undefined,
              ...(secure.clientCa === undefined ? {} : { ca: secure.clientCa }),
            },
            accept,
          );
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(options: { readonly tls?: LisTls; readonly port?: number } = {}): Promise<ScriptedLis> {
    const lis = new ScriptedLis(options.tls ?? null);
    await new Promise<void>((resolve, reject) => {
      lis.#server.once('error', reject);
      lis.#server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return lis;
  }

  get port(): number {
    // A server that listens on TCP has an address object.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** After `stopReading`: the next connection whose first bytes have come. */
  nextUnread(): Promise<LisConnection> {
    return this.#unread.next();
  }

  next(): Promise<LisMessage> {
    return this.#messages.next();
  }

  /** From now on connections are accepted and never read: the sender's buffers fill up. */
  stopReading(): void {
    this.#reading = false;
  }

  /** From now on the port refuses; what is open is reset. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#accepted++;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // Half-open sockets: a FIN of the engine's is answered, so that both sides see the end.
    socket.on('end', () => socket.end());
    const connection = watchConnection(socket, this.#accepted);
    if (!this.#reading) {
      // To hear of bytes is not to take them: the stream buffers a little and then stops.
      socket.once('readable', () => this.#unread.push(connection));
      return;
    }
    // As simple as can be, and not the engine's decoder: the two must agree by the standard, not by shared code.
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const end = pending.indexOf(Buffer.of(FS, CR));
        if (end < 0) break;
        const payload = pending.subarray(pending.indexOf(VT) + 1, end);
        pending = pending.subarray(end + 2);
        this.#messages.push(this.#message(connection, payload));
      }
    });
  }

  #message(connection: LisConnection, payload: Buffer): LisMessage {
    const controlId = payload.toString('latin1').split('\r')[0]?.split('|')[9] ?? '';
    return {
      connection,
      payload,
      controlId,
      acknowledge: (code = 'AA', err = []) => connection.send(frame(ackText(code, controlId, err))),
    };
  }
}
