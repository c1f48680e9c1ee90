/**
 * What the receiving links of one AMQP session share: the tap in front of rhea and the settlement queue, because
 * rhea merges the outcomes of one session, whichever link they belong to.
 */
import { type IntakeOptions, LinkIntake } from './link-intake.ts';
import type { AmqpCounters } from './options.ts';
import {
  deliveryOf,
  type EventContext,
  NOTHING,
  RAW_FORMAT,
  type RheaReceiver,
  type RheaSession,
  type TransferFrame,
  tapTransfers,
} from './rhea-internals.ts';
import { SettlementQueue } from './settlement.ts';

export class IntakeSession {
  readonly #settlements = new SettlementQueue();
  readonly #intakes = new Map<RheaReceiver, LinkIntake>();
  readonly #counters: AmqpCounters;

  constructor(session: RheaSession, counters: AmqpCounters) {
    this.#counters = counters;
    tapTransfers(session, (frame, link) => {
      const intake = link === undefined ? undefined : this.#intakes.get(link);
      if (intake !== undefined) intake.beforeTransfer(frame);
      else swallow(frame, link);
    });
    // Only what no link listens for comes this far.
    session.on('message', (context: EventContext) => {
      if (context.delivery !== undefined) deliveryOf(context.delivery).settled = true;
    });
  }

  /** Before the link can carry a message. */
  open(options: Omit<IntakeOptions, 'settlements' | 'counters'>): LinkIntake {
    const intake = new LinkIntake({ ...options, settlements: this.#settlements, counters: this.#counters });
    this.#intakes.set(options.receiver, intake);
    return intake;
  }

  forget(receiver: RheaReceiver): void {
    this.#intakes.get(receiver)?.end();
    this.#intakes.delete(receiver);
  }

  get intakes(): Iterable<LinkIntake> {
    return this.#intakes.values();
  }

  /** The session is gone: outcomes that are still to come are stale. Idempotent. */
  end(): void {
    this.#counters.stale += this.#settlements.end();
    for (const intake of this.#intakes.values()) intake.end();
    this.#intakes.clear();
  }
}

/** A transfer on a link that was refused: its client had not heard of it yet. Kept out of memory and off the console. */
function swallow(frame: TransferFrame, link: RheaReceiver | undefined): void {
  frame.payload = NOTHING;
  frame.performative.message_format = RAW_FORMAT;
  if (link !== undefined && link.credit <= 0) link.credit = 1;
}
