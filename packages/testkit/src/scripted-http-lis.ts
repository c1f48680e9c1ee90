/**
 * A laboratory system that takes orders over HTTP and does what a test tells it, request by request; the counterpart of
 * `scripted-lis.ts`. It answers nothing of itself.
 */
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Arrivals } from './arrivals.ts';
import { type LisConnection, type LisTls, watchConnection } from './scripted-lis.ts';

export interface HttpLisMessage {
  readonly connection: LisConnection;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly payload: Buffer;
  answer(status: number, body?: string | Buffer, headers?: Readonly<Record<string, string>>): void;
}

export class ScriptedHttpLis {
  readonly #server: http.Server;
  readonly #messages = new Arrivals<HttpLisMessage>();
  readonly #connections = new Map<Socket, LisConnection>();

  private constructor(secure: LisTls | null) {
    this.#server =
      secure === null
        ? http.createServer()
        : https.createServer({
            key: secure.key,
            cert: secure.cert,
            ...(secure.clientCa === undefined ? {} : { ca: secure.clientCa, requestCert: true }),
          });
    // No time-out of its own: only the test says when a connection ends.
    this.#server.keepAliveTimeout = 0;
    this.#server.on(secure === null ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#connections.set(socket, watchConnection(socket, this.#connections.size + 1));
    });
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.on('request', (request, response) => {
      const connection = this.#connections.get(request.socket);
      if (connection === undefined) throw new Error('a request on a connection that was never accepted');
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('error', () => undefined);
      request.on('end', () =>
        this.#messages.push({
          connection,
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          payload: Buffer.concat(parts),
          answer: (status, body = '', headers = {}) => response.writeHead(status, headers).end(body),
        }),
      );
    });
  }

  static async start(options: { readonly tls?: LisTls } = {}): Promise<ScriptedHttpLis> {
    const lis = new ScriptedHttpLis(options.tls ?? null);
    await new Promise<void>((resolve) => lis.#server.listen(0, '127.0.0.1', resolve));
    return lis;
  }

  get port(): number {
    // A server that listens on TCP has an address object.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#connections.size;
  }

  next(): Promise<HttpLisMessage> {
    return this.#messages.next();
  }

  /** From now on the port refuses; what is open is closed. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }
}
