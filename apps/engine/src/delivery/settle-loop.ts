/**
 * Natural batching of settlements: one statement in flight per instance; while it commits, the next batch gathers. No
 * timers, so a lone message waits for nothing and a burst shares its commits.
 *
 * **Invariant:** an entry is told its answer once, or its hold is lost and it is told so. An error never drops one.
 * **Invariant:** no entry waits for another one's data: what Postgres refuses alone is tried again by itself (G16).
 */
import type { AttemptNote, Clock, SettleItem } from '@inorder/core';
import type { Logger } from 'pino';
import { classify, type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import { identified, type SettleAnswer, type SettleEntry, settle } from '../adapters/postgres/settle-queries.ts';
import type { ShardHold } from './shard-hold.ts';

/** SETTLED: committed. REREAD: the lane in Postgres is not what we thought. LOST: the shard is somebody else's. */
export type SettleOutcome = 'SETTLED' | 'REREAD' | 'LOST';

interface Waiting {
  readonly hold: ShardHold;
  readonly entry: SettleEntry;
  readonly done: (outcome: SettleOutcome) => void;
  /** How long it waited after Postgres refused its data; 0 = it never did. */
  readonly refusedMs: number;
}

export interface SettleLoopOptions {
  readonly database: Database;
  readonly owner: string;
  readonly batchMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a statement showed that a hold is lost. */
  readonly onLost: (hold: ShardHold) => void;
  /** For metrics: what one statement committed, and how long it took from its first byte to its answer. */
  readonly onCommitted?: ((entries: readonly SettleEntry[], ms: number) => void) | undefined;
}

const RETRY_MS = 100;
const RETRY_MS_MAX = 2000;
const REFUSED_MS_MAX = 30_000;
/** Numbers in one statement per entry it may have: a batch of lanes that pass many must not outlast its time-out. */
const CHANGES_PER_ENTRY = 4;

export class SettleLoop {
  private readonly options: SettleLoopOptions;
  private waiting: Waiting[] = [];
  private running = false;
  private idle: (() => void)[] = [];

  constructor(options: SettleLoopOptions) {
    this.options = options;
  }

  settle(hold: ShardHold, item: SettleItem, done: (outcome: SettleOutcome) => void): void {
    const entry = {
      shard: hold.shard,
      epoch: hold.epoch,
      interfaceId: item.interfaceId,
      item,
      attempts: identified(item.attempts),
    };
    this.add({ hold, entry, done, refusedMs: 0 });
  }

  /** Attempts that settle nothing ride along; the lane does not wait for them, but a drain does. */
  note(
    hold: ShardHold,
    interfaceId: SettleItem['interfaceId'],
    attempts: readonly AttemptNote[],
    done: () => void,
  ): void {
    this.add({
      hold,
      entry: { shard: hold.shard, epoch: hold.epoch, interfaceId, item: null, attempts: identified(attempts) },
      done,
      refusedMs: 0,
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  drained(): Promise<void> {
    return this.running ? new Promise((resolve) => this.idle.push(resolve)) : Promise.resolve();
  }

  private add(waiting: Waiting): void {
    this.waiting.push(waiting);
    if (this.running) return;
    this.running = true;
    // One turn of the loop first: what arrived in the same tick shares the commit.
    setImmediate(() => void this.run());
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.nextBatch();
      await this.commit(batch);
    }
    this.running = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  /** At most one item of a lane in a batch: the next one may rest on what this one commits. */
  private nextBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const later: Waiting[] = [];
    const lanes = new Set<string>();
    const changesMax = this.options.batchMax * CHANGES_PER_ENTRY;
    let changes = 0;
    for (const w of this.waiting) {
      const more = w.entry.item?.changes.length ?? 0;
      const repeats = w.entry.item !== null && lanes.has(w.entry.interfaceId);
      const full = batch.length >= this.options.batchMax || (batch.length > 0 && changes + more > changesMax);
      if (full || repeats) {
        later.push(w);
        continue;
      }
      changes += more;
      if (w.entry.item !== null) lanes.add(w.entry.interfaceId);
      batch.push(w);
    }
    this.waiting = later;
    return batch;
  }

  private async commit(batch: readonly Waiting[]): Promise<void> {
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
      const alive = batch.filter((w) => !w.hold.lost);
      for (const w of batch) if (w.hold.lost) w.done('LOST');
      if (alive.length === 0) return;
      try {
        const entries = alive.map((w) => w.entry);
        const beganMs = this.options.clock.monotonicMs();
        const answer = await settle(this.options.database, this.options.owner, entries);
        this.options.onCommitted?.(entries, this.options.clock.monotonicMs() - beganMs);
        // What a lane makes of its answer is no failure of the settlement: nobody is told twice for it.
        return this.answer(alive, answer);
      } catch (error) {
        const kind = classify(error);
        if (kind === 'data' && alive.length > 1) {
          const middle = alive.length >> 1;
          await this.commit(alive.slice(0, middle));
          await this.commit(alive.slice(middle));
          return;
        }
        const log = { code: errorCodeOf(error), kind, entries: alive.length, interfaceId: alive[0]?.entry.interfaceId };
        const [only] = alive;
        if (kind === 'data' && only !== undefined) {
          this.options.logger.error(log, 'settlement refused for its data; its lane waits alone');
          this.tryLater(only);
          return;
        }
        if (kind === 'infrastructure') this.options.logger.warn(log, 'settlement waits for postgres');
        else this.options.logger.error(log, 'settlement refused');
        await this.pause(delayMs);
        batch = alive;
      }
    }
  }

  private tryLater(w: Waiting): void {
    const refusedMs = Math.min(Math.max(RETRY_MS, w.refusedMs * 2), REFUSED_MS_MAX);
    this.options.clock.schedule(refusedMs, () => this.add({ ...w, refusedMs }));
  }

  private answer(batch: readonly Waiting[], answer: SettleAnswer): void {
    for (const w of batch) {
      const isOurs = answer.shards.has(w.hold.shard);
      const moved = w.entry.item === null || answer.lanes.has(w.entry.interfaceId);
      this.tell(w, !isOurs ? 'LOST' : moved ? 'SETTLED' : 'REREAD');
    }
  }

  /** A lane that breaks on its answer breaks alone: the others of its batch are told theirs, once. */
  private tell(w: Waiting, outcome: SettleOutcome): void {
    try {
      if (outcome === 'LOST') this.options.onLost(w.hold);
      w.done(outcome);
    } catch (error) {
      const { interfaceId } = w.entry;
      this.options.logger.error({ interfaceId, outcome, error: errorCodeOf(error) }, 'a lane broke on its settlement');
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.options.clock.schedule(ms, resolve);
    });
  }
}
