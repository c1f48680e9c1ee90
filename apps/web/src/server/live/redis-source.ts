/** Lane statuses over Redis: the channel first, then the hash, then what came over the channel meanwhile. */
import type { LaneStatus } from '@inorder/core';
import { LANES_CHANNEL, LANES_HASH } from '@inorder/shared';
import { Redis } from 'ioredis';
import type { LaneSink } from './engine-source.ts';
import { parseStatusText } from './lane-status.ts';

const SCAN_COUNT = 1000;

export class RedisSource {
  readonly #reader: Redis;
  readonly #subscriber: Redis;
  readonly #sink: LaneSink;
  /** Non-null while the hash is being read. */
  #meanwhile: LaneStatus[][] | null = null;

  constructor(url: string, sink: LaneSink) {
    this.#sink = sink;
    // Redis is disposable (G11): never give up, and never let a command wait for it to come back.
    const options = {
      lazyConnect: false,
      maxRetriesPerRequest: 1,
      retryStrategy: (n: number) => Math.min(n * 200, 2000),
    };
    this.#reader = new Redis(url, options);
    this.#subscriber = new Redis(url, { ...options, autoResubscribe: false });
    this.#reader.on('error', () => undefined);
    this.#subscriber.on('error', () => undefined);
    this.#subscriber.on('close', () => sink.connected(false));
    this.#subscriber.on('ready', () => void this.#begin().catch(() => this.#subscriber.disconnect(true)));
    this.#subscriber.on('message', (_channel: string, text: string) => this.#hear(parseStatusText(text)));
  }

  async #begin(): Promise<void> {
    this.#meanwhile = [];
    await this.#subscriber.subscribe(LANES_CHANNEL);
    let cursor = '0';
    do {
      const [next, pairs] = await this.#reader.hscan(LANES_HASH, cursor, 'COUNT', SCAN_COUNT);
      const values = pairs.filter((_, i) => i % 2 === 1);
      this.#sink.statuses(parseStatusText(`[${values.join(',')}]`));
      cursor = next;
    } while (cursor !== '0');
    const meanwhile = this.#meanwhile;
    this.#meanwhile = null;
    for (const statuses of meanwhile) this.#sink.statuses(statuses);
    this.#sink.connected(true);
  }

  #hear(statuses: LaneStatus[]): void {
    if (this.#meanwhile === null) this.#sink.statuses(statuses);
    else this.#meanwhile.push(statuses);
  }

  close(): void {
    this.#reader.disconnect();
    this.#subscriber.disconnect();
  }
}
