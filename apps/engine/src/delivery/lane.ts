/** One lane at work: its state, the events it hears, and the timer it wants. The runtime carries out its effects. */

import type { Clock } from '@inorder/core';
import {
  decide,
  type Effect,
  type HoldReason,
  type InterfaceCode,
  type LaneEvent,
  type LaneState,
  type MessageStatus,
  nextSequenceNo,
  nextWakeAt,
  type SequenceNo,
} from '@inorder/core';
import { Rate } from './rate.ts';
import type { ShardHold } from './shard-hold.ts';

export interface LaneRuntime {
  readonly clock: Clock;
  carryOut(lane: Lane, effect: Effect): void;
  changed(lane: Lane): void;
  /** The lane goes on after it held for this reason. */
  released(lane: Lane, reason: HoldReason): void;
}

/** How many (number, time) pairs a lane remembers to tell the age of its oldest number. */
const AGES_MAX = 256;

export class Lane {
  readonly hold: ShardHold;
  readonly code: InterfaceCode;
  state: LaneState;
  /** What the head is doing in the stages, as last seen; for people. */
  headSeen: { readonly sequenceNo: SequenceNo; readonly status: MessageStatus } | null = null;
  /** Attempts on their way to Postgres. */
  unwritten = 0;
  readonly inRate = new Rate();
  readonly outRate = new Rate();
  private readonly runtime: LaneRuntime;
  private ages: { readonly sequenceNo: SequenceNo; readonly at: number }[] = [];
  private wake: { readonly at: number; readonly cancel: () => void } | null = null;
  private heldFor: HoldReason | null = null;
  private dead = false;
  private draining = false;

  constructor(hold: ShardHold, code: InterfaceCode, state: LaneState, runtime: LaneRuntime) {
    this.hold = hold;
    this.code = code;
    this.state = state;
    this.runtime = runtime;
  }

  get isDead(): boolean {
    return this.dead || this.hold.lost;
  }

  /** Carries out what opening it decided. */
  start(effects: readonly Effect[]): void {
    this.noteHold();
    this.follow(effects);
  }

  tell(event: LaneEvent): void {
    if (this.isDead) return;
    const before = this.state;
    // A lane that drains stays switched off whatever is configured meanwhile.
    if (this.draining && event.kind === 'CONFIGURED') return;
    const { state, effects } = decide(before, event);
    this.state = state;
    if (state.checkpoint > before.checkpoint) {
      this.outRate.add(state.checkpoint - before.checkpoint, event.nowAt);
      this.forgetAges();
    }
    if (state.highWater > before.highWater) this.inRate.add(state.highWater - before.highWater, event.nowAt);
    this.noteHold();
    this.follow(effects);
    if (state !== before) this.runtime.changed(this);
  }

  /** When a number came in; only what is needed for the age of the oldest is kept, and ever more coarsely. */
  noteReceived(n: SequenceNo, at: number): void {
    const last = this.ages.at(-1);
    if (last !== undefined && (last.sequenceNo >= n || at - last.at < 1000)) return;
    this.ages.push({ sequenceNo: n, at });
    if (this.ages.length > AGES_MAX) this.ages = this.ages.filter((_, i) => i % 2 === 0);
  }

  /** When the oldest unsettled number was received; null at lag 0. */
  oldestAt(): number | null {
    if (this.state.highWater === this.state.checkpoint) return null;
    return this.ages[0]?.at ?? null;
  }

  /** Something of it is on the wire or on its way to Postgres. */
  get isBusy(): boolean {
    const { name } = this.state.phase;
    return (
      this.unwritten > 0 ||
      name === 'SENDING' ||
      name === 'SETTLING' ||
      name === 'GRANTING' ||
      name === 'COMMANDING' ||
      name === 'REPLAYING'
    );
  }

  /** A copy of the head may be out, and no attempt in Postgres says so: only an owner that was told "unclean" will know. */
  get knowsMoreThanPostgres(): boolean {
    const { phase, tries } = this.state;
    // A lane held because Postgres was restored is opened as one that may have sent, whoever opens it.
    const restored = phase.name === 'HELD' && phase.reason === 'RESTORED';
    return tries.maybeSent && tries.unknowns === 0 && !restored;
  }

  /** Starts nothing new; what is under way goes on. */
  get isDraining(): boolean {
    return this.draining;
  }

  drain(): void {
    this.draining = true;
    this.state = { ...this.state, enabled: false };
  }

  end(): void {
    this.dead = true;
    this.wake?.cancel();
  }

  private follow(effects: readonly Effect[]): void {
    for (const effect of effects) this.runtime.carryOut(this, effect);
    this.setWake();
  }

  /** A command is carried out while the lane holds: only what follows it tells whether the hold is over. */
  private noteHold(): void {
    const { phase } = this.state;
    if (phase.name === 'HELD') this.heldFor = phase.reason;
    else if (this.heldFor !== null && phase.name !== 'COMMANDING') {
      this.runtime.released(this, this.heldFor);
      this.heldFor = null;
    }
  }

  private setWake(): void {
    const at = nextWakeAt(this.state);
    if (at === (this.wake?.at ?? null)) return;
    this.wake?.cancel();
    this.wake = null;
    if (at === null || this.isDead) return;
    const ms = Math.max(0, at - this.runtime.clock.wallMs());
    const cancel = this.runtime.clock.schedule(ms, () => {
      this.wake = null;
      this.tell({ kind: 'WAKE', nowAt: Math.max(at, this.runtime.clock.wallMs()) });
      this.setWake();
    });
    this.wake = { at, cancel };
  }

  private forgetAges(): void {
    const head = nextSequenceNo(this.state.checkpoint);
    if (this.state.checkpoint === this.state.highWater) {
      this.ages = [];
      return;
    }
    // The pair before the head tells its age best: pairs are coarse.
    while (this.ages.length > 1 && (this.ages[1]?.sequenceNo ?? head) <= head) this.ages.shift();
  }
}
