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
  type HoldReason,
  type InterfaceCode,
  type InterfaceId,
  type LanePolicy,
  type MessageId,
  type Outcome,
  type SequenceNo,
  type SettleItem,
  type Shard,
  windowEntries,
} from '@inorder/core';
import type { Logger } from 'pino';
import type { Destinations } from './destinations.ts';
import type { LaneInbox, Numbered, StageEnd } from './inbox.ts';
import type { Incidents } from './incidents.ts';
import { Lane } from './lane.ts';
import { LaneSends } from './lane-sends.ts';
import { type LaneCounters, LaneSettlements } from './lane-settlements.ts';
import type { OutboundPayloads } from './outbound-payloads.ts';
import type { DeliverySettings } from './settings.ts';
import type { SettleLoop } from './settle-loop.ts';
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

export class Lanes implements LaneInbox {
  private readonly options: LanesOptions;
  private readonly sends: LaneSends;
  private readonly settlements: LaneSettlements;
  private readonly lanes = new Map<InterfaceId, Lane>();
  private readonly ofShard = new Map<Shard, Set<InterfaceId>>();
  private readonly listeners = new Set<(lane: Lane) => void>();
  /** Messages of which Postgres alone is believed: repaired in place, or told wrongly. */
  private readonly onceMore = new Set<MessageId>();
  /** What lost lanes were about to settle, for this instance's own next tenure (G12). */
  private readonly carried = new Map<InterfaceId, { readonly epoch: Epoch; readonly item: SettleItem }>();

  constructor(options: LanesOptions) {
    this.options = options;
    this.sends = new LaneSends({ ...options, believePostgres: (id) => this.repaired([id]) });
    this.settlements = new LaneSettlements({ ...options, changed: (lane) => this.changed(lane) });
  }

  get counters(): Readonly<LaneCounters> {
    return this.settlements.counters;
  }

  /** For what was committed with a command (`commands.ts`). */
  count(item: SettleItem): void {
    this.settlements.count(item);
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
      this.sends.leave(lane);
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
        void this.sends.send(lane, effect.send);
        return;
      case 'SETTLE':
        this.settlements.settle(lane, effect.item);
        return;
      case 'GRANT':
        this.settlements.grant(lane, effect.sequenceNo);
        return;
      case 'NOTE_ATTEMPT':
        this.settlements.note(lane, effect.attempt);
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
}

function outcomeOf(end: StageEnd): Outcome {
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
