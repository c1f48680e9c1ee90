/**
 * The lanes of this instance as Redis shows them: LANES_HASH for the console, `delivery:{interface_id}` with the cached
 * window, and LANES_CHANNEL for what changed. Nothing decides by any of it (G11), and all of it becomes true again by
 * itself:
 *
 * - A **sentinel** key per instance holds this process's token once everything it owns has been written. Where the token
 *   is missing at a heartbeat (first start, FLUSHALL, another Redis), or a write was lost meanwhile, everything is written
 *   again, idle lanes too, LANES_PER_WRITE at a time.
 * - The **owner writes last**: a write carries the epoch of the lane's lease, and one of an older epoch than Redis has
 *   seen changes nothing. The comparison sits in the script that writes, so two owners cannot get between each other.
 *   The epoch is a field of `delivery:{interface_id}`, which expires; a Redis that remembers the epochs of a database
 *   which is no more gives in after that.
 * - What **nobody owns** any more (a deleted interface) expires: `delivery:{interface_id}` by itself, KEPT_MS after its
 *   owner wrote it last, and its field in LANES_HASH when an instance finds that key gone. Owners write everything each
 *   REFRESH_MS, so what lives does not expire.
 */
import { randomUUID } from 'node:crypto';
import type { Clock, InterfaceId, LaneStatus } from '@inorder/core';
import { deliveryKey, LANES_CHANNEL, LANES_HASH } from '@inorder/shared';
import type { Redis } from 'ioredis';

export interface CachedWindow {
  readonly interfaceId: InterfaceId;
  readonly nextExpected: number;
  /** Numbers above the checkpoint that failed and are not passed. */
  readonly failed: readonly number[];
  readonly windowUpper: number;
}

/** What this instance owns now. */
export interface LaneSource {
  snapshot(): readonly LaneStatus[];
  window(id: InterfaceId): CachedWindow | undefined;
}

export interface LaneFeedOptions {
  readonly redis: Redis;
  readonly instance: string;
  readonly clock: Clock;
  /** A write did not get through; called often. */
  readonly onFailure: (error: unknown) => void;
  /** Default HEARTBEAT_MS. */
  readonly heartbeatMs?: number;
  /** Default KEPT_MS; everything is written again three times as often. */
  readonly keptMs?: number;
}

const HEARTBEAT_MS = 2000;
const KEPT_MS = 3_600_000;
/** One script keeps Redis busy for about a millisecond. */
const LANES_PER_WRITE = 100;
/** Writes without an answer yet; what changes beyond is left to the next time everything is written. */
const UNANSWERED_MAX = 32;
/** Fields of LANES_HASH looked at in one step of the search for those that nobody owns. */
const FIELDS_PER_STEP = 200;

/**
 * KEYS: LANES_HASH, one delivery key per lane. ARGV: milliseconds to keep, then per lane: interface id, epoch, status,
 * next expected, failed, upper end, when; next expected is empty where there is no window. Gives back which lanes (from
 * 1) were written.
 */
const WRITE_LANES = `
local written = {}
for i = 2, #KEYS do
  local at = 2 + (i - 2) * 7
  local known = redis.call('HGET', KEYS[i], 'epoch')
  if not known or tonumber(known) <= tonumber(ARGV[at + 1]) then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
    redis.call('HSET', KEYS[i], 'epoch', ARGV[at + 1])
    if ARGV[at + 3] ~= '' then
      redis.call('HSET', KEYS[i], 'next_expected', ARGV[at + 3], 'failed_seqs', ARGV[at + 4],
        'window_upper', ARGV[at + 5], 'updated_at', ARGV[at + 6])
    end
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
    written[#written + 1] = i - 1
  end
end
return written`;

/** KEYS: LANES_HASH. ARGV: cursor, count, the delivery key of no interface. Removes fields without a delivery key. */
const DROP_UNOWNED = `
local step = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
for i = 1, #step[2], 2 do
  if redis.call('EXISTS', ARGV[3] .. step[2][i]) == 0 then redis.call('HDEL', KEYS[1], step[2][i]) end
end
return step[1]`;

/** KEYS: the sentinel. ARGV: what it must hold, what it holds then, milliseconds to keep. */
const CONFIRM = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

export class LaneFeed {
  /** Lanes whose change was not written. */
  lost = 0;
  private readonly options: LaneFeedOptions;
  private readonly keptMs: number;
  private readonly sentinel: string;
  private readonly token: string = randomUUID();
  /** Everything we own is in Redis, as far as we know. */
  private whole = false;
  private wroteAllAtMs = 0;
  /** While everything is written: what changed meanwhile and must not be put back. */
  private changedMeanwhile: Set<InterfaceId> | null = null;
  private unanswered = 0;
  private closed = false;
  private cancel = (): void => undefined;

  constructor(options: LaneFeedOptions) {
    this.options = options;
    this.keptMs = options.keptMs ?? KEPT_MS;
    this.sentinel = `inorder:generation:${options.instance}`;
    options.redis.on('close', () => {
      this.whole = false;
    });
  }

  /** From now on Redis shows all of `source`. */
  start(source: LaneSource): void {
    const beat = (): void => {
      void this.beat(source)
        .catch((error: unknown) => this.failed(error))
        .finally(() => {
          if (!this.closed) this.cancel = this.options.clock.schedule(this.options.heartbeatMs ?? HEARTBEAT_MS, beat);
        });
    };
    beat();
  }

  /** These lanes changed. Never throws; what is lost follows when everything is written again. */
  publish(changed: readonly LaneStatus[], windows: readonly CachedWindow[]): void {
    const byId = new Map(windows.map((window) => [window.interfaceId, window]));
    for (let i = 0; i < changed.length; i += LANES_PER_WRITE) {
      const lanes = changed.slice(i, i + LANES_PER_WRITE);
      for (const lane of lanes) this.changedMeanwhile?.add(lane.interfaceId);
      if (this.options.redis.status !== 'ready' || this.unanswered >= UNANSWERED_MAX) {
        this.lost += lanes.length;
        this.whole = false;
        continue;
      }
      this.write(lanes, (id) => byId.get(id)).catch((error: unknown) => {
        this.lost += lanes.length;
        this.failed(error);
      });
    }
  }

  close(): void {
    this.closed = true;
    this.cancel();
  }

  private failed(error: unknown): void {
    this.whole = false;
    // Whoever closes this disconnects Redis next, and what is under way ends with that.
    if (!this.closed) this.options.onFailure(error);
  }

  private async beat(source: LaneSource): Promise<void> {
    const { redis, clock } = this.options;
    if (redis.status !== 'ready') return;
    const isOld = clock.monotonicMs() - this.wroteAllAtMs >= this.keptMs / 3;
    const isThere = this.whole && !isOld && (await redis.get(this.sentinel)) === this.token;
    if (!isThere) await this.writeAll(source);
  }

  private async writeAll(source: LaneSource): Promise<void> {
    const { redis, clock } = this.options;
    // Before the first write, so that whatever goes wrong from here on is noticed: a lost write clears it, a FLUSHALL
    // removes what the last line looks for.
    this.whole = true;
    const begun = `begun ${this.token} ${randomUUID()}`;
    await redis.set(this.sentinel, begun, 'PX', this.keptMs);
    const meanwhile = new Set<InterfaceId>();
    this.changedMeanwhile = meanwhile;
    try {
      const all = source.snapshot();
      for (let i = 0; i < all.length && !this.closed; i += LANES_PER_WRITE) {
        const lanes = all.slice(i, i + LANES_PER_WRITE).filter((lane) => !meanwhile.has(lane.interfaceId));
        if (lanes.length > 0) await this.write(lanes, (id) => source.window(id));
      }
    } finally {
      this.changedMeanwhile = null;
    }
    await this.dropUnowned();
    if ((await redis.eval(CONFIRM, 1, this.sentinel, begun, this.token, this.keptMs)) === 1)
      this.wroteAllAtMs = clock.monotonicMs();
    else this.whole = false;
  }

  private async write(
    lanes: readonly LaneStatus[],
    windowOf: (id: InterfaceId) => CachedWindow | undefined,
  ): Promise<void> {
    const { redis, clock } = this.options;
    const updatedAt = new Date(clock.wallMs()).toISOString();
    const values = lanes.flatMap((lane) => {
      const window = windowOf(lane.interfaceId);
      return [
        lane.interfaceId,
        lane.epoch,
        JSON.stringify(lane),
        window?.nextExpected ?? '',
        window?.failed.join(',') ?? '',
        window?.windowUpper ?? '',
        updatedAt,
      ];
    });
    const keys = [LANES_HASH, ...lanes.map((lane) => deliveryKey(lane.interfaceId))];
    this.unanswered += 1;
    try {
      const written = await redis.eval(WRITE_LANES, keys.length, ...keys, this.keptMs, ...values);
      const ours = Array.isArray(written) ? written.flatMap((n) => lanes[Number(n) - 1] ?? []) : [];
      // Only what was written: who listens hears nothing of a former owner either.
      if (ours.length > 0) await redis.publish(LANES_CHANNEL, JSON.stringify(ours));
    } finally {
      this.unanswered -= 1;
    }
  }

  private async dropUnowned(): Promise<void> {
    let cursor = '0';
    do {
      cursor = String(
        await this.options.redis.eval(DROP_UNOWNED, 1, LANES_HASH, cursor, FIELDS_PER_STEP, deliveryKey('')),
      );
    } while (cursor !== '0' && !this.closed);
  }
}
