/**
 * JMS destination: puts each order into a queue of a broker over AMQP 1.0, durable and unsettled, over pooled connections
 * with one message in flight on each (G4, G7, G8, G15). Delivered means that the broker has it, not that anybody has read
 * it. Epoch, number and attempt go along, so that a reader can refuse what is old (G10).
 */
import {
  type CancelSignal,
  type Clock,
  type DeliveryRequest,
  type DeliveryResult,
  type DestinationConnector,
  type ErrorCode,
  errorClass,
} from '@inorder/core';
import type { DestinationDocument } from '@inorder/shared';
import { ConnectionPool, type DestinationStats } from '../connection-pool.ts';
import type { DestinationLogger } from '../endpoint-socket.ts';
import type { ConnectDocument } from './connection-parts.ts';
import { jmsMessage } from './jms-message.ts';
import { judgeOutcome } from './jms-verdict.ts';
import { encodeMessage } from './rhea-internals.ts';
import { type JmsExchange, SendingConnection } from './sending-connection.ts';

export type JmsDocument = Extract<DestinationDocument, { kind: 'JMS' }>;

export class JmsDestination implements DestinationConnector {
  readonly #document: JmsDocument;
  readonly #clock: Clock;
  readonly #logger: DestinationLogger;
  readonly #address: string;
  readonly #pool: ConnectionPool<SendingConnection>;
  readonly #connections = new Set<SendingConnection>();

  constructor(document: JmsDocument, connection: ConnectDocument, clock: Clock, logger: DestinationLogger) {
    this.#document = document;
    this.#clock = clock;
    this.#logger = logger;
    this.#address = `${connection.host}:${connection.port}`;
    const endpoint = { host: connection.host, port: connection.port, tls: connection.tls ?? null };
    this.#pool = new ConnectionPool(endpoint, document, clock, (socket, watcher) => {
      const made = new SendingConnection(socket, { ...document, connection }, clock, watcher);
      this.#connections.add(made);
      void made.ended.then(() => this.#connections.delete(made));
      return made;
    });
  }

  stats(): DestinationStats {
    return this.#pool.stats();
  }

  async deliver(request: DeliveryRequest, signal: CancelSignal): Promise<DeliveryResult> {
    const outcome = await this.#pool.use(signal, async (connection) => {
      const startedMs = this.#clock.monotonicMs();
      const encoded = encodeMessage(jmsMessage(request, this.#document.body, this.#clock.wallMs()));
      const exchange = await connection.exchange(encoded, signal);
      return this.#result(exchange, Math.round(this.#clock.monotonicMs() - startedMs));
    });
    return 'fault' in outcome ? this.#failed(`JMS_${outcome.fault}`, outcome.reason) : outcome;
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await Promise.all([...this.#connections].map((connection) => connection.ended));
  }

  #result(exchange: JmsExchange, tookMs: number): DeliveryResult {
    const queue = `queue ${this.#document.address}:`;
    switch (exchange.kind) {
      case 'outcome': {
        const { outcome, reason } = exchange;
        const ackCode = outcome.toUpperCase();
        // What the broker says in its own words may quote the message: it is kept with the payloads.
        const response = reason.description === null ? null : Buffer.from(reason.description, 'utf8');
        const code = judgeOutcome(outcome, reason.condition);
        if (code === null) return { ok: true, byDuplicate: false, ackCode, response };
        const said = reason.condition === null ? outcome : `${outcome} ${reason.condition}`;
        return this.#failed(code, `${queue} ${said}, ${tookMs} ms`, ackCode, response);
      }
      case 'tooLarge': {
        const limit = exchange.bytesMax === null ? '' : ` (${exchange.bytesMax} bytes)`;
        return this.#failed('JMS_REJECTED', `${queue} larger than the broker takes${limit}`);
      }
      case 'unsent':
        return this.#failed(exchange.code, `${queue} ${exchange.reason}`);
      case 'lost':
        return this.#failed('JMS_NO_ANSWER', `${queue} ${exchange.reason}, ${tookMs} ms`);
    }
  }

  #failed(
    code: ErrorCode,
    reason: string,
    ackCode: string | null = null,
    response: Uint8Array | null = null,
  ): DeliveryResult {
    const detail = `${this.#address} ${reason}`;
    this.#logger.debug({ destination: this.#address, code, class: errorClass(code), ackCode }, 'jms: send failed');
    return { ok: false, code, detail, ackCode, response };
  }
}
