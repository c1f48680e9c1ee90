/**
 * MLLP destination: a pool of at most `connectionsMax` persistent connections, shared by the lanes of a destination, one
 * message in flight on each (G4, G7, G8, G15).
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
import type { DestinationStats } from '../destination.ts';
import type { DestinationLogger, Endpoint } from '../endpoint-socket.ts';
import { Slots } from '../slots.ts';
import { connect } from './connect.ts';
import { type Exchange, MllpConnection } from './connection.ts';
import { breaksFraming } from './framing.ts';
import { judge } from './verdict.ts';

export type MllpDocument = Extract<DestinationDocument, { kind: 'MLLP' }>;

export class MllpDestination implements DestinationConnector {
  readonly #document: MllpDocument;
  readonly #clock: Clock;
  readonly #logger: DestinationLogger;
  readonly #endpoint: Endpoint;
  readonly #address: string;
  readonly #slots: Slots;
  /** Idle connections and what cancels their close; the one used last is at the end, so that a surplus grows old. */
  readonly #idle = new Map<MllpConnection, () => void>();
  #open = 0;
  #resets = 0;

  constructor(document: MllpDocument, clock: Clock, logger: DestinationLogger) {
    this.#document = document;
    this.#clock = clock;
    this.#logger = logger;
    this.#endpoint = { host: document.host, port: document.port, tls: document.tls ?? null };
    this.#address = `${document.host}:${document.port}`;
    this.#slots = new Slots(document.connectionsMax);
  }

  stats(): DestinationStats {
    return { open: this.#open, busy: this.#slots.busy, waiting: this.#slots.waiting, reset: this.#resets };
  }

  async deliver(request: DeliveryRequest, signal: CancelSignal): Promise<DeliveryResult> {
    if (request.payload.length === 0) return this.#failed('HL7_NOT_PARSEABLE', 'the message is empty');
    if (breaksFraming(request.payload)) {
      return this.#failed('HL7_NOT_PARSEABLE', 'the message holds a VT or FS byte, which would break the MLLP frame');
    }
    const grant = await this.#slots.acquire(signal);
    if (grant === 'closed') return this.#failed('MLLP_CONNECT', 'the destination is closed');
    if (grant === 'aborted') return this.#failed('MLLP_CONNECT', 'aborted before a byte was sent');
    const connection = this.#takeIdle() ?? (await this.#connect(signal));
    if (!(connection instanceof MllpConnection)) {
      this.#slots.release();
      return connection;
    }
    if (signal.aborted) {
      await this.#giveBack(connection);
      return this.#failed('MLLP_CONNECT', 'aborted before a byte was sent');
    }
    const startedMs = this.#clock.monotonicMs();
    const exchange = await connection.exchange(request.payload, request.controlId, signal);
    const result = this.#result(exchange, request, Math.round(this.#clock.monotonicMs() - startedMs));
    await this.#giveBack(connection);
    return result;
  }

  async close(): Promise<void> {
    const drained = this.#slots.close();
    for (const connection of [...this.#idle.keys()]) connection.closeGently();
    await drained;
  }

  #takeIdle(): MllpConnection | null {
    for (const [connection, keep] of [...this.#idle].reverse()) {
      keep();
      this.#idle.delete(connection);
      if (connection.usable) return connection;
      connection.closeGently();
    }
    return null;
  }

  async #connect(signal: CancelSignal): Promise<MllpConnection | DeliveryResult> {
    const connected = await connect(this.#endpoint, this.#document.connectTimeoutMs, this.#clock, signal);
    if (!connected.ok) return this.#failed(`MLLP_${connected.fault}`, connected.reason);
    this.#open++;
    return new MllpConnection(connected.socket, this.#document, this.#clock, {
      closed: (connection, byReset) => {
        this.#open--;
        if (byReset) this.#resets++;
        this.#idle.get(connection)?.();
        this.#idle.delete(connection);
      },
      unasked: (ackCode) => {
        this.#logger.warn({ destination: this.#address, ackCode }, 'mllp: bytes that no message waits for');
      },
    });
  }

  /**
   * Some peers close after every answer. Their FIN comes right behind the ACK, so a connection that has answered once
   * is shown to the event loop's next poll before anyone may write on it; one that has answered twice is known to stay.
   */
  async #giveBack(connection: MllpConnection): Promise<void> {
    if (connection.usable && connection.answers < 2) {
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    if (connection.usable && !this.#slots.closed) {
      this.#idle.set(
        connection,
        this.#clock.schedule(this.#document.idleCloseMs, () => connection.closeGently()),
      );
    } else {
      connection.closeGently();
    }
    this.#slots.release();
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
