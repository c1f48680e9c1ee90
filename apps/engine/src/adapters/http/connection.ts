/**
 * One HTTP/1.1 connection, one request in flight, no pipelining. The socket is connected before a request is made of it,
 * so that every failure here is either "unsent" for certain or an unknown outcome (G7, G8).
 *
 * Modes: IDLE → exchange → BUSY → whole answer, kept alive → IDLE; from any of them → CLOSED, which is final.
 * - The status line decides: once it is read, a time-out, an abort or a body too long ends the exchange with that status.
 * - IDLE ends in CLOSED by any byte that nobody asked for (we reset; G15), by the peer, or by `closeGently`.
 *
 * **Invariant** `#inFlight !== null` exactly in BUSY; it is settled exactly once.
 */
import http, { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { CancelSignal, Clock } from '@inorder/core';
import type { ConnectionWatcher, PooledConnection } from '../connection-pool.ts';
import { type ConnectFault, errorCodeOf, isRefusedCertificate, resetSocket } from '../endpoint-socket.ts';

export interface HttpConnectionSettings {
  readonly ackTimeoutMs: number;
  readonly ackBytesMax: number;
}

export interface HttpPost {
  /** Path and query. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
}

export type HttpExchange =
  /** `body` is cut at `ackBytesMax`. */
  | { readonly kind: 'answered'; readonly status: number; readonly body: Uint8Array }
  | { readonly kind: 'unsent'; readonly fault: ConnectFault; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string };

interface InFlight {
  readonly resolve: (exchange: HttpExchange) => void;
  readonly stopWaiting: () => void;
  response: IncomingMessage | null;
  body: Uint8Array[];
  bodyBytes: number;
}

/** A server that closes idle connections after n seconds is not written to in the last of them. */
const IDLE_MARGIN_MS = 1000;

export class HttpConnection implements PooledConnection {
  readonly #socket: Socket;
  readonly #settings: HttpConnectionSettings;
  readonly #clock: Clock;
  readonly #watcher: ConnectionWatcher;
  #inFlight: InFlight | null = null;
  #closed = false;
  #closeReason = 'closed by the peer';
  #refusedCertificate = false;
  #answers = 0;
  #idleMsMax = Number.POSITIVE_INFINITY;

  /** `socket` is connected, its TLS handshake done. */
  constructor(socket: Socket, settings: HttpConnectionSettings, clock: Clock, watcher: ConnectionWatcher) {
    this.#socket = socket;
    this.#settings = settings;
    this.#clock = clock;
    this.#watcher = watcher;
    socket.on('data', () => {
      // BUSY: Node's parser has its own listener.
      if (this.#inFlight === null && !this.#closed) this.#reset();
    });
    socket.on('error', (error) => this.#noteError(error));
    socket.on('end', () => {
      if (this.#inFlight === null) this.closeGently();
    });
    socket.on('close', () => this.#ended('closed'));
  }

  get usable(): boolean {
    return (
      !this.#closed &&
      this.#inFlight === null &&
      !this.#socket.destroyed &&
      !this.#socket.readableEnded &&
      this.#socket.writable
    );
  }

  get answers(): number {
    return this.#answers;
  }

  get idleMsMax(): number {
    return this.#idleMsMax;
  }

  /** Posts one message and waits for its answer. Only while `usable`. */
  exchange(post: HttpPost, signal: CancelSignal): Promise<HttpExchange> {
    if (!this.usable) throw new Error('HTTP connection is not idle');
    let request: ClientRequest;
    try {
      request = http.request({
        method: 'POST',
        path: post.path,
        headers: post.headers,
        createConnection: () => this.#socket,
      });
    } catch (error) {
      // A header or a path that HTTP does not allow: the settings' fault, so no message is charged.
      this.#reset();
      const reason = `unusable settings ${errorCodeOf(error) ?? ''}`.trimEnd();
      return Promise.resolve({ kind: 'unsent', fault: 'CONNECT', reason });
    }
    return new Promise((resolve) => {
      const aborted = (): void => this.#giveUp('aborted');
      const cancelTimeout = this.#clock.schedule(this.#settings.ackTimeoutMs, () => this.#giveUp('no answer in time'));
      signal.addEventListener('abort', aborted, { once: true });
      const stopWaiting = (): void => {
        cancelTimeout();
        signal.removeEventListener('abort', aborted);
      };
      this.#inFlight = { resolve, stopWaiting, response: null, body: [], bodyBytes: 0 };
      request.on('error', (error) => this.#noteError(error));
      request.on('response', (response) => this.#read(request, response));
      // Comes after the answer is whole and the socket is free again, or after the socket is gone.
      request.on('close', () => this.#ended(request.shouldKeepAlive ? 'free' : 'closed'));
      request.end(post.body);
    });
  }

  closeGently(): void {
    if (this.#closed) return;
    this.#close(false);
    this.#socket.destroySoon();
  }

  #read(request: ClientRequest, response: IncomingMessage): void {
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    inFlight.response = response;
    const hint = /(?:^|[ ,])timeout=(\d{1,6})/i.exec(String(response.headers['keep-alive'] ?? ''))?.[1];
    if (hint !== undefined) this.#idleMsMax = Math.max(0, Number(hint) * 1000 - IDLE_MARGIN_MS);
    response.on('error', (error) => this.#noteError(error));
    response.on('data', (chunk: Uint8Array) => {
      const part = chunk.subarray(0, this.#settings.ackBytesMax - inFlight.bodyBytes);
      inFlight.body.push(part);
      inFlight.bodyBytes += part.length;
      if (part.length < chunk.length) this.#giveUp('answer too long');
    });
    // Answered before our body was out: the rest of it is not wanted, and the connection is out of step.
    response.on('end', () => {
      if (!request.writableFinished) this.#giveUp('answered early');
    });
  }

  #noteError(error: unknown): void {
    this.#closeReason = errorCodeOf(error) ?? 'error';
    if (this.#answers === 0 && isRefusedCertificate(error)) this.#refusedCertificate = true;
  }

  /** Reset first, then tell: whoever is told may send again at once. */
  #giveUp(reason: string): void {
    this.#closeReason = reason;
    this.#reset();
    this.#finish();
  }

  #ended(how: 'free' | 'closed'): void {
    const whole = this.#inFlight?.response?.complete === true;
    if (how === 'free' && whole && !this.#socket.destroyed) {
      this.#finish();
      return;
    }
    this.#close(false);
    this.#socket.destroy();
    this.#finish();
  }

  #finish(): void {
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    this.#inFlight = null;
    inFlight.stopWaiting();
    const status = inFlight.response?.statusCode;
    if (status !== undefined) {
      this.#answers++;
      inFlight.resolve({ kind: 'answered', status, body: Buffer.concat(inFlight.body) });
    } else if (this.#refusedCertificate) {
      inFlight.resolve({ kind: 'unsent', fault: 'TLS', reason: this.#closeReason });
    } else {
      inFlight.resolve({ kind: 'lost', reason: this.#closeReason });
    }
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
