/**
 * Replies to JMSReplyTo. A reply is a hint: it goes out after the disposition is written, waits in a bounded queue for
 * the credit of whoever reads it, and is dropped and counted where that takes too long. Nothing here throws, and nothing
 * of ingest waits for it.
 */
import { Buffer } from 'node:buffer';
import type { Clock, Receipt } from '@inorder/core';
import type { Message, Sender, Typed } from 'rhea';
import type { AmqpScalar } from './amqp-value.ts';
import type { AmqpCounters } from './options.ts';
import { connectionOf, deliveryOf, type RheaSender, rhea, senderOf, ulongOf } from './rhea-internals.ts';

/** What a message says of the reply it wants. */
export interface ReplyRequest {
  readonly to: string;
  /** Of the reply: the request's correlation id or else its message id, in the AMQP type it came in. */
  readonly correlationId: string | Buffer | Typed | undefined;
}

/** Where a link hands its replies in. Never throws. */
export interface ReplySink {
  offer(request: ReplyRequest, receipt: Receipt): void;
}

/** A reply that nobody took by then is of no use to anybody. */
const REPLY_TTL_MS = 60_000;
/** Replies that wait on one connection, a few hundred bytes each (G19). */
const REPLIES_WAITING_MAX = 10_000;
const ADDRESS_LENGTH_MAX = 500;

export function replyRequest(
  to: string | null,
  correlationId: AmqpScalar,
  messageId: AmqpScalar,
): ReplyRequest | undefined {
  if (to === null || to === '' || to.length > ADDRESS_LENGTH_MAX) return undefined;
  return { to, correlationId: idOnWire(correlationId) ?? idOnWire(messageId) };
}

function idOnWire(id: AmqpScalar): ReplyRequest['correlationId'] {
  switch (id.kind) {
    case 'string':
      return id.bytes.length === 0 ? undefined : id.bytes.toString('utf8');
    case 'uuid':
      return Buffer.from(id.bytes);
    case 'binary':
      return rhea.types.wrap_binary(Buffer.from(id.bytes));
    case 'integer64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt.asUintN(64, id.value));
      return ulongOf(bytes);
    }
    case 'null':
    case 'boolean':
    case 'number':
    case 'symbol':
    case 'other':
      return undefined;
  }
}

/** Not durable, and gone after a minute wherever it lies. No absolute expiry time: clocks differ. */
export function replyMessage(request: ReplyRequest, receipt: Receipt): Message {
  const { wrap_long } = rhea.types;
  const properties = Object.entries(receipt.properties).map(([name, value]) => [
    name,
    typeof value === 'number' ? wrap_long(value) : value,
  ]);
  return {
    durable: false,
    ttl: REPLY_TTL_MS,
    to: request.to,
    // The typings leave out that an id may be typed.
    ...(request.correlationId === undefined ? {} : { correlation_id: request.correlationId as string }),
    application_properties: Object.fromEntries(properties),
    body: receipt.text,
  };
}

/** What the queues of one connection share. */
export class ReplyRoom {
  readonly queues = new Set<ReplyQueue>();
  waiting = 0;

  /** Where it is full, what has waited too long makes way, whichever queue it stands in. */
  isFull(): boolean {
    if (this.waiting < REPLIES_WAITING_MAX) return false;
    for (const queue of this.queues) queue.expire();
    return this.waiting >= REPLIES_WAITING_MAX;
  }
}

export interface ReplyQueueOptions {
  readonly room: ReplyRoom;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly counters: AmqpCounters;
  /** true: sent settled, and forgotten; false: the peer's outcome is waited for by its own events. */
  readonly settled: boolean;
}

/**
 * Replies on their way to one link, in order.
 *
 * **Invariant** nothing is handed to rhea beyond the credit in hand: it would stand at the head of the session and hold
 * up every other link. rhea's `sendable()` does not fall while a tick sends, so what was handed over is counted here.
 */
export class ReplyQueue {
  readonly #o: ReplyQueueOptions;
  #waiting: { readonly message: Message; readonly untilMs: number }[] = [];
  #sender: RheaSender | undefined;
  /** In terms of the link's delivery-count. */
  #handedOver = 0;

  constructor(options: ReplyQueueOptions) {
    this.#o = options;
    options.room.queues.add(this);
  }

  /** The link to send on, once it is attached at both ends. */
  open(sender: Sender): void {
    const link = senderOf(sender);
    this.#sender = link;
    this.#handedOver = link.delivery_count;
    sender.on('sender_flow', () => this.#pump());
    sender.on('sender_draining', () => this.#drain(link));
    this.#pump();
  }

  /** The link is gone; what waits may go to the next. */
  close(): void {
    this.#sender = undefined;
  }

  offer(message: Message): void {
    if (this.#o.room.isFull()) {
      this.#o.counters.repliesLost += 1;
      return;
    }
    this.#o.room.waiting += 1;
    this.#waiting.push({ message, untilMs: this.#o.clock.monotonicMs() + REPLY_TTL_MS });
    this.#pump();
  }

  /** The end: what waits is lost. */
  end(): void {
    this.close();
    this.#o.counters.repliesLost += this.#waiting.length;
    this.#leave(this.#waiting.length);
    this.#o.room.queues.delete(this);
  }

  /** What has waited too long is lost. */
  expire(): void {
    const nowMs = this.#o.clock.monotonicMs();
    const firstAlive = this.#waiting.findIndex(({ untilMs }) => untilMs > nowMs);
    const expired = firstAlive === -1 ? this.#waiting.length : firstAlive;
    this.#o.counters.repliesLost += expired;
    this.#leave(expired);
  }

  #pump(): void {
    const link = this.#sender;
    if (link === undefined || !link.is_open()) return;
    this.expire();
    let sent = 0;
    for (const { message } of this.#waiting) {
      if (!link.sendable() || this.#handedOver >= link.delivery_count + link.credit) break;
      this.#handedOver += 1;
      sent += 1;
      const delivery = link.send(message);
      if (this.#o.settled) deliveryOf(delivery).settled = true;
    }
    this.#o.counters.replies += sent;
    this.#leave(sent);
  }

  #leave(count: number): void {
    if (count === 0) return;
    this.#waiting = this.#waiting.slice(count);
    this.#o.room.waiting -= count;
  }

  /** A JMS client that asks for what there is now and no more. */
  #drain(link: RheaSender): void {
    this.#pump();
    if (link !== this.#sender || this.#waiting.length > 0) return;
    this.#handedOver = link.delivery_count + link.credit;
    link.set_drained(true);
    connectionOf(link.connection)._register();
  }
}
