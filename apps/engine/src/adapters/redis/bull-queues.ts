/**
 * BullMQ's queues of this engine, made when first asked for, all over one connection that never queues while Redis is
 * away. Stage queues and maintenance write through them, bull-board reads them.
 */
import { PIPELINE_STAGES, type PipelineStage } from '@inorder/core';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { connectForHints } from './connections.ts';

/** Stands before every key of BullMQ: `inorder:inorder-stage-validate:wait`. */
export const BULL_PREFIX = 'inorder';
export const MAINTENANCE_QUEUE = 'inorder-maintenance';
/** Jobs that ended, kept for people to look at; each is a few hundred bytes. */
export const ENDED_JOBS_MAX = 100;
/** Events that BullMQ keeps in a stream per queue. Nobody of ours reads it. After FLUSHALL its own default holds, 10,000. */
const EVENTS_MAX = 100;

export function stageQueueName(stage: PipelineStage): string {
  return `inorder-stage-${stage.toLowerCase()}`;
}

export interface BullQueuesOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Names our workers on the board. */
  readonly instance?: string;
  /** Default BULL_PREFIX; tests that share a Redis have their own. */
  readonly prefix?: string;
}

export class BullQueues {
  readonly prefix: string;
  readonly url: string;
  readonly instance: string | undefined;
  private readonly redis: Redis;
  private readonly logger: Logger;
  private readonly queues = new Map<string, Queue>();
  private readonly listeners = new Set<() => void>();
  private away = false;

  constructor(options: BullQueuesOptions) {
    this.prefix = options.prefix ?? BULL_PREFIX;
    this.url = options.url;
    this.instance = options.instance;
    this.logger = options.logger;
    this.redis = connectForHints(options.url);
    this.redis.on('error', (error: Error) => this.failed(error));
    this.redis.on('ready', () => {
      this.answered();
      for (const listener of this.listeners) listener();
    });
  }

  /** Called each time Redis is there, or there again: it may have forgotten everything. */
  onReady(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Whether a command would be taken now. */
  get isReady(): boolean {
    return this.redis.status === 'ready';
  }

  queue(name: string): Queue {
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, {
      connection: this.redis,
      prefix: this.prefix,
      streams: { events: { maxLen: EVENTS_MAX } },
      // An INFO that fails while a connection starts would leave the queue unusable for good.
      skipVersionCheck: true,
    });
    queue.on('error', (error) => this.failed(error));
    this.queues.set(name, queue);
    return queue;
  }

  /** Every queue there can be, for the board. */
  boardQueues(): readonly Queue[] {
    return [...PIPELINE_STAGES.map(stageQueueName), MAINTENANCE_QUEUE].map((name) => this.queue(name));
  }

  /** Redis did what it was asked. */
  answered(): void {
    if (this.away) this.logger.info({}, 'redis is back for queues');
    this.away = false;
  }

  /** Redis did not do what it was asked. Told once until it does. */
  failed(error: unknown): void {
    if (this.away) return;
    this.away = true;
    this.logger.warn(
      { reason: error instanceof Error ? error.message : String(error) },
      'redis does not answer for queues',
    );
  }

  /** At once, also while Redis is away: what was not said is a lost hint. */
  async close(): Promise<void> {
    // The queues share the connection, so closing them would wait for a Redis that may never come.
    this.redis.disconnect();
  }
}
