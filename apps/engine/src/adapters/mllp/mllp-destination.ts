/**
 * MLLP destination: frames, acknowledgements and what they mean for the lane, over pooled connections with one message
 * in flight on each (G4, G7, G8, G15).
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
import { type Exchange, MllpConnection } from './connection.ts';
import { breaksFraming } from './framing.ts';
import { judge } from './verdict.ts';

export type MllpDocument = Extract<DestinationDocument, { kind: 'MLLP' }>;

export class MllpDestination implements DestinationConnector {
  readonly #clock: Clock;
  readonly #logger: DestinationLogger;
  readonly #address: string;
  readonly #pool: ConnectionPool<MllpConnection>;

  constructor(document: MllpDocument, clock: Clock, logger: DestinationLogger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#address = `${document.host}:${document.port}`;
    const endpoint = { host: document.host, port: document.port, tls: document.tls ?? null };
    this.#pool = new ConnectionPool(
      endpoint,
      document,
      clock,
      (socket, watcher) =>
        new MllpConnection(socket, document, clock, {
          closed: (byReset) => watcher.closed(byReset),
          unasked: (ackCode) =>
            logger.warn({ destination: this.#address, ackCode }, 'mllp: an answer that no message waits for'),
        }),
    );
  }

  stats(): DestinationStats {
    return this.#pool.stats();
  }

  async deliver(request: DeliveryRequest, signal: CancelSignal): Promise<DeliveryResult> {
    if (request.payload.length === 0) return this.#failed('HL7_NOT_PARSEABLE', 'the message is empty');
    if (breaksFraming(request.payload)) {
      return this.#failed('HL7_NOT_PARSEABLE', 'the message holds a VT or FS byte, which would break the MLLP frame');
    }
    const outcome = await this.#pool.use(signal, async (connection) => {
      const startedMs = this.#clock.monotonicMs();
      const exchange = await connection.exchange(request.payload, request.controlId, signal);
      return this.#result(exchange, request, Math.round(this.#clock.monotonicMs() - startedMs));
    });
    return 'fault' in outcome ? this.#failed(`MLLP_${outcome.fault}`, outcome.reason) : outcome;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #result(exchange: Exchange, request: DeliveryRequest, tookMs: number): DeliveryResult {
    switch (exchange.kind) {
      case 'flushed':
        return { ok: true, byDuplicate: false, ackCode: 'SENT', response: null };
      case 'acknowledged': {
        const { ack, response } = exchange;
        const verdict = judge(ack, request.possibleDuplicate);
        if (verdict.ok) return { ok: true, byDuplicate: verdict.byDuplicate, ackCode: ack.code, response };
        const codes = ack.errorCodes.length === 0 ? '' : ` ERR-3 ${ack.errorCodes.slice(0, 5).join(',')}`;
        return this.#failed(verdict.code, `${ack.code}${codes}, ${tookMs} ms`, ack.code, response);
      }
      case 'lost': {
        const said = [exchange.ackCode, exchange.reason, `${tookMs} ms`].filter((part) => part !== null && part !== '');
        return this.#failed(exchange.code, said.join(', '), exchange.ackCode, exchange.response);
      }
    }
  }

  #failed(
    code: ErrorCode,
    reason: string,
    ackCode: string | null = null,
    response: Uint8Array | null = null,
  ): DeliveryResult {
    const detail = `${this.#address} ${reason}`;
    this.#logger.debug({ destination: this.#address, code, class: errorClass(code), ackCode }, 'mllp: send failed');
    return { ok: false, code, detail, ackCode, response };
  }
}
