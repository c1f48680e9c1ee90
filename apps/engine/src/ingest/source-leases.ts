/**
 * Which sources this instance reads. As with shards, a successor takes a source after seeing the same owner, epoch and
 * renewal count for `leaseMs` on its own monotonic clock; at once if it was given back. Only time in which we looked
 * counts: after an outage of Postgres nobody has been silent for longer than before it, and who reads goes on (G12).
 */
import type { Clock, Epoch, InstanceId, SourceId } from '@inorder/core';
import type { Logger } from 'pino';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import {
  acquireSources,
  giveBackSources,
  observeSources,
  renewSources,
  type SourceLease,
} from '../adapters/postgres/source-lease-queries.ts';

export interface SourceLeasesOptions {
  readonly queries: Queries;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly renewMs: number;
  /** Sources this instance could read. */
  readonly wanted: () => ReadonlySet<SourceId>;
  /** The set of sources held has changed. */
  readonly onChange: () => void;
}

export class SourceLeases {
  private readonly options: SourceLeasesOptions;
  private readonly held = new Map<SourceId, Epoch>();
  private readonly seen = new Map<SourceId, { readonly lease: SourceLease; readonly sinceMs: number }>();
  private cancel = (): void => undefined;
  private running: Promise<void> = Promise.resolve();
  private first = true;
  /** Time in which we looked, and when we did last; monotonic. */
  private watchedMs = 0;
  private lookedMs: number | null = null;
  private stopped = false;

  constructor(options: SourceLeasesOptions) {
    this.options = options;
  }

  /**
   * As last seen in Postgres, even where it could not be renewed for longer than the lease: nobody is known to have it
   * instead, and what is stored under an epoch that is over Postgres refuses.
   */
  epochOf(id: SourceId): Epoch | undefined {
    return this.held.get(id);
  }

  async start(): Promise<void> {
    await this.round();
    this.schedule();
  }

  /** Looks again now: the configuration has changed. */
  look(): Promise<void> {
    this.running = this.running.then(() => this.round()).catch((error: unknown) => this.warn(error));
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
  }

  /** After the links are closed. */
  async giveBack(): Promise<void> {
    const ids = [...this.held.keys()];
    this.held.clear();
    await giveBackSources(this.options.queries, this.options.instance, ids);
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancel = this.options.clock.schedule(this.options.renewMs, () => {
      void this.look().finally(() => this.schedule());
    });
  }

  private warn(error: unknown): void {
    this.options.logger.warn({ code: errorCodeOf(error) }, 'source leases wait for postgres');
  }

  private async round(): Promise<void> {
    if (this.stopped) return;
    const { queries, instance, clock, leaseMs } = this.options;
    const before = this.holding();
    const startup = this.first;
    const wanted = this.options.wanted();
    const mine = new Map(this.held);
    const kept = mine.size === 0 ? new Set<SourceId>() : await renewSources(queries, instance, leaseMs, mine);
    for (const id of mine.keys()) if (!kept.has(id)) this.held.delete(id);
    const leases = await observeSources(queries);
    this.first = false;
    this.looked(clock.monotonicMs());
    const free = leases.filter(
      (lease) => wanted.has(lease.sourceId) && !this.held.has(lease.sourceId) && this.mayTake(lease, startup),
    );
    const taken =
      free.length === 0 ? new Map<SourceId, Epoch>() : await acquireSources(queries, instance, leaseMs, free);
    for (const [id, epoch] of taken) this.held.set(id, epoch);
    const surplus = [...this.held.keys()].filter((id) => !wanted.has(id));
    for (const id of surplus) this.held.delete(id);
    await giveBackSources(queries, instance, surplus);
    if (this.holding() !== before) this.options.onChange();
  }

  private holding(): string {
    return Array.from(this.held, ([id, epoch]) => `${id} ${epoch}`).join();
  }

  private looked(nowMs: number): void {
    if (this.lookedMs !== null) this.watchedMs += Math.min(nowMs - this.lookedMs, this.options.renewMs);
    this.lookedMs = nowMs;
  }

  private mayTake(lease: SourceLease, startup: boolean): boolean {
    const seen = this.seen.get(lease.sourceId);
    const same =
      seen !== undefined &&
      seen.lease.owner === lease.owner &&
      seen.lease.epoch === lease.epoch &&
      seen.lease.renewals === lease.renewals;
    if (!same) this.seen.set(lease.sourceId, { lease, sinceMs: this.watchedMs });
    if (lease.owner === null) return true;
    if (lease.owner === this.options.instance) return startup || !this.held.has(lease.sourceId);
    return same && this.watchedMs - seen.sinceMs >= this.options.leaseMs;
  }
}
