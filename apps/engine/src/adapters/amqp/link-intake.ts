/**
 * One receiving link: takes its messages, hands them to the handler in order and settles them. The same for a queue
 * on a broker and for a producer at our own listener.
 *
 * Modes: OPEN (credit flows) → STOPPED (no credit; what is in hand is still settled) → ENDED (link, session or
 * connection is gone; outcomes that come now are dropped and counted, because a delivery id means nothing on the next
 * session). Never backwards: a reopened link is a new intake, which is the generation check.
 *
 * A message that goes back stops its link: what is behind it on its way must not overtake it (G3). Nothing more is handed
 * on, and once nothing is in hand `onGivenBack` has the link opened anew; the peer begins with the oldest it has back.
 *
 * **Invariant** credit + unsettled ≤ `credit`. rhea's `credit_window` tops up on arrival; here credit is given by hand
 * after a settlement only, so that Postgres being away stops the peer (G12).
 * **Invariant** what is settled is settled once, through the session's one `SettlementQueue`.
 */
import type { Buffer } from 'node:buffer';
import type { Disposition, InboundOrigin } from '@inorder/core';
import { normalise } from './normalise.ts';
import { type AmqpCounters, CREDIT_MAX, type InboundSettings } from './options.ts';
import type { ReplyRequest, ReplySink } from './replies.ts';
import type { AmqpError, EventContext, RheaDelivery, RheaReceiver, TransferFrame } from './rhea-internals.ts';
import { connectionOf, deliveryOf, NOTHING, RAW_FORMAT } from './rhea-internals.ts';
import type { SettlementQueue } from './settlement.ts';

/** What is known of the delivery whose transfers are arriving. */
interface Arriving {
  readonly format: number;
  bytes: number;
  settled: boolean;
  aborted: boolean;
  /** Where its sender wants to hear of it. */
  reply?: ReplyRequest;
}

export interface IntakeOptions {
  readonly origin: InboundOrigin;
  readonly credit: number;
  readonly receiver: RheaReceiver;
  readonly settlements: SettlementQueue;
  readonly settings: InboundSettings;
  readonly counters: AmqpCounters;
  /** `refuse`: a transfer settled by its sender closes the link. `take`: it is handed on, because nobody else has it. */
  readonly preSettled: 'refuse' | 'take';
  /**
   * When credit is given again. RabbitMQ 3 takes the credit of a flow as it stands and forgets what is on its way, so a
   * flow while credit is out makes it send beyond it; after `usedUp` nothing is on its way.
   */
  readonly renewal: 'settled' | 'usedUp';
  /** Takes replies to JMSReplyTo, after the outcome is written. */
  readonly replies: ReplySink;
  /** A message went back, and nothing is in hand any more: close the link and open it anew. Called once. */
  readonly onGivenBack: () => void;
  /** We close the link for cause. */
  readonly onViolation: (error: Required<Pick<AmqpError, 'condition' | 'description'>>) => void;
}

export class LinkIntake {
  readonly #o: IntakeOptions;
  readonly #credit: number;
  #mode: 'OPEN' | 'STOPPED' | 'ENDED' = 'OPEN';
  #arriving: Arriving | undefined;
  #unsettled = 0;
  #unsettledBytes = 0;
  #gaveBack = false;
  #idleWaiters: Array<() => void> = [];
  #warnedOverCredit = false;
  #didWork = false;

  constructor(options: IntakeOptions) {
    this.#o = options;
    this.#credit = Math.min(options.credit, CREDIT_MAX);
    options.receiver.on('message', this.#onMessage);
  }

  /** Whether a message was kept for good, here or among the rejected, since the link opened. */
  get didWork(): boolean {
    return this.#didWork;
  }

  get unsettled(): number {
    return this.#unsettled;
  }

  /** To be called once the peer's attach is in. rhea forgets the sender's initial delivery-count, and its own credit if a name is used again. */
  begin(): void {
    const { receiver } = this.#o;
    receiver.credit = 0;
    receiver.delivery_count = receiver.remote.attach?.initial_delivery_count ?? 0;
    this.#topUp();
  }

  /** Before rhea sees a transfer: sizes, marks, and the limits that rhea does not keep. */
  beforeTransfer(frame: TransferFrame): void {
    const fields = frame.performative;
    if (this.#arriving === undefined) {
      this.#arriving = { format: fields.message_format ?? 0, bytes: 0, settled: false, aborted: false };
      fields.message_format = RAW_FORMAT;
    }
    const arriving = this.#arriving;
    arriving.bytes += frame.payload?.length ?? 0;
    arriving.settled ||= Boolean(fields.settled);
    arriving.aborted ||= Boolean(fields.aborted);
    if (frame.payload === undefined || this.#mode !== 'OPEN' || arriving.bytes > this.#o.settings.maxMessageBytes) {
      frame.payload = NOTHING;
      if (this.#o.receiver._incomplete) this.#o.receiver._incomplete.frames = [];
    }
    if (!fields.more) this.#checkCredit();
  }

  /** No more credit; messages under way are left unsettled, so that the peer keeps them and their order. */
  stop(): void {
    if (this.#mode !== 'OPEN') return;
    this.#mode = 'STOPPED';
    const { receiver } = this.#o;
    receiver.credit = 0;
    receiver.issue_flow = true;
    connectionOf(receiver.connection)._register();
  }

  /** The link is gone. Idempotent. */
  end(): void {
    if (this.#mode === 'ENDED') return;
    this.#mode = 'ENDED';
    // What still arrives goes to the session, which swallows it; rhea may use the receiver again for a link of the same name.
    this.#o.receiver.removeListener('message', this.#onMessage);
    this.#wakeIdle();
  }

  /** Resolves when no message is in hand, or the link is gone. */
  idle(): Promise<void> {
    if (this.#unsettled === 0 || this.#mode === 'ENDED') return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** rhea would write to the console for each transfer beyond the credit. A peer that goes on without credit is cut off (G19). */
  #checkCredit(): void {
    const { receiver, counters, origin, settings } = this.#o;
    if (receiver.credit > 0) return;
    receiver.credit = 1;
    if (this.#mode !== 'OPEN') return;
    counters.overCredit += 1;
    if (!this.#warnedOverCredit) {
      this.#warnedOverCredit = true;
      settings.log.warn({ sourceId: origin.sourceId }, 'AMQP peer sends beyond the credit it was given');
    }
    if (this.#unsettled >= 2 * this.#credit) {
      this.#violation('amqp:link:transfer-limit-exceeded', 'More messages were sent than credit was given');
    }
  }

  readonly #onMessage = (context: EventContext): void => {
    const arriving = this.#arriving;
    this.#arriving = undefined;
    if (context.delivery === undefined) return;
    const delivery = deliveryOf(context.delivery);
    if (this.#mode !== 'OPEN' || arriving === undefined) {
      // Neither handled nor settled: the peer has it back when the link closes.
      this.#forget(delivery);
      return;
    }
    if (arriving.aborted) {
      this.#forget(delivery);
      this.#topUp();
      return;
    }
    const { counters, settings } = this.#o;
    const { sourceId } = this.#o.origin;
    if (arriving.settled) {
      counters.preSettled += 1;
      if (this.#o.preSettled === 'refuse') {
        this.#forget(delivery);
        settings.log.error({ sourceId }, 'AMQP message was settled by its sender and is not taken');
        this.#violation(
          'amqp:not-allowed',
          'Messages must be sent unsettled: they are accepted only once they are stored',
        );
        return;
      }
      settings.log.warn({ sourceId }, 'AMQP broker settled a message before it was stored');
    }
    counters.received += 1;
    this.#unsettled += 1;
    this.#unsettledBytes += arriving.bytes;
    // The last of the credit has come: what was settled meanwhile can be given now.
    if (this.#o.renewal === 'usedUp') this.#topUp();
    // With a message-format of its own rhea puts the encoded bytes where the message would be.
    const encoded = context.message as unknown as Buffer;
    void this.#handle(encoded, arriving).then((disposition) => this.#onOutcome(delivery, arriving, disposition));
  };

  /** Calls the handler at once: the order of calls is the order of arrival. */
  async #handle(encoded: Buffer, arriving: Arriving): Promise<Disposition> {
    const { origin, settings } = this.#o;
    try {
      if (arriving.bytes > settings.maxMessageBytes) {
        const description = `The message of ${arriving.bytes} bytes is larger than ${settings.maxMessageBytes}`;
        return await this.#refused({ code: 'INGEST_TOO_LARGE', description, jmsMessageId: null, encoded: null });
      }
      const result = normalise(origin, encoded, arriving.format);
      if (result.reply !== undefined) arriving.reply = result.reply;
      if (result.ok) return await settings.handler(result.message);
      const asked = result.reply === undefined ? {} : { wantsReceipt: true };
      return await this.#refused({ ...result.refusal, ...asked, encoded: Uint8Array.from(encoded) });
    } catch (error) {
      settings.log.error(
        { sourceId: origin.sourceId, at: framesOf(error) },
        'Inbound handler threw; the message is released',
      );
      return { kind: 'release' };
    }
  }

  async #refused(
    refused: Omit<Parameters<NonNullable<InboundSettings['onRefused']>>[0], 'sourceId'>,
  ): Promise<Disposition> {
    const { settings } = this.#o;
    const { sourceId } = this.#o.origin;
    if (settings.onRefused !== undefined) return settings.onRefused({ sourceId, ...refused });
    settings.log.warn({ sourceId, code: refused.code }, 'AMQP message refused');
    return { kind: 'reject', code: refused.code, description: refused.description };
  }

  #onOutcome(delivery: RheaDelivery, arriving: Arriving, disposition: Disposition): void {
    if (this.#mode === 'ENDED') {
      this.#o.counters.stale += 1;
      this.#forget(delivery);
      return;
    }
    if (disposition.kind === 'release') {
      // Now, not when it is written: nothing that comes after this turn is handed on.
      this.#gaveBack = true;
      this.stop();
    } else this.#didWork = true;
    if (arriving.settled) {
      this.#forget(delivery);
      this.#settled(arriving.bytes);
      this.#tell(arriving, disposition);
      return;
    }
    this.#o.settlements.settle(delivery, disposition, () => {
      if (disposition.kind === 'accept') this.#o.counters.accepted += 1;
      else if (disposition.kind === 'release') this.#o.counters.released += 1;
      else this.#o.counters.rejected += 1;
      this.#settled(arriving.bytes);
      this.#tell(arriving, disposition);
    });
  }

  /** A message that goes back is not answered: it comes again. */
  #tell({ reply }: Arriving, disposition: Disposition): void {
    if (reply === undefined || disposition.kind === 'release' || disposition.receipt === undefined) return;
    this.#o.replies.offer(reply, disposition.receipt);
  }

  #settled(bytes: number): void {
    this.#unsettled -= 1;
    this.#unsettledBytes -= bytes;
    this.#topUp();
    if (this.#unsettled > 0) return;
    this.#wakeIdle();
    // One turn more, so that the last outcome is written before the link closes.
    if (this.#gaveBack) setImmediate(() => this.#mode !== 'ENDED' && this.#o.onGivenBack());
  }

  #topUp(): void {
    if (this.#mode !== 'OPEN') return;
    if (this.#unsettledBytes > this.#o.settings.unsettledBytesMax) return;
    if (this.#o.renewal === 'usedUp' && this.#o.receiver.credit > 0) return;
    const missing = this.#credit - this.#unsettled - this.#o.receiver.credit;
    if (missing > 0) this.#o.receiver.add_credit(missing);
  }

  /** Frees the slot in the session's ring without telling the peer anything. */
  #forget(delivery: RheaDelivery): void {
    delivery.settled = true;
    connectionOf(this.#o.receiver.connection)._register();
  }

  #violation(condition: string, description: string): void {
    this.end();
    this.#o.onViolation({ condition, description });
  }

  #wakeIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}

/** Where it was thrown, without the message, which may quote the payload (G18). */
function framesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 10);
}
