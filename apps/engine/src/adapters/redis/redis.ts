/**
 * Redis as a hint (G11): live feed, wake-ups, the cached window `delivery:{interface_id}`. Every write may be lost; every
 * failure is counted and told once, and nothing waits for it. Ids and numbers only.
 */
import { type InterfaceId, interfaceId, type LaneStatus } from '@inorder/core';
import { COMMANDS_CHANNEL, CONFIG_CHANNEL, deliveryKey, LANES_CHANNEL, LANES_HASH, wakeChannel } from '@inorder/shared';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { WakeUps } from '../../delivery/elsewhere.ts';

export interface CachedWindow {
  readonly interfaceId: InterfaceId;
  readonly nextExpected: number;
  /** Numbers above the checkpoint that failed and are not passed. */
  readonly failed: readonly number[];
  readonly windowUpper: number;
}

export interface RedisHintsOptions {
  readonly url: string;
  readonly instance: string;
  readonly logger: Logger;
  /** Lanes of ours have news. */
  readonly onWake: (ids: readonly InterfaceId[]) => void;
  readonly onCommand: () => void;
  readonly onConfig: () => void;
}

export class RedisHints {
  private readonly options: RedisHintsOptions;
  private readonly redis: Redis;
  private readonly subscriber: Redis;
  private failing = false;
  /** Writes that were lost. */
  lost = 0;

  constructor(options: RedisHintsOptions) {
    this.options = options;
    // Nothing is queued while Redis is away: an old hint is worth nothing.
    const settings = {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      connectTimeout: 2000,
      retryStrategy: (times: number) => Math.min(times * 200, 2000),
    };
    this.redis = new Redis(options.url, settings);
    this.subscriber = new Redis(options.url, { ...settings, enableOfflineQueue: true, maxRetriesPerRequest: null });
    for (const client of [this.redis, this.subscriber]) client.on('error', (error: Error) => this.failed(error));
    this.redis.on('ready', () => {
      if (this.failing) options.logger.info({}, 'redis is back');
      this.failing = false;
    });
    this.listen();
  }

  /** Ping, for readiness. */
  ping(): Promise<unknown> {
    return this.redis.ping();
  }

  publishLanes(changed: readonly LaneStatus[], windows: readonly CachedWindow[]): void {
    const pipeline = this.redis.pipeline();
    for (const status of changed) pipeline.hset(LANES_HASH, status.interfaceId, JSON.stringify(status));
    pipeline.publish(LANES_CHANNEL, JSON.stringify(changed));
    for (const window of windows) {
      const key = deliveryKey(window.interfaceId);
      pipeline.hset(key, {
        next_expected: window.nextExpected,
        failed_seqs: window.failed.join(','),
        window_upper: window.windowUpper,
        updated_at: new Date().toISOString(),
      });
    }
    this.send(pipeline.exec());
  }

  /** Tells the owners of these lanes, whoever they are. */
  wakeUps(ownerOf: (id: InterfaceId) => string | null): WakeUps {
    return {
      send: (ids) => {
        const perOwner = Map.groupBy(ids, (id) => ownerOf(id));
        for (const [owner, theirs] of perOwner)
          if (owner !== null) this.send(this.redis.publish(wakeChannel(owner), JSON.stringify(theirs)));
      },
    };
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    this.subscriber.disconnect();
  }

  private listen(): void {
    const { instance, onWake, onCommand, onConfig } = this.options;
    this.subscriber
      .subscribe(wakeChannel(instance), COMMANDS_CHANNEL, CONFIG_CHANNEL)
      .catch((error: unknown) => this.failed(error));
    this.subscriber.on('message', (channel, text) => {
      if (channel === COMMANDS_CHANNEL) onCommand();
      else if (channel === CONFIG_CHANNEL) onConfig();
      else onWake(idsOf(text));
    });
  }

  private send(written: Promise<unknown>): void {
    written.catch((error: unknown) => this.failed(error));
  }

  private failed(error: unknown): void {
    this.lost += 1;
    if (this.failing) return;
    this.failing = true;
    this.options.logger.warn(
      { reason: error instanceof Error ? error.message : String(error) },
      'redis does not answer',
    );
  }
}

/** A hint from outside: what does not parse is no hint. */
function idsOf(text: string): InterfaceId[] {
  try {
    const ids: unknown = JSON.parse(text);
    return Array.isArray(ids) ? ids.map((id) => interfaceId(String(id))) : [];
  } catch {
    return [];
  }
}
