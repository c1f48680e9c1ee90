/**
 * HTTP destination: POSTs each order over at most `connectionsMax` kept connections (G4, G7, G8). The idempotency key is
 * the same for every send of one number; epoch, sequence and attempt let a receiver refuse what is old (G10).
 * Redirects are not followed: an order goes where the configuration says and nowhere else.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import querystring from 'node:querystring';
import {
  type CancelSignal,
  type Clock,
  type DeliveryRequest,
  type DeliveryResult,
  type DestinationConnector,
  type ErrorCode,
  errorClass,
  type PayloadFormat,
} from '@inorder/core';
import type { DestinationDocument } from '@inorder/shared';
import { ConnectionPool, type DestinationStats } from '../connection-pool.ts';
import type { DestinationLogger } from '../endpoint-socket.ts';
import { HttpConnection, type HttpExchange } from './connection.ts';
import { judgeStatus } from './status.ts';

export type HttpDocument = Extract<DestinationDocument, { kind: 'HTTP' }>;

const CONTENT_TYPES: Readonly<Record<PayloadFormat, string>> = {
  HL7V2: 'application/hl7-v2; charset=utf-8',
  FHIR_JSON: 'application/fhir+json',
};

export class HttpDestination implements DestinationConnector {
  readonly #document: HttpDocument;
  readonly #clock: Clock;
  readonly #logger: DestinationLogger;
  readonly #url: URL;
  /** Host and port only: path and query may hold secrets (G18). */
  readonly #address: string;
  readonly #pool: ConnectionPool<HttpConnection>;

  constructor(document: HttpDocument, clock: Clock, logger: DestinationLogger) {
    this.#document = document;
    this.#clock = clock;
    this.#logger = logger;
    this.#url = new URL(document.url);
    const secure = this.#url.protocol === 'https:';
    const port = Number(this.#url.port === '' ? (secure ? 443 : 80) : this.#url.port);
    this.#address = `${this.#url.hostname}:${port}`;
    const endpoint = {
      host: this.#url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      tls: secure ? (document.tls ?? { verify: true }) : null,
    };
    this.#pool = new ConnectionPool(
      endpoint,
      document,
      clock,
      (socket, watcher) => new HttpConnection(socket, document, clock, watcher),
    );
  }

  stats(): DestinationStats {
    return this.#pool.stats();
  }

  async deliver(request: DeliveryRequest, signal: CancelSignal): Promise<DeliveryResult> {
    const outcome = await this.#pool.use(signal, async (connection) => {
      const startedMs = this.#clock.monotonicMs();
      const post = {
        path: this.#url.pathname + this.#url.search,
        headers: this.#headers(request),
        body: request.payload,
      };
      const exchange = await connection.exchange(post, signal);
      return this.#result(exchange, request, Math.round(this.#clock.monotonicMs() - startedMs));
    });
    return 'fault' in outcome ? this.#failed(`HTTP_${outcome.fault}`, outcome.reason) : outcome;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #headers(request: DeliveryRequest): OutgoingHttpHeaders {
    const { username, password } = this.#url;
    const credentials = Buffer.from(`${querystring.unescape(username)}:${querystring.unescape(password)}`);
    const configured = Object.entries(this.#document.headers).map(([name, value]) => [name.toLowerCase(), value]);
    return {
      'content-type': CONTENT_TYPES[request.format],
      ...(username === '' ? {} : { authorization: `Basic ${credentials.toString('base64')}` }),
      ...Object.fromEntries(configured),
      // What follows is ours to say; no setting can change it.
      host: this.#url.host,
      connection: 'keep-alive',
      'content-length': request.payload.length,
      // A header value is ASCII; a control id of anything else is percent-encoded, the same way on every send.
      'idempotency-key': `${request.interfaceCode}:${request.sequenceNo}:${encodeURIComponent(request.controlId.toWellFormed())}`,
      'x-inorder-epoch': String(request.epoch),
      'x-inorder-sequence': String(request.sequenceNo),
      'x-inorder-attempt': String(request.attempt),
      ...(request.possibleDuplicate ? { 'x-inorder-possible-duplicate': 'true' } : {}),
    };
  }

  #result(exchange: HttpExchange, request: DeliveryRequest, tookMs: number): DeliveryResult {
    switch (exchange.kind) {
      case 'answered': {
        const ackCode = String(exchange.status);
        const verdict = judgeStatus(exchange.status, request.possibleDuplicate);
        if (verdict.ok) return { ok: true, byDuplicate: verdict.byDuplicate, ackCode, response: exchange.body };
        return this.#failed(verdict.code, `${ackCode}, ${tookMs} ms`, ackCode, exchange.body);
      }
      case 'unsent':
        return this.#failed(`HTTP_${exchange.fault}`, exchange.reason);
      case 'lost':
        return this.#failed('HTTP_NO_ANSWER', `${exchange.reason}, ${tookMs} ms`);
    }
  }

  #failed(
    code: ErrorCode,
    reason: string,
    ackCode: string | null = null,
    response: Uint8Array | null = null,
  ): DeliveryResult {
    const detail = `${this.#address} ${reason}`;
    this.#logger.debug({ destination: this.#address, code, class: errorClass(code), ackCode }, 'http: send failed');
    return { ok: false, code, detail, ackCode, response };
  }
}
