/**
 * Which failures of a message are tried again, and when. An internal or transient one counts, and after `retries` of
 * them it stands; an endpoint or our own infrastructure that is away is waited for, for as long as it takes.
 */
import type { Clock, ErrorClass } from '@inorder/core';
import type { StageLimits } from './stage-limits.ts';
import type { StageWork } from './stage-work.ts';

/** Classes that are tried again and counted. */
const COUNTED: ReadonlySet<ErrorClass> = new Set<ErrorClass>(['internal', 'transient']);
/** Classes that are waited for and not counted. */
const WAITS: ReadonlySet<ErrorClass> = new Set<ErrorClass>(['endpoint', 'infrastructure']);

export interface StageRetriesOptions {
  readonly clock: Clock;
  readonly limits: Pick<StageLimits, 'retries' | 'retryDelayMs' | 'storeRetryDelayMsMax'>;
  /** Runs it once more. */
  readonly again: (work: StageWork) => void;
}

export class StageRetries {
  readonly #options: StageRetriesOptions;
  readonly #delays = new Set<() => void>();
  /** Tries again since the start. */
  count = 0;

  constructor(options: StageRetriesOptions) {
    this.#options = options;
  }

  /** Tells of a failure. @returns true: it is tried again later. false: it stands. */
  failed(work: StageWork, kind: ErrorClass): boolean {
    const waits = WAITS.has(kind);
    if (!waits && !COUNTED.has(kind)) return false;
    if (!waits) {
      work.failures += 1;
      if (work.failures > this.#options.limits.retries) return false;
    }
    this.#later(work, waits);
    return true;
  }

  /** What waits for its next try is not run any more. */
  stop(): void {
    for (const cancel of this.#delays) cancel();
  }

  #later(work: StageWork, waits: boolean): void {
    const { clock, limits, again } = this.#options;
    const { retryDelayMs, storeRetryDelayMsMax } = limits;
    const delayMs = waits ? storeRetryDelayMsMax : (retryDelayMs[work.failures - 1] ?? retryDelayMs.at(-1) ?? 0);
    this.count += 1;
    const cancel = clock.schedule(delayMs, () => {
      this.#delays.delete(cancel);
      again(work);
    });
    this.#delays.add(cancel);
  }
}
