/**
 * The console's one picture of all lanes, fed by any source of statuses and read by every browser.
 *
 * News are numbered: `flush()` gives every row that changed since the last flush the next number. A browser names the
 * last number it has seen and gets the rows with higher ones, so a slow reader is told less often, never more at once
 * than one row each, and a reader that comes back misses nothing: there is no buffer per reader.
 */
import { randomUUID } from 'node:crypto';
import { type InterfaceId, LANE_STATES, type LaneStateName, type LaneStatus } from '@inorder/core';
import type { DirectoryEntry, LaneNumbers } from '@inorder/db/console';
import type { BoardChange, BoardSnapshot, FeedState, RowChange } from '../../features/lag/board-data.ts';
import { HEALTHS, type Health } from '../../features/lag/health.ts';
import { HEALTH_RULES, type HealthRules, judge, SAMPLES_MAX } from './health.ts';
import { InputProfile } from './input-profile.ts';

/** Lanes told of before their names are read; above it the next word of a lane is waited for. */
const UNNAMED_MAX = 50_000;
/** Samples over which the trend is taken: one minute. */
const TREND_SAMPLES = 6;

interface Lane {
  readonly row: number;
  entry: DirectoryEntry;
  state: LaneStateName;
  checkpoint: number;
  highWater: number;
  waitingFor: LaneStatus['waitingFor'];
  oldestAt: number | null;
  readyAhead: number;
  gaps: number;
  inPerMinute: number;
  outPerMinute: number;
  /** 0 while no engine has told of it. */
  epoch: number;
  movedAt: number | null;
  waitingSinceAt: number | null;
  readonly lagSamples: number[];
  readonly checkpointSamples: number[];
  readonly input: InputProfile;
  health: Health;
  why: string | null;
  trend: number;
  dead: number;
  seq: number;
}

export class LaneFeed {
  readonly boot = randomUUID();
  #seq = 0;
  #directory = 0;
  #feed: FeedState = { source: 'postgres', stale: true, engines: 0 };
  readonly #lanes: Lane[] = [];
  readonly #byId = new Map<InterfaceId, Lane>();
  readonly #byCode = new Map<string, Lane>();
  readonly #dirty = new Set<Lane>();
  /** The last word on interfaces that the directory did not hold when it was said, and when that was. */
  readonly #unnamed = new Map<InterfaceId, { readonly status: LaneStatus; readonly at: number }>();
  #feedChanged = false;
  readonly #waiting = new Set<() => void>();
  #snapshot: { readonly seq: number; readonly directory: number; readonly text: string } | undefined;
  readonly #rules: HealthRules;

  constructor(rules: HealthRules = HEALTH_RULES) {
    this.#rules = rules;
  }

  get seq(): number {
    return this.#seq;
  }

  /** An owner has told of an interface that is not in the directory: it is to be read again. */
  get hasUnnamed(): boolean {
    return this.#unnamed.size > 0;
  }

  /** Lanes that are gone keep their row until the process ends, disabled; rows never move. */
  applyDirectory(entries: readonly DirectoryEntry[]): void {
    const seen = new Set<InterfaceId>();
    for (const entry of entries) {
      seen.add(entry.interfaceId);
      const lane = this.#byId.get(entry.interfaceId);
      if (lane === undefined) this.#add(entry);
      else this.#rename(lane, entry);
    }
    for (const lane of this.#lanes) {
      if (seen.has(lane.entry.interfaceId) || !lane.entry.enabled) continue;
      this.#rename(lane, { ...lane.entry, enabled: false });
    }
    const told = [...this.#unnamed.values()];
    this.#unnamed.clear();
    for (const { status, at } of told) if (seen.has(status.interfaceId)) this.applyStatuses([status], at);
  }

  #add(entry: DirectoryEntry): void {
    // An interface that was made anew under its code takes over the row.
    const before = this.#byCode.get(entry.code);
    if (before !== undefined) this.#byId.delete(before.entry.interfaceId);
    const lane: Lane = {
      row: before?.row ?? this.#lanes.length,
      entry,
      state: entry.enabled ? 'IDLE' : 'DISABLED',
      checkpoint: 0,
      highWater: 0,
      waitingFor: null,
      oldestAt: null,
      readyAhead: 0,
      gaps: 0,
      inPerMinute: 0,
      outPerMinute: 0,
      epoch: 0,
      movedAt: null,
      waitingSinceAt: null,
      lagSamples: [],
      checkpointSamples: [],
      input: new InputProfile(),
      health: 'OK',
      why: null,
      trend: 0,
      dead: 0,
      seq: 0,
    };
    this.#lanes[lane.row] = lane;
    this.#byId.set(entry.interfaceId, lane);
    this.#byCode.set(entry.code, lane);
    this.#directory += 1;
    this.#dirty.add(lane);
  }

  #rename(lane: Lane, entry: DirectoryEntry): void {
    const before = lane.entry;
    if (
      before.name === entry.name &&
      before.site === entry.site &&
      before.enabled === entry.enabled &&
      before.destinations.join() === entry.destinations.join()
    ) {
      return;
    }
    lane.entry = entry;
    if (!entry.enabled) lane.state = 'DISABLED';
    this.#directory += 1;
    this.#dirty.add(lane);
  }

  /** What the owners say. A status of an older epoch is a former owner's and is dropped (G10). */
  applyStatuses(statuses: readonly LaneStatus[], nowAt: number): void {
    for (const status of statuses) {
      const lane = this.#byId.get(status.interfaceId);
      if (lane === undefined) {
        if (this.#unnamed.size < UNNAMED_MAX) this.#unnamed.set(status.interfaceId, { status, at: nowAt });
        continue;
      }
      if (status.epoch < lane.epoch) continue;
      lane.epoch = status.epoch;
      lane.state = status.state;
      lane.waitingFor = status.waitingFor;
      lane.oldestAt = status.oldestAt;
      lane.readyAhead = status.readyAhead;
      lane.gaps = status.gaps;
      lane.inPerMinute = status.inPerMinute;
      lane.outPerMinute = status.outPerMinute;
      this.#move(lane, status.checkpoint, status.highWater, nowAt);
      this.#dirty.add(lane);
    }
  }

  /** What Postgres says, for lanes of which no owner tells. @param all also for the others: the wire to them is cut. */
  applyNumbers(numbers: readonly LaneNumbers[], nowAt: number, all: boolean): void {
    for (const told of numbers) {
      const lane = this.#byId.get(told.interfaceId);
      if (lane === undefined) continue;
      lane.movedAt ??= told.movedAt;
      if (lane.epoch > 0 && !all) continue;
      const before = `${lane.state} ${lane.checkpoint} ${lane.highWater}`;
      lane.oldestAt = told.oldestAt;
      lane.state = stateFromNumbers(lane.entry.enabled, told);
      lane.waitingFor =
        told.pausedAt === null ? null : { kind: 'PAUSE', by: told.pausedBy ?? 'someone', sinceAt: told.pausedAt };
      this.#move(lane, told.checkpoint, told.highWater, nowAt);
      if (before !== `${lane.state} ${lane.checkpoint} ${lane.highWater}`) this.#dirty.add(lane);
    }
  }

  #move(lane: Lane, checkpoint: number, highWater: number, nowAt: number): void {
    const known = lane.highWater > 0;
    if (checkpoint > lane.checkpoint && known) lane.movedAt = nowAt;
    if (highWater > lane.highWater && known) lane.input.sawInput(nowAt);
    lane.checkpoint = Math.max(lane.checkpoint, checkpoint);
    lane.highWater = Math.max(lane.highWater, highWater);
    if (lane.highWater === lane.checkpoint) lane.waitingSinceAt = null;
    // A head that is not settled has waited since it was received, however lately this process began to look.
    else lane.waitingSinceAt = Math.min(lane.waitingSinceAt ?? nowAt, lane.oldestAt ?? nowAt);
  }

  applyDeadLetters(open: ReadonlyMap<InterfaceId, number>): void {
    for (const lane of this.#lanes) {
      const dead = open.get(lane.entry.interfaceId) ?? 0;
      if (dead === lane.dead) continue;
      lane.dead = dead;
      this.#dirty.add(lane);
    }
  }

  applyFeedState(feed: FeedState): void {
    const before = this.#feed;
    if (before.source === feed.source && before.stale === feed.stale && before.engines === feed.engines) return;
    this.#feed = feed;
    this.#feedChanged = true;
  }

  /** Every SAMPLE_MS. */
  sample(nowAt: number): void {
    for (const lane of this.#lanes) {
      const lag = lane.highWater - lane.checkpoint;
      lane.lagSamples.push(lag);
      lane.checkpointSamples.push(lane.checkpoint);
      if (lane.lagSamples.length > SAMPLES_MAX) {
        lane.lagSamples.shift();
        lane.checkpointSamples.shift();
      }
      lane.input.sample(lane.highWater, nowAt);
      const then = lane.lagSamples.at(-1 - TREND_SAMPLES) ?? lane.lagSamples[0] ?? lag;
      if (lane.trend === lag - then) continue;
      lane.trend = lag - then;
      this.#dirty.add(lane);
    }
  }

  /** Every few seconds: time alone changes health. */
  judgeAll(nowAt: number): void {
    for (const lane of this.#lanes) if (this.#judge(lane, nowAt)) this.#dirty.add(lane);
  }

  #judge(lane: Lane, nowAt: number): boolean {
    const waiting = lane.waitingSinceAt;
    const { health, why } = judge(
      {
        state: lane.state,
        lag: lane.highWater - lane.checkpoint,
        waitingFor: lane.waitingFor,
        readyAhead: lane.readyAhead,
        oldestAt: lane.oldestAt,
        stuckSinceAt: waiting === null ? null : Math.max(waiting, lane.movedAt ?? 0),
        lagSamples: lane.lagSamples,
        checkpointSamples: lane.checkpointSamples,
        usualPerMinute: lane.input.usualPerMinute,
        lastInAt: lane.input.lastInAt,
      },
      nowAt,
      this.#rules,
    );
    const changed = health !== lane.health || why !== lane.why;
    lane.health = health;
    lane.why = why;
    return changed;
  }

  /** Numbers what has changed and wakes the readers; at most twice a second. */
  flush(nowAt: number): void {
    if (this.#dirty.size === 0 && !this.#feedChanged) return;
    this.#seq += 1;
    for (const lane of this.#dirty) {
      this.#judge(lane, nowAt);
      lane.seq = this.#seq;
    }
    this.#dirty.clear();
    this.#feedChanged = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves at the first flush after `seq`, after `timeoutMs`, or when `signal` ends; whichever comes first. */
  async after(seq: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#seq > seq || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Rows with news above `seq`. @param code only that interface's. */
  changesSince(seq: number, nowAt: number, code?: string): BoardChange {
    const one = code === undefined ? undefined : this.#byCode.get(code);
    const lanes = code === undefined ? this.#lanes : one === undefined ? [] : [one];
    const rows = lanes.filter((lane) => lane.seq > seq).map(rowChange);
    return { boot: this.boot, seq: this.#seq, directory: this.#directory, at: nowAt, feed: this.#feed, rows };
  }

  /** All of it, as JSON text; the same text until something changes. */
  snapshotText(nowAt: number): string {
    if (this.#snapshot?.seq !== this.#seq || this.#snapshot.directory !== this.#directory) {
      const text = JSON.stringify(this.snapshot(nowAt));
      this.#snapshot = { seq: this.#seq, directory: this.#directory, text };
    }
    return this.#snapshot.text;
  }

  /** @param code only that interface's row, which then is row 0. */
  snapshot(nowAt: number, code?: string): BoardSnapshot {
    const one = code === undefined ? undefined : this.#byCode.get(code);
    const lanes = code === undefined ? this.#lanes : one === undefined ? [] : [one];
    return {
      boot: this.boot,
      seq: this.#seq,
      directory: this.#directory,
      at: nowAt,
      feed: this.#feed,
      names: {
        code: lanes.map((lane) => lane.entry.code),
        name: lanes.map((lane) => lane.entry.name),
        site: lanes.map((lane) => lane.entry.site),
        to: lanes.map((lane) => lane.entry.destinations.join(', ')),
      },
      columns: {
        seq: lanes.map((lane) => lane.seq),
        state: lanes.map((lane) => LANE_STATES.indexOf(lane.state)),
        checkpoint: lanes.map((lane) => lane.checkpoint),
        highWater: lanes.map((lane) => lane.highWater),
        waitingFor: lanes.map((lane) => lane.waitingFor),
        oldestAt: lanes.map((lane) => lane.oldestAt),
        gaps: lanes.map((lane) => lane.gaps),
        inPerMinute: lanes.map((lane) => lane.inPerMinute),
        outPerMinute: lanes.map((lane) => lane.outPerMinute),
        health: lanes.map((lane) => HEALTHS.indexOf(lane.health)),
        why: lanes.map((lane) => lane.why),
        trend: lanes.map((lane) => lane.trend),
        dead: lanes.map((lane) => lane.dead),
      },
    };
  }
}

function rowChange(lane: Lane): RowChange {
  return [
    lane.row,
    lane.seq,
    LANE_STATES.indexOf(lane.state),
    lane.checkpoint,
    lane.highWater,
    lane.waitingFor,
    lane.oldestAt,
    lane.gaps,
    lane.inPerMinute,
    lane.outPerMinute,
    HEALTHS.indexOf(lane.health),
    lane.why,
    lane.trend,
    lane.dead,
  ];
}

function stateFromNumbers(enabled: boolean, numbers: LaneNumbers): LaneStateName {
  if (!enabled) return 'DISABLED';
  if (numbers.pausedAt !== null) return 'PAUSED';
  if (numbers.heldFor !== null) return 'HOLDING';
  return numbers.highWater > numbers.checkpoint ? 'WAITING' : 'IDLE';
}
