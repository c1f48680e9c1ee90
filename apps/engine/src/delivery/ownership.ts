/**
 * Which shards this instance owns (G10). No clocks are compared: a successor takes a shard after seeing the same owner,
 * epoch and renewal count for `leaseMs` on its own monotonic clock; at once if it was given back, or if its owner is this
 * very instance before a restart (the caller holds the instance lock).
 *
 *   free or stale ──acquire, commit──▶ held ──renew each leaseRenewMs──▶ held
 *                                        ├── not renewed before the lease ends ──▶ lost: sockets reset, lanes dead
 *                                        └── wanted elsewhere or stopping ──drain──▶ given back
 */
import {
  type Clock,
  epoch as epochOf,
  type InstanceId,
  SHARD_COUNT,
  type Shard,
  shard as shardOf,
} from '@inorder/core';
import type { Logger } from 'pino';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { acquire, giveBack, type Lease, type Observation, renew } from '../adapters/postgres/lease-queries.ts';
import type { Presence } from '../presence/presence.ts';
import type { DeliverySettings } from './settings.ts';
import { ShardHold } from './shard-hold.ts';

export interface OwnershipOptions {
  readonly queries: Queries;
  readonly presence: Presence;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  /** Reads and opens the lanes of shards just acquired. @throws where Postgres is away; it is tried again. */
  readonly open: (holds: readonly { readonly hold: ShardHold; readonly clean: boolean }[]) => Promise<void>;
  /** Ends the lanes of a shard; nothing of them may be sent any more. */
  readonly close: (hold: ShardHold) => void;
  /** Resolves when nothing of this shard is under way. */
  readonly drain: (holds: readonly ShardHold[]) => Promise<void>;
}

/** Wall and monotonic clock further apart than this since the last renewal: the machine slept; trust nothing. */
const CLOCK_DRIFT_MS_MAX = 500;

/** How often a lease is held against the monotonic clock. */
const LEASE_WATCH_MS = 250;

interface Seen {
  readonly lease: Lease;
  readonly sinceMs: number;
}

export class Ownership {
  /** Leases that ended without being given back, since the start. */
  lost = 0;
  private readonly options: OwnershipOptions;
  private readonly held = new Map<Shard, ShardHold>();
  private readonly seenLeases = new Map<Shard, Seen>();
  private unwatch = (): void => undefined;
  private balanceAgain = false;
  private stopped = false;
  private readonly timers = new Map<string, () => void>();
  private readonly work = new Map<string, Promise<void>>();
  private lastRenewal: { readonly wallMs: number; readonly monotonicMs: number } | null = null;

  constructor(options: OwnershipOptions) {
    this.options = options;
  }

  get shards(): readonly Shard[] {
    return [...this.held.keys()];
  }

  hold(of: Shard): ShardHold | undefined {
    return this.held.get(of);
  }

  /** Takes what it may and opens its lanes; then goes on by itself, each time instances have looked around. */
  async start(): Promise<void> {
    this.lastRenewal = this.bothClocks();
    // Renewals begin first: to open many lanes may take a good part of a lease.
    this.every('renew', this.options.settings.leaseRenewMs, () => this.renewAll());
    this.watchLeases();
    const { presence } = this.options;
    this.look(presence.observation);
    await this.balance(true);
    this.unwatch = presence.onObserved((observation) => {
      this.look(observation);
      this.balanceSoon();
    });
  }

  /** Resolves when the balance and the renewal under way are done. */
  async settled(): Promise<void> {
    await Promise.all(this.work.values());
  }

  /** A settlement showed that the shard is somebody else's. */
  lose(hold: ShardHold): void {
    if (this.held.get(hold.shard) !== hold) return;
    this.held.delete(hold.shard);
    hold.lose();
    this.options.close(hold);
    this.lost += 1;
    this.options.logger.warn({ shard: hold.shard, epoch: hold.epoch }, 'shard lost');
  }

  /** Drains and gives everything back. Leases are watched to the end: Postgres may be away for longer than they last. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.unwatch();
    this.timers.get('renew')?.();
    this.timers.get('silence')?.();
    try {
      await this.settled();
      await this.release([...this.held.values()]);
    } catch (error) {
      this.options.logger.warn({ code: errorCodeOf(error) }, 'shards not given back: others take them after the lease');
    } finally {
      this.timers.get('watch')?.();
    }
  }

  /** Each by itself: a balance may take long (a drain, lanes to open), and leases must be renewed meanwhile. */
  private every(name: string, ms: number, run: () => Promise<void>): void {
    const next = (): void => {
      if (this.stopped) return;
      const later = (): void => {
        const done = run()
          .catch((error: unknown) => this.options.logger.warn({ code: errorCodeOf(error) }, 'leases wait for postgres'))
          .finally(next);
        this.work.set(name, done);
      };
      this.timers.set(name, this.options.clock.schedule(ms, later));
    };
    next();
  }

  /** One at a time; what is seen meanwhile is balanced next. */
  private balanceSoon(): void {
    if (this.stopped) return;
    this.balanceAgain = true;
    if (this.work.has('balance')) return;
    const done = this.balanceWhileNeeded()
      .catch((error: unknown) => this.options.logger.warn({ code: errorCodeOf(error) }, 'leases wait for postgres'))
      .finally(() => this.work.delete('balance'));
    this.work.set('balance', done);
  }

  private async balanceWhileNeeded(): Promise<void> {
    while (this.balanceAgain && !this.stopped) {
      this.balanceAgain = false;
      await this.balance(false);
    }
  }

  private async balance(startup: boolean): Promise<void> {
    const wanted = this.wantedShards();
    const surplus = [...this.held.values()].filter((h) => !wanted.has(h.shard));
    if (surplus.length > 0) await this.release(surplus);
    const free = [...wanted].filter((s) => !this.held.has(s) && this.mayTake(s, startup));
    if (free.length > 0 && !this.stopped) await this.take(free);
  }

  private look(observation: Observation): void {
    const nowMs = this.options.presence.watchedMs;
    for (const lease of observation.leases) {
      const seen = this.seenLeases.get(lease.shard);
      const same =
        seen !== undefined &&
        seen.lease.owner === lease.owner &&
        seen.lease.epoch === lease.epoch &&
        seen.lease.renewals === lease.renewals;
      if (!same) this.seenLeases.set(lease.shard, { lease, sinceMs: nowMs });
      // Epochs only grow: a later one is somebody else's, or Postgres is another (G21). No need to wait for the renewal.
      const hold = this.held.get(lease.shard);
      if (hold !== undefined && lease.epoch > hold.epoch) this.lose(hold);
    }
    this.watchSilence(nowMs);
  }

  /** To the millisecond: a lane of a dead owner waits for its lease, not for our next look around. */
  private watchSilence(nowMs: number): void {
    const { clock, settings, presence, instance } = this.options;
    let staleMs = presence.nextSilenceMs;
    for (const { lease, sinceMs } of this.seenLeases.values()) {
      const ends = sinceMs + settings.leaseMs;
      if (lease.owner !== null && lease.owner !== instance && ends > nowMs) staleMs = Math.min(staleMs, ends);
    }
    this.timers.get('silence')?.();
    if (this.stopped || staleMs === Number.POSITIVE_INFINITY) return;
    const look = (): void => {
      // While nothing is seen that clock stands still, and there is nothing to do before the next look around.
      if (presence.watchedMs === nowMs) return;
      this.balanceSoon();
      this.watchSilence(presence.watchedMs);
    };
    this.timers.set('silence', clock.schedule(staleMs - nowMs + 1, look));
  }

  /** Every shard goes to the living instance that weighs most for it: each gets its share, and few move when one comes or goes. */
  private wantedShards(): Set<Shard> {
    const me = this.options.instance;
    const alive = this.options.presence.alive('deliver');
    const wanted = new Set<Shard>();
    for (let s = 0; s < SHARD_COUNT; s++) {
      let best: string = me;
      let weight = -1;
      for (const name of alive) {
        const w = weigh(name, s);
        if (w > weight || (w === weight && name < best)) [best, weight] = [name, w];
      }
      if (best === me) wanted.add(shardOf(s));
    }
    return wanted;
  }

  private mayTake(s: Shard, startup: boolean): boolean {
    const seen = this.seenLeases.get(s);
    if (seen === undefined) return false;
    if (seen.lease.owner === null) return true;
    // Ours from before a restart: the instance lock says that process is dead. Ours and not held: it was lost here.
    if (seen.lease.owner === this.options.instance) return startup || !this.held.has(s);
    return this.options.presence.watchedMs - seen.sinceMs >= this.options.settings.leaseMs;
  }

  private async take(wanted: readonly Shard[]): Promise<void> {
    const { queries, instance, settings, clock } = this.options;
    const observed = wanted.flatMap((s) => this.seenLeases.get(s)?.lease ?? []);
    const askedMs = clock.monotonicMs();
    const got = await acquire(queries, instance, settings.leaseMs, observed);
    const clean = new Map(observed.map((l) => [l.shard, l.owner === null]));
    const holds = got.map((g) => ({
      hold: new ShardHold(g.shard, epochOf(g.epoch), askedMs + settings.leaseMs),
      clean: clean.get(g.shard) === true,
    }));
    for (const { hold } of holds) this.held.set(hold.shard, hold);
    this.options.logger.info({ shards: got.length, held: this.held.size }, 'shards acquired');
    try {
      await this.options.open(holds);
    } catch (error) {
      // Without its lanes a shard is no use; give up the tenure, the next round takes it again with a new epoch.
      for (const { hold } of holds) this.lose(hold);
      throw error;
    }
  }

  private async release(holds: readonly ShardHold[]): Promise<void> {
    if (holds.length === 0) return;
    await this.options.drain(holds);
    const clean = holds.filter((h) => !h.lost);
    for (const hold of holds) {
      this.held.delete(hold.shard);
      this.options.close(hold);
      // Before it is given back: whatever still reads a lane of it opens nothing under it.
      hold.lose();
    }
    await giveBack(this.options.queries, this.options.instance, clean);
    this.options.logger.info({ shards: holds.length, held: this.held.size }, 'shards given back');
  }

  private async renewAll(): Promise<void> {
    const { queries, instance, settings } = this.options;
    const holds = [...this.held.values()];
    if (holds.length === 0) {
      this.lastRenewal = this.bothClocks();
      return;
    }
    const asked = this.bothClocks();
    if (this.slept(asked)) return;
    const ours = await renew(queries, instance, settings.leaseMs, holds);
    this.lastRenewal = asked;
    for (const hold of holds) {
      if (ours.has(hold.shard)) hold.extendTo(asked.monotonicMs + settings.leaseMs);
      else this.lose(hold);
    }
  }

  private bothClocks(): { readonly wallMs: number; readonly monotonicMs: number } {
    const { clock } = this.options;
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }

  /** The clocks have parted since the last renewal: what our lease is worth we cannot know, so every shard is lost. */
  private slept(now: { readonly wallMs: number; readonly monotonicMs: number }): boolean {
    const last = this.lastRenewal;
    const apartMs = last === null ? 0 : now.wallMs - last.wallMs - (now.monotonicMs - last.monotonicMs);
    if (Math.abs(apartMs) <= CLOCK_DRIFT_MS_MAX) return false;
    this.options.logger.warn(
      { apartMs: Math.round(apartMs), shards: this.held.size },
      'wall and monotonic clock parted',
    );
    for (const hold of this.held.values()) this.lose(hold);
    this.lastRenewal = now;
    return true;
  }

  /** Beside renewals, which may hang with Postgres: what runs out is closed by this clock alone. */
  private watchLeases(): void {
    const { clock, settings } = this.options;
    const check = (): void => {
      this.slept(this.bothClocks());
      for (const hold of this.held.values())
        if (hold.mustClose(clock.monotonicMs(), settings.leaseCloseMarginMs)) this.lose(hold);
      this.timers.set('watch', clock.schedule(LEASE_WATCH_MS, check));
    };
    check();
  }
}

/** FNV-1a over a salt of its own: the shard's weight for an instance. */
function weigh(instance: string, s: number): number {
  let hash = 0x811c9dc5;
  const text = `inorder-owner:${instance}:${s}`;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}
