/**
 * Redis as a hint (G11): live feed, wake-ups, the cached window `delivery:{interface_id}`. Every write may be lost; every
 * failure is counted and told once, and nothing waits for it. Ids and numbers only.
 */
import type { Clock, InterfaceId, LaneStatus } from '@inorder/core';
import { COMMANDS_CHANNEL, CONFIG_CHANNEL, wakeChannel } from '@inorder/shared';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { WakeUps } from '../../delivery/elsewhere.ts';
import type { StageEnd } from '../../delivery/inbox.ts';
import { systemClock } from '../clock/system-clock.ts';
import { connectForHints, connectForSubscriptions } from './connections.ts';
import { type CachedWindow, LaneFeed, type LaneSource } from './lane-feed.ts';
import { WakeUpSeal } from './wake-up-seal.ts';
import { heardWakeUps, WakeUpSender } from './wake-ups.ts';

export type { CachedWindow, LaneSource } from './lane-feed.ts';

export interface RedisHintsOptions {
  readonly url: string;
  readonly instance: string;
  /** What instances tell each other is signed under a key made of it. */
  readonly secretKey: Uint8Array;
  readonly logger: Logger;
  /** Stages of messages whose lanes are ours ended elsewhere. */
  readonly onWake: (ends: readonly StageEnd[]) => void;
  readonly onCommand: () => void;
  readonly onConfig: () => void;
  /** Default the machine's. */
  readonly clock?: Clock;
}

export class RedisHints {
  private readonly options: RedisHintsOptions;
  private readonly redis: Redis;
  private readonly subscriber: Redis;
  private readonly feed: LaneFeed;
  private readonly seal: WakeUpSeal;
  private readonly sender: WakeUpSender;
  private failing = false;
  private failures = 0;
  /** Of what other instances told us, this much made no sense. */
  dropped = 0;

  constructor(options: RedisHintsOptions) {
    const { url, instance, logger, clock = systemClock } = options;
    this.options = options;
    this.redis = connectForHints(url);
    this.subscriber = connectForSubscriptions(url);
    for (const client of [this.redis, this.subscriber]) client.on('error', (error: Error) => this.failed(error));
    this.redis.on('ready', () => {
      if (this.failing) logger.info({}, 'redis is back');
      this.failing = false;
    });
    const onFailure = (error: unknown): void => this.failed(error);
    this.feed = new LaneFeed({ redis: this.redis, instance, clock, onFailure });
    this.seal = new WakeUpSeal(options.secretKey);
    this.sender = new WakeUpSender({ redis: this.redis, seal: this.seal, onFailure });
    this.listen();
  }

  /** Writes that were lost: lanes, outcomes told to others, and failures of the connection. */
  get lost(): number {
    return this.failures + this.feed.lost + this.sender.lost;
  }

  /** Ping, for readiness. */
  ping(): Promise<unknown> {
    return this.redis.ping();
  }

  publishLanes(changed: readonly LaneStatus[], windows: readonly CachedWindow[]): void {
    this.feed.publish(changed, windows);
  }

  /** From now on Redis shows every lane of `source`, idle ones too, whatever it forgets in between. */
  keepLanes(source: LaneSource): void {
    this.feed.start(source);
  }

  /** Tells the owners of these lanes, whoever they are. */
  wakeUps(ownerOf: (id: InterfaceId) => string | null): WakeUps {
    return this.sender.to(ownerOf);
  }

  async close(): Promise<void> {
    this.feed.close();
    this.redis.disconnect();
    this.subscriber.disconnect();
  }

  private listen(): void {
    const { instance, onCommand, onConfig } = this.options;
    this.subscriber
      .subscribe(wakeChannel(instance), COMMANDS_CHANNEL, CONFIG_CHANNEL)
      .catch((error: unknown) => this.failed(error));
    this.subscriber.on('message', (channel: string, text: string) => {
      if (channel === COMMANDS_CHANNEL) onCommand();
      else if (channel === CONFIG_CHANNEL) onConfig();
      else this.heard(channel, text);
    });
  }

  private heard(channel: string, text: string): void {
    const { ends, dropped } = heardWakeUps(this.seal, channel, text);
    this.dropped += dropped;
    if (ends.length > 0) this.options.onWake(ends);
  }

  private failed(error: unknown): void {
    this.failures += 1;
    if (this.failing) return;
    this.failing = true;
    this.options.logger.warn(
      { reason: error instanceof Error ? error.message : String(error) },
      'redis does not answer',
    );
  }
}
