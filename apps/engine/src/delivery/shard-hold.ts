/**
 * One tenure of one shard: everything a lane may do in its name ends with it. A new epoch is a new object, so a promise
 * of an old one can only find that its hold is lost (G10).
 */
import type { CancelSignal, Epoch, Shard } from '@inorder/core';

export class ShardHold {
  readonly shard: Shard;
  readonly epoch: Epoch;
  /** Sends begin only before it, on the owner's monotonic clock. */
  private validUntilMs: number;
  private readonly abort = new AbortController();

  constructor(shard: Shard, epoch: Epoch, validUntilMs: number) {
    this.shard = shard;
    this.epoch = epoch;
    this.validUntilMs = validUntilMs;
  }

  get lost(): boolean {
    return this.abort.signal.aborted;
  }

  /** `monotonicMs` of the moment before the renewal was asked for, plus the lease. */
  extendTo(validUntilMs: number): void {
    this.validUntilMs = validUntilMs;
  }

  maySend(monotonicMs: number, marginMs: number): boolean {
    return !this.lost && monotonicMs < this.validUntilMs - marginMs;
  }

  /** True once so little is left that open sockets must be reset. */
  mustClose(monotonicMs: number, marginMs: number): boolean {
    return monotonicMs >= this.validUntilMs - marginMs;
  }

  /**
   * Aborts when the hold ends, and a send under way resets its connection. Also aborted while too little of the lease is left: a send that waited for a connection asks it at
   * the moment its bytes would leave. After a freeze answers may be read before the timer that watches the lease runs.
   */
  sendSignal(clock: { monotonicMs(): number }, marginMs: number): CancelSignal {
    const { signal } = this.abort;
    const isAborted = (): boolean => !this.maySend(clock.monotonicMs(), marginMs);
    return {
      get aborted() {
        return isAborted();
      },
      addEventListener: (type, listener, options) => signal.addEventListener(type, listener, options),
      removeEventListener: (type, listener) => signal.removeEventListener(type, listener),
    };
  }

  lose(): void {
    this.abort.abort();
  }
}
