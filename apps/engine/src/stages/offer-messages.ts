/**
 * Messages in the stages that nobody may have: repaired in place, or missed by the watchdog. They are offered to all, unless
 * a chunk has them.
 *
 * Whether a chunk has them is found by reading every chunk there is. That is little while all is well, and a second or more
 * while a million messages wait for stages that are behind, which is also when the watchdog misses the heads of all its
 * lanes, every second. So one statement is under way at a time, for many messages; what was asked for meanwhile is asked
 * once; and after it as much time is left to the stages, which use the same few connections, as keeps it to a small share.
 */
import type { Clock, MessageId } from '@inorder/core';
import type { Logger } from 'pino';
import { offerMessages } from '../adapters/postgres/claim-queries.ts';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { chunkSizeOf, type StageQueue } from './stage-queue.ts';

/** Ids in one statement. */
const OFFER_MAX = 5000;
/** Messages in a chunk: how large they are is not known here. */
const CHUNK_MAX = 8;
/** Missed messages that wait to be asked for; the watchdog names the others again. */
const MISSED_MAX = 50_000;
/** Pause after a look for missed messages: so many times as long as it took. */
const REST_SHARE = 9;
const REST_MS_MAX = 60_000;

/** @returns how many were offered; the rest are held or have left the stages. @throws what `classify` understands. */
export async function offerToStages(
  options: { readonly queries: Queries; readonly queue: Pick<StageQueue, 'offer'>; readonly stageStuckMs: number },
  ids: readonly MessageId[],
): Promise<number> {
  let offered = 0;
  for (let from = 0; from < ids.length; from += OFFER_MAX) {
    const part = ids.slice(from, from + OFFER_MAX);
    const chunks = await offerMessages(
      options.queries,
      part,
      Math.min(CHUNK_MAX, chunkSizeOf(part.length)),
      options.stageStuckMs,
    );
    for (const [stage, own] of chunks) {
      offered += own.reduce((sum, chunk) => sum + chunk.messages, 0);
      options.queue.offer(stage, own);
    }
  }
  return offered;
}

export interface MessageOffersOptions {
  readonly queries: Queries;
  readonly queue: Pick<StageQueue, 'offer'>;
  readonly stageStuckMs: number;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** idle ─▶ offering ─▶ resting (only after missed ones; a repair ends it) ─▶ offering … ─▶ idle. */
export class MessageOffers {
  private readonly options: MessageOffersOptions;
  private readonly urgent = new Set<MessageId>();
  private readonly waiting = new Set<MessageId>();
  private running: Promise<void> | null = null;
  private wake = (): void => undefined;
  private stopped = false;

  constructor(options: MessageOffersOptions) {
    this.options = options;
  }

  /** Nobody has them, and somebody waits: next of all. */
  repaired(ids: readonly MessageId[]): void {
    for (const id of ids) {
      this.urgent.add(id);
      this.waiting.delete(id);
    }
    this.wake();
    this.go();
  }

  /** Their lanes wait for them; most are in a chunk that has not had its turn. */
  missed(ids: readonly MessageId[]): void {
    for (const id of ids) if (this.waiting.size < MISSED_MAX && !this.urgent.has(id)) this.waiting.add(id);
    this.go();
  }

  /** Ends after the statement under way. What is not offered the watchdog of the next owner misses. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  private go(): void {
    if (this.urgent.size + this.waiting.size > 0 && !this.stopped) this.running ??= this.run();
  }

  private async run(): Promise<void> {
    // What is named in one turn is asked for in one statement.
    await Promise.resolve();
    while (this.urgent.size + this.waiting.size > 0 && !this.stopped) {
      const isUrgent = this.urgent.size > 0;
      const beganMs = this.options.clock.monotonicMs();
      await this.offer(takeFrom(isUrgent ? this.urgent : this.waiting));
      if (!isUrgent) await this.rest((this.options.clock.monotonicMs() - beganMs) * REST_SHARE);
    }
    this.running = null;
  }

  private async offer(ids: readonly MessageId[]): Promise<void> {
    const { logger } = this.options;
    try {
      const messages = await offerToStages(this.options, ids);
      if (messages > 0) logger.info({ messages }, 'messages that nobody had were offered to the stages');
    } catch (error) {
      // Their lanes go on missing them.
      logger.warn({ code: errorCodeOf(error), messages: ids.length }, 'messages not offered to the stages yet');
    }
  }

  private rest(ms: number): Promise<void> {
    if (this.urgent.size > 0 || this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.options.clock.schedule(Math.min(ms, REST_MS_MAX), resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function takeFrom(ids: Set<MessageId>): MessageId[] {
  const taken = [...ids].slice(0, OFFER_MAX);
  for (const id of taken) ids.delete(id);
  return taken;
}
