/**
 * What the stages of this instance have in hand, in messages and bytes, and who waits until it is less. Bounded (G19):
 * ingest offers to all what it may not keep, and no more is taken of what others offer than the workers need ahead.
 */
import type { StagedMessage } from './intake.ts';
import type { StageLimits } from './stage-limits.ts';
import type { StageWork } from './stage-work.ts';

export class StageBacklog {
  readonly #limits: Pick<StageLimits, 'stageBacklogMax' | 'stageBacklogBytesMax' | 'stageAheadMax'>;
  /** By their message as it was taken: two runs of one may be here after a repair. */
  readonly #held = new Map<StagedMessage, StageWork>();
  readonly #waiting = new Set<() => void>();
  #bytes = 0;
  /** Of those in hand, taken from others' offers. */
  #offered = 0;
  #stopped = false;

  constructor(limits: Pick<StageLimits, 'stageBacklogMax' | 'stageBacklogBytesMax' | 'stageAheadMax'>) {
    this.#limits = limits;
  }

  /** Messages without an outcome. */
  get messages(): number {
    return this.#held.size;
  }

  /** That came in, of these messages. */
  get bytes(): number {
    return this.#bytes;
  }

  add(works: readonly StageWork[]): void {
    for (const work of works) {
      if (work.offered) this.#offered += 1;
      this.#held.set(work.message, work);
      this.#bytes += work.message.raw.byteLength;
    }
  }

  remove(messages: readonly StagedMessage[]): void {
    for (const message of messages) {
      if (this.#held.get(message)?.offered === true) this.#offered -= 1;
      this.#held.delete(message);
      this.#bytes -= message.raw.byteLength;
    }
    for (const look of this.#waiting) look();
  }

  /** Whether ingest may keep its next batch for the stages here. */
  mayKeep(): boolean {
    return this.#held.size < this.#limits.stageBacklogMax && this.#bytes < this.#limits.stageBacklogBytesMax;
  }

  /** Counted apart from what ingest keeps: a busy ingest must not leave the chunks of others lying. */
  mayTake(): boolean {
    return this.#offered < this.#limits.stageAheadMax && this.#bytes < this.#limits.stageBacklogBytesMax;
  }

  /** Resolves once `mayKeep`; also at `stop`. */
  whenMayKeep(): Promise<void> {
    return this.#when(() => this.mayKeep());
  }

  /** Resolves once `mayTake`; also at `stop`. */
  whenMayTake(): Promise<void> {
    return this.#when(() => this.mayTake());
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#stopped = true;
    for (const look of this.#waiting) look();
  }

  #when(holds: () => boolean): Promise<void> {
    if (holds() || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.#stopped && !holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }
}
