/**
 * The effect SEND of a lane: its head's bytes, the breaker of its destination, the time that is left of the lease, and
 * what came of it as an event.
 *
 * **Invariant:** what returns for a lane that is dead, or that waits for another send by now, changes nothing.
 */
import { type Clock, errorClass, type MessageId, type Send } from '@inorder/core';
import type { Logger } from 'pino';
import { errorCodeOf } from '../adapters/postgres/database.ts';
import type { OutboundPayload } from '../adapters/postgres/lane-queries.ts';
import type { Destinations } from './destinations.ts';
import type { Lane } from './lane.ts';
import type { OutboundPayloads } from './outbound-payloads.ts';
import type { DeliverySettings } from './settings.ts';

export interface LaneSendsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  readonly destinations: Destinations<Lane>;
  readonly payloads: OutboundPayloads;
  /** The lane was told otherwise than Postgres holds: of this message Postgres alone is believed from now on. */
  readonly believePostgres: (id: MessageId) => void;
  /** Reads one lane again and puts it back. */
  readonly reopen: (lane: Lane) => void;
}

export class LaneSends {
  private readonly options: LaneSendsOptions;

  constructor(options: LaneSendsOptions) {
    this.options = options;
  }

  /** Never rejects: whatever goes wrong becomes an event of the lane. */
  async send(lane: Lane, send: Send): Promise<void> {
    const { clock, settings, destinations } = this.options;
    const endpoint = destinations.get(send.order.destinationId);
    const atHand = this.options.payloads.peek(send.order.messageId);
    const payload = isOf(atHand, send.order) ? atHand.bytes : await this.loadPayload(lane, send);
    if (payload === undefined || !isStill(lane, send)) return endpoint.breaker.leave(lane);
    if (!lane.hold.maySend(clock.monotonicMs(), settings.leaseSendMarginMs)) {
      endpoint.breaker.leave(lane);
      return this.blockedByLease(lane);
    }
    const blocked = endpoint.breaker.blocks(lane);
    if (blocked !== null) {
      endpoint.breaker.wait(lane);
      lane.tell({ kind: 'BLOCKED', ...blocked, nowAt: clock.wallMs() });
      return;
    }
    const request = {
      interfaceId: lane.state.interfaceId,
      interfaceCode: lane.code,
      sequenceNo: send.sequenceNo,
      messageId: send.order.messageId,
      epoch: lane.hold.epoch,
      attempt: send.attemptNo,
      possibleDuplicate: send.possibleDuplicate,
      replayId: null,
      controlId: send.order.controlId,
      format: send.order.format,
      payload,
    };
    const signal = lane.hold.sendSignal(clock, settings.leaseSendMarginMs);
    const { result, retryAt } = await endpoint.deliver(lane, request, signal);
    if (!isStill(lane, send)) return;
    if (!result.ok && errorClass(result.code) === 'infrastructure') return this.blockedByLease(lane);
    // It never left: while it waited for a connection the lease grew too short.
    if (!result.ok && errorClass(result.code) === 'endpoint' && signal.aborted) return this.blockedByLease(lane);
    lane.tell({
      kind: 'SEND_RESULT',
      result,
      nowAt: clock.wallMs(),
      lastAnswerAt: endpoint.lastAnswerToOther(send.order.messageId),
      endpointSinceAt: endpoint.breaker.downSinceAt,
      destinationFailedRun: result.ok ? 0 : endpoint.failedRunOf(result.code),
      retryAt: Math.max(retryAt, clock.wallMs()),
    });
    this.waitAtBreaker(lane);
  }

  /** The lane ends: it waits at no breaker any more. */
  leave(lane: Lane): void {
    const { phase } = lane.state;
    if (phase.name === 'ENDPOINT_DOWN') this.options.destinations.get(phase.destinationId).breaker.leave(lane);
    if (phase.name === 'SENDING') this.options.destinations.get(phase.send.order.destinationId).breaker.leave(lane);
  }

  /** A head that nobody answers any more waits like one that cannot connect, and is the one to try again. */
  private waitAtBreaker(lane: Lane): void {
    const { phase } = lane.state;
    if (lane.isDead || phase.name !== 'ENDPOINT_DOWN') return;
    const endpoint = this.options.destinations.get(phase.destinationId);
    if (!endpoint.breaker.isOpen) {
      const retryAt = endpoint.breaker.failed(phase.code, `no answer to #${phase.sequenceNo} of ${lane.code}`);
      lane.tell({
        kind: 'BLOCKED',
        code: phase.code,
        sinceAt: phase.sinceAt,
        retryAt,
        nowAt: this.options.clock.wallMs(),
      });
    }
    endpoint.breaker.wait(lane);
  }

  private async loadPayload(lane: Lane, send: Send): Promise<Uint8Array | undefined> {
    try {
      const { messageId } = send.order;
      const payload = await this.options.payloads.load(messageId);
      if (isOf(payload, send.order)) return payload.bytes;
      if (!isStill(lane, send)) return undefined;
      // What the lane was told is not what Postgres holds: Postgres decides, now and whatever else is told of it.
      this.options.logger.warn(
        { interface: lane.code, sequenceNo: send.sequenceNo },
        'lane was told otherwise than Postgres holds; read again',
      );
      this.options.believePostgres(messageId);
      this.options.reopen(lane);
      return undefined;
    } catch (error) {
      this.options.logger.warn(
        { interface: lane.code, sequenceNo: send.sequenceNo, code: errorCodeOf(error) },
        'payload not read',
      );
      if (isStill(lane, send)) this.blockedByLease(lane);
      return undefined;
    }
  }

  /** Our own infrastructure is the reason: a short wait, nothing counted. */
  private blockedByLease(lane: Lane): void {
    const nowAt = this.options.clock.wallMs();
    lane.tell({ kind: 'BLOCKED', code: 'STORE_UNAVAILABLE', sinceAt: nowAt, retryAt: nowAt + 250, nowAt });
  }
}

/** The payload was made for this very order, and not by another run of the stages. */
function isOf(payload: OutboundPayload | undefined, order: Send['order']): payload is OutboundPayload {
  return payload?.destinationId === order.destinationId && payload.controlId === order.controlId;
}

/** The lane still waits for exactly this send. */
function isStill(lane: Lane, send: Send): boolean {
  return !lane.isDead && lane.state.phase.name === 'SENDING' && lane.state.phase.send === send;
}
