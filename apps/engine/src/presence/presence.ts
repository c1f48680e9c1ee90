/**
 * How instances see each other: each says that it lives every `instanceHeartbeatMs`, whatever its roles, and twice as often
 * reads who else does and who owns which shard. An instance counts as dead when its heartbeats have stood still
 * for `leaseMs` on our own monotonic clock; no clocks are compared. Only time in which we looked counts: after an outage of
 * Postgres nobody has been silent for longer than before, and everybody takes back what was its own (G12).
 *
 * **Invariant:** whatever else an instance is busy with, its heart beats: nothing is awaited between two beats.
 */
import type { Clock, Shard } from '@inorder/core';
import type { Logger } from 'pino';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { beat, type InstanceCard, type Observation, observe, sayStopped } from '../adapters/postgres/lease-queries.ts';

export interface PresenceOptions {
  readonly queries: Queries;
  readonly card: InstanceCard;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  readonly instanceHeartbeatMs: number;
  /** Silence after which an instance counts as dead. */
  readonly leaseMs: number;
  /** Before each look: what is to be seen must be seen in the Postgres we know, or lanes hold first (G21). */
  readonly checkIdentity: (queries: Queries) => Promise<void>;
}

export class Presence {
  private readonly options: PresenceOptions;
  private readonly seen = new Map<string, { readonly heartbeats: number; readonly sinceMs: number }>();
  private readonly listeners = new Set<(observation: Observation) => void>();
  private cancel = (): void => undefined;
  private beating: Promise<void> | null = null;
  private looks = 0;
  /** Time in which we looked, up to the last look, and when that was. */
  private watchedThen = 0;
  private lookedMs: number | null = null;
  private stopped = false;
  private last: Observation = { instances: [], leases: [] };

  constructor(options: PresenceOptions) {
    this.options = options;
  }

  get instance(): string {
    return this.options.card.instance;
  }

  /** A clock that stands still while we see nothing; for how long others have been silent. Milliseconds, monotonic. */
  get watchedMs(): number {
    if (this.lookedMs === null) return 0;
    return (
      this.watchedThen + Math.min(this.options.clock.monotonicMs() - this.lookedMs, this.options.instanceHeartbeatMs)
    );
  }

  /** What was seen last: everybody who has not said goodbye, and all shards. */
  get observation(): Observation {
    return this.last;
  }

  /** Says that this process has just begun, and looks around for the first time. @throws where Postgres is away. */
  async start(): Promise<void> {
    await this.look(true);
    this.schedule();
  }

  /** Called after each look around; what it starts is not waited for. */
  onObserved(listener: (observation: Observation) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** When, by `watchedMs`, the next of the living will count as dead unless it is heard of before. */
  get nextSilenceMs(): number {
    const nowMs = this.watchedMs;
    let next = Number.POSITIVE_INFINITY;
    for (const { instance } of this.last.instances) {
      const deadMs = (this.seen.get(instance)?.sinceMs ?? 0) + this.options.leaseMs;
      if (instance !== this.options.card.instance && deadMs > nowMs) next = Math.min(next, deadMs);
    }
    return next;
  }

  /** Names of the living instances that have this role; this one among them, if it has it. */
  alive(role: string): readonly string[] {
    const { card } = this.options;
    const withRole = new Set(this.last.instances.filter((i) => i.roles.includes(role)).map((i) => i.instance));
    return this.living().filter((name) => (name === card.instance ? card.roles.includes(role) : withRole.has(name)));
  }

  /** Names of the living instances, this one among them. */
  living(): readonly string[] {
    const nowMs = this.watchedMs;
    const { card, leaseMs } = this.options;
    const others = this.last.instances
      .map((i) => i.instance)
      .filter((name) => name !== card.instance && nowMs - (this.seen.get(name)?.sinceMs ?? 0) < leaseMs);
    return [...others, card.instance];
  }

  /** Which instance owns a shard, as last seen. */
  ownerOf(of: Shard): string | null {
    return this.last.leases[of]?.owner ?? null;
  }

  /** Resolves when the beat under way is done. */
  async settled(): Promise<void> {
    await this.beating;
  }

  /** The last thing an instance does: whoever sees it need not wait for its silence. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.beating;
    await sayStopped(this.options.queries, this.options.card.instance);
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancel = this.options.clock.schedule(this.options.instanceHeartbeatMs / 2, () => {
      this.beating = this.look(false)
        .catch((error: unknown) =>
          this.options.logger.warn({ code: errorCodeOf(error) }, 'the heartbeat waits for postgres'),
        )
        .finally(() => {
          this.beating = null;
          this.schedule();
        });
    });
  }

  private async look(first: boolean): Promise<void> {
    const { queries, card, clock, checkIdentity } = this.options;
    await checkIdentity(queries);
    if (this.looks % 2 === 0) await beat(queries, card, first);
    this.looks += 1;
    this.last = await observe(queries);
    this.watchedThen = this.watchedMs;
    this.lookedMs = clock.monotonicMs();
    const nowMs = this.watchedThen;
    for (const { instance, heartbeats, silentMs } of this.last.instances) {
      const seen = this.seen.get(instance);
      // One that was dead before we came gets no share: it only decides who is wanted where, never who may take.
      if (seen?.heartbeats !== heartbeats)
        this.seen.set(instance, { heartbeats, sinceMs: seen === undefined ? nowMs - silentMs : nowMs });
    }
    const names = new Set(this.last.instances.map((i) => i.instance));
    for (const name of this.seen.keys()) if (!names.has(name)) this.seen.delete(name);
    for (const listener of this.listeners) listener(this.last);
  }
}
