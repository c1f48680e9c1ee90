/** What owners tell the console: every lane that changed, at most twice a second each (LaneStatusFeed). */
import {
  type Clock,
  type InstanceId,
  type LaneStatus,
  laneStateName,
  laneWaitingFor,
  nextSequenceNo,
  windowShape,
} from '@inorder/core';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';

const PUBLISH_MS = 500;
/** Lanes told at once; what is left follows in the next turn, so that a start with 25,000 lanes floods nobody (G19). */
const LANES_PER_TURN = 1000;
const NEXT_TURN_MS = 50;
/** Rates of a lane that went quiet are told again until they are nothing. */
const FADE_MS = 10_000;

export interface StatusFeedOptions {
  readonly lanes: Lanes;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly destinationName: (id: Parameters<Parameters<typeof laneWaitingFor>[1]['destinationName']>[0]) => string;
}

export class StatusFeed {
  private readonly options: StatusFeedOptions;
  private readonly dirty = new Set<Lane>();
  private readonly fading = new Map<Lane, number>();
  private readonly listeners = new Set<(changed: readonly LaneStatus[]) => void>();
  private readonly detach: () => void;
  private behind = false;
  private cancel = (): void => undefined;

  constructor(options: StatusFeedOptions) {
    this.options = options;
    this.detach = options.lanes.onChange((lane) => this.dirty.add(lane));
  }

  start(): void {
    this.cancel = this.options.clock.schedule(this.dirty.size > 0 && this.behind ? NEXT_TURN_MS : PUBLISH_MS, () => {
      this.publish();
      this.start();
    });
  }

  stop(): void {
    this.detach();
    this.cancel();
  }

  snapshot(): LaneStatus[] {
    return [...this.options.lanes.all()].filter((lane) => !lane.isDead).map((lane) => this.statusOf(lane));
  }

  /** Called with what changed since the last time; each lane at most twice a second. */
  onChanged(listener: (changed: readonly LaneStatus[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private publish(): void {
    const nowAt = this.options.clock.wallMs();
    for (const [lane, at] of this.fading) {
      if (nowAt - at < FADE_MS) continue;
      this.fading.delete(lane);
      this.dirty.add(lane);
    }
    if (this.dirty.size === 0) return;
    const changed: LaneStatus[] = [];
    for (const lane of this.dirty) {
      if (changed.length >= LANES_PER_TURN) break;
      this.dirty.delete(lane);
      if (lane.isDead) continue;
      changed.push(this.statusOf(lane));
      if (lane.inRate.perMinute(nowAt) > 0 || lane.outRate.perMinute(nowAt) > 0) this.fading.set(lane, nowAt);
    }
    this.behind = this.dirty.size > 0;
    for (const listener of this.listeners) listener(changed);
  }

  private statusOf(lane: Lane): LaneStatus {
    const { state } = lane;
    const nowAt = this.options.clock.wallMs();
    const head = nextSequenceNo(state.checkpoint);
    const oldestAt = lane.oldestAt();
    const context = {
      destinationName: this.options.destinationName,
      headReceivedAt: oldestAt,
      headStatus: lane.headSeen?.sequenceNo === head ? lane.headSeen.status : ('RECEIVED' as const),
    };
    return {
      interfaceId: state.interfaceId,
      state: laneStateName(state),
      sinceAt: state.sinceAt,
      checkpoint: state.checkpoint,
      highWater: state.highWater,
      waitingFor: laneWaitingFor(state, context),
      oldestAt,
      ...windowShape(state),
      inPerMinute: round(lane.inRate.perMinute(nowAt)),
      outPerMinute: round(lane.outRate.perMinute(nowAt)),
      epoch: state.epoch,
      instance: this.options.instance,
    };
  }
}

function round(rate: number): number {
  return Math.round(rate * 10) / 10;
}
