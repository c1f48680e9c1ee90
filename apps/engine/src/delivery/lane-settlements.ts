/**
 * What lanes have written down: the effects SETTLE, GRANT and NOTE_ATTEMPT, with their answers as events, and the counters
 * of what was written.
 *
 * **Invariant:** a number is counted, and its lane told, only after the commit, and not where the lane is lost by then.
 */
import type { AttemptNote, Clock, SequenceNo, SettleItem } from '@inorder/core';
import type { Logger } from 'pino';
import type { Destinations } from './destinations.ts';
import type { Incidents } from './incidents.ts';
import type { Lane } from './lane.ts';
import type { OutboundPayloads } from './outbound-payloads.ts';
import type { SettleLoop, SettleOutcome } from './settle-loop.ts';

export interface LaneCounters {
  delivered: number;
  failed: number;
  skipped: number;
  filtered: number;
  attempts: number;
}

export interface LaneSettlementsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settleLoop: SettleLoop;
  readonly destinations: Destinations<Lane>;
  readonly payloads: OutboundPayloads;
  readonly incidents: Incidents;
  /** Reads one lane again and puts it back. */
  readonly reopen: (lane: Lane) => void;
  /** An attempt of it was written down. */
  readonly changed: (lane: Lane) => void;
}

export class LaneSettlements {
  readonly counters: LaneCounters = { delivered: 0, failed: 0, skipped: 0, filtered: 0, attempts: 0 };
  private readonly options: LaneSettlementsOptions;

  constructor(options: LaneSettlementsOptions) {
    this.options = options;
  }

  /** An attempt that settles nothing: the lane does not wait for it. */
  note(lane: Lane, attempt: AttemptNote): void {
    this.counters.attempts += 1;
    lane.unwritten += 1;
    this.options.settleLoop.note(lane.hold, lane.state.interfaceId, [attempt], () => {
      lane.unwritten -= 1;
      this.options.changed(lane);
    });
  }

  settle(lane: Lane, item: SettleItem): void {
    this.options.settleLoop.settle(lane.hold, item, (outcome) => this.settled(lane, item, outcome));
  }

  private settled(lane: Lane, item: SettleItem, outcome: SettleOutcome): void {
    if (outcome === 'LOST' || lane.isDead) return;
    if (outcome === 'REREAD') {
      this.options.logger.error({ interface: lane.code, checkpoint: item.expectedCheckpoint }, 'lane read again');
      this.options.reopen(lane);
      return;
    }
    this.count(item);
    for (const letter of item.deadLetters) {
      // What the lane decided itself says nothing about the destination (G20).
      if (letter.destinationId !== null && letter.code !== 'LANE_DEPENDS_ON')
        this.options.destinations.get(letter.destinationId).countFailed(letter.code);
    }
    if (item.heldFor !== null) {
      this.options.incidents.open(
        item.heldFor,
        'INTERFACE',
        lane.code,
        `the lane holds before #${item.checkpoint + 1}`,
      );
    }
    lane.tell({ kind: 'SETTLED', nowAt: this.options.clock.wallMs() });
  }

  /** Keeps the counters by what has committed, and lets the bytes of what was tried go. */
  count(item: SettleItem): void {
    this.counters.attempts += item.attempts.length;
    for (const attempt of item.attempts) this.options.payloads.drop(attempt.messageId);
    for (const change of item.changes) {
      if (!change.settles) continue;
      if (change.to === 'DELIVERED') this.counters.delivered += 1;
      else if (change.to === 'FAILED') this.counters.failed += 1;
      else if (change.to === 'SKIPPED') this.counters.skipped += 1;
      else this.counters.filtered += 1;
    }
  }

  /** Written alone before the bytes leave, under policy hold. */
  grant(lane: Lane, n: SequenceNo): void {
    const { state } = lane;
    const item: SettleItem = {
      interfaceId: state.interfaceId,
      expectedCheckpoint: state.checkpoint,
      checkpoint: state.checkpoint,
      grantedThrough: n,
      changes: [],
      deadLetters: [],
      attempts: [],
      failedRun: state.failedRun,
      failedRunCode: state.failedRunCode,
      heldFor: null,
    };
    this.options.settleLoop.settle(lane.hold, item, (outcome) => {
      if (outcome === 'REREAD') this.options.reopen(lane);
      else if (outcome === 'SETTLED') lane.tell({ kind: 'GRANTED', nowAt: this.options.clock.wallMs() });
    });
  }
}
