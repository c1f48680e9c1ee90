/**
 * The lanes this instance owns: hears of numbers and outcomes, carries out what each lane decides.
 *
 * **Invariant:** a lane exists only under a ShardHold; when the hold ends the lane is dead, and whatever still returns in
 * its name changes nothing.
 */
import {
  type Clock,
  type Decision,
  type Effect,
  type Epoch,
  errorClass,
  type HoldReason,
  type InterfaceCode,
  type InterfaceId,
  type LanePolicy,
  type MessageId,
  type Outcome,
  type Send,
  type SequenceNo,
  type SettleItem,
  type Shard,
  windowEntries,
} from '@inorder/core';
import type { Logger } from 'pino';
import { errorCodeOf } from '../adapters/postgres/database.ts';
import type { OutboundPayload } from '../adapters/postgres/lane-queries.ts';
import type { Destinations } from './destinations.ts';
import type { LaneInbox, Numbered, StageEnd } from './inbox.ts';
import type { Incidents } from './incidents.ts';
import { Lane } from './lane.ts';
import type { OutboundPayloads } from './outbound-payloads.ts';
import type { DeliverySettings } from './settings.ts';
import type { SettleLoop, SettleOutcome } from './settle-loop.ts';
import type { ShardHold } from './shard-hold.ts';

export interface LanesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  readonly settleLoop: SettleLoop;
  readonly destinations: Destinations<Lane>;
  readonly payloads: OutboundPayloads;
  readonly incidents: Incidents;
  /** Whose lane it is, where it is not ours: a hint, free to be lost. */
  readonly elsewhere: LaneInbox;
  /** These lanes have outcomes that only Postgres can tell: read them now. */
  readonly lookAgain: (ids: readonly InterfaceId[]) => void;
  /** Reads one lane again and puts it back. */
  readonly reopen: (lane: Lane) => void;
  /** Reads outcomes beyond the window. */
  readonly lookUp: (lane: Lane, from: SequenceNo) => void;
  readonly runCommand: (lane: Lane, effect: Extract<Effect, { kind: 'RUN_COMMAND' }>) => void;
  readonly sendReplay: (lane: Lane, effect: Extract<Effect, { kind: 'SEND_REPLAY' }>) => void;
}

/** Repaired messages that are remembered; the oldest were settled long ago. */
const ONCE_MORE_MAX = 100_000;

export interface LaneCounters {
  delivered: number;
  failed: number;
  skipped: number;
  filtered: number;
  attempts: number;
}

export class Lanes implements LaneInbox {
  readonly counters: LaneCounters = { delivered: 0, failed: 0, skipped: 0, filtered: 0, attempts: 0 };
  private readonly options: LanesOptions;
  private readonly lanes = new Map<InterfaceId, Lane>();
  private readonly ofShard = new Map<Shard, Set<InterfaceId>>();
  private readonly listeners = new Set<(lane: Lane) => void>();
  /** Messages of which Postgres alone is believed: repaired in place, or told wrongly. */
  private readonly onceMore = new Set<MessageId>();
  /** What lost lanes were about to settle, for this instance's own next tenure (G12). */
  private readonly carried = new Map<InterfaceId, { readonly epoch: Epoch; readonly item: SettleItem }>();

  constructor(options: LanesOptions) {
    this.options = options;
  }

  get(id: InterfaceId): Lane | undefined {
    const lane = this.lanes.get(id);
    return lane === undefined || lane.isDead ? undefined : lane;
  }

  all(): IterableIterator<Lane> {
    return this.lanes.values();
  }

  onChange(listener: (lane: Lane) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Puts a lane to work that was read under this hold. */
  open(hold: ShardHold, code: InterfaceCode, decision: Decision): Lane {
    const id = decision.state.interfaceId;
    this.lanes.get(id)?.end();
    const lane = new Lane(hold, code, decision.state, this);
    this.lanes.set(id, lane);
    const others = this.ofShard.get(hold.shard);
    if (others === undefined) this.ofShard.set(hold.shard, new Set([id]));
    else others.add(id);
    lane.start(decision.effects);
    this.changed(lane);
    return lane;
  }

  /** Ends every lane of a hold that is lost or given back. */
  closeShard(shard: Shard): void {
    for (const id of this.ofShard.get(shard) ?? []) {
      const lane = this.lanes.get(id);
      if (lane === undefined || lane.hold.shard !== shard) continue;
      this.leaveBreaker(lane);
      this.carry(lane);
      // Another owner may have them repaired before we see this lane again.
      for (const { value } of windowEntries(lane.state.window))
        this.options.payloads.drop(value.status === 'PROCESSED' ? value.order.messageId : value.messageId);
      lane.end();
      this.lanes.delete(id);
    }
    this.ofShard.delete(shard);
  }

  /** What this instance still wanted to settle of a lane, if it takes the shard back with the very next epoch. */
  takeCarried(id: InterfaceId, epoch: Epoch): SettleItem | undefined {
    const carried = this.carried.get(id);
    this.carried.delete(id);
    return carried !== undefined && carried.epoch + 1 === epoch ? carried.item : undefined;
  }

  private carry(lane: Lane): void {
    const { phase, interfaceId } = lane.state;
    if (phase.name === 'SETTLING' && phase.hold === null)
      this.carried.set(interfaceId, { epoch: lane.hold.epoch, item: phase.item });
    else this.carried.delete(interfaceId);
  }

  numbered(numbers: readonly Numbered[]): void {
    const nowAt = this.options.clock.wallMs();
    const foreign: Numbered[] = [];
    for (const n of numbers) {
      const lane = this.get(n.interfaceId);
      if (lane === undefined) foreign.push(n);
      else {
        lane.noteReceived(n.sequenceNo, n.receivedAt);
        lane.tell({ kind: 'NUMBERED', highWater: n.sequenceNo, nowAt });
      }
    }
    if (foreign.length > 0) this.options.elsewhere.numbered(foreign);
  }

  /** Outcomes committed elsewhere. Those of lanes that have moved on meanwhile are dropped: they are told nobody twice. */
  told(ends: readonly StageEnd[]): void {
    this.stageEnded(ends.filter((end) => this.get(end.interfaceId) !== undefined));
  }

  /**
   * These go through the stages once more. What is still told of their first run, by whoever was slow, must not be taken
   * for the outcome of the second: from here on Postgres alone tells it.
   */
  repaired(ids: readonly MessageId[]): void {
    for (const id of ids) this.onceMore.add(id);
    for (const id of this.onceMore) {
      if (this.onceMore.size <= ONCE_MORE_MAX) break;
      this.onceMore.delete(id);
    }
  }

  stageEnded(ends: readonly StageEnd[]): void {
    const nowAt = this.options.clock.wallMs();
    const perLane = new Map<Lane, { sequenceNo: SequenceNo; outcome: Outcome }[]>();
    const foreign: StageEnd[] = [];
    const unsure = new Set<InterfaceId>();
    for (const end of ends) {
      const lane = this.get(end.interfaceId);
      if (lane === undefined) {
        foreign.push(end);
        continue;
      }
      if (this.onceMore.has(end.messageId)) {
        unsure.add(end.interfaceId);
        continue;
      }
      if (end.status === 'PROCESSED' && end.payload !== null)
        this.options.payloads.keep(end.messageId, {
          bytes: end.payload,
          destinationId: end.destinationId,
          controlId: end.controlId,
        });
      const list = perLane.get(lane) ?? [];
      list.push({ sequenceNo: end.sequenceNo, outcome: outcomeOf(end) });
      perLane.set(lane, list);
    }
    for (const [lane, outcomes] of perLane) lane.tell({ kind: 'OUTCOMES', outcomes, nowAt });
    if (unsure.size > 0) this.options.lookAgain([...unsure]);
    if (foreign.length > 0) this.options.elsewhere.stageEnded(foreign);
  }

  /** Policy or switch of one interface, from its current revision. */
  configured(id: InterfaceId, policy: LanePolicy, enabled: boolean): void {
    this.get(id)?.tell({ kind: 'CONFIGURED', policy, enabled, nowAt: this.options.clock.wallMs() });
  }

  get clock(): Clock {
    return this.options.clock;
  }

  changed(lane: Lane): void {
    for (const listener of this.listeners) listener(lane);
  }

  released(lane: Lane, reason: HoldReason): void {
    // One incident tells of all of these, and ends with the last (store-identity.ts).
    if (reason === 'RESTORED') return;
    this.options.incidents.close(reason, 'INTERFACE', lane.code);
  }

  carryOut(lane: Lane, effect: Effect): void {
    switch (effect.kind) {
      case 'SEND':
        void this.send(lane, effect.send);
        return;
      case 'SETTLE':
        this.settle(lane, effect.item);
        return;
      case 'GRANT':
        this.grant(lane, effect.sequenceNo);
        return;
      case 'NOTE_ATTEMPT':
        this.counters.attempts += 1;
        lane.unwritten += 1;
        this.options.settleLoop.note(lane.hold, lane.state.interfaceId, [effect.attempt], () => {
          lane.unwritten -= 1;
          this.changed(lane);
        });
        return;
      case 'LOOK_UP':
        this.options.lookUp(lane, effect.fromSequenceNo);
        return;
      case 'RUN_COMMAND':
        this.options.runCommand(lane, effect);
        return;
      case 'SEND_REPLAY':
        this.options.sendReplay(lane, effect);
    }
  }

  /** Never rejects: whatever goes wrong becomes an event of the lane. */
  private async send(lane: Lane, send: Send): Promise<void> {
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
      this.repaired([messageId]);
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

  private settle(lane: Lane, item: SettleItem): void {
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
  private grant(lane: Lane, n: SequenceNo): void {
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

  private leaveBreaker(lane: Lane): void {
    const { phase } = lane.state;
    if (phase.name === 'ENDPOINT_DOWN') this.options.destinations.get(phase.destinationId).breaker.leave(lane);
    if (phase.name === 'SENDING') this.options.destinations.get(phase.send.order.destinationId).breaker.leave(lane);
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

export function outcomeOf(end: StageEnd): Outcome {
  const { messageId, placerKeys } = end;
  switch (end.status) {
    case 'PROCESSED':
      return {
        status: 'PROCESSED',
        order: {
          messageId,
          destinationId: end.destinationId,
          controlId: end.controlId,
          format: end.format,
          placerKeys,
        },
      };
    case 'FAILED':
      return { status: 'FAILED', messageId, recordedAs: 'FAILED', code: end.code, deadLetter: null, placerKeys };
    case 'FILTERED':
      return { status: 'FILTERED', messageId, recordedAs: 'FILTERED', code: null, deadLetter: null, placerKeys };
  }
}
