/**
 * The right to use one of at most `connectionsMax` connections of a destination. Who waits longest is next; a waiting
 * send can be aborted. The queue is bounded by nature: one lane waits at most once.
 */
import type { CancelSignal } from '@inorder/core';

export type SlotGrant = 'granted' | 'aborted' | 'closed';

export class Slots {
  readonly #slotsMax: number;
  readonly #waiting = new Set<(grant: SlotGrant) => void>();
  readonly #whenFree: (() => void)[] = [];
  #busy = 0;
  #closed = false;

  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax;
  }

  get busy(): number {
    return this.#busy;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Every `granted` is answered by exactly one `release`. */
  async acquire(signal: CancelSignal): Promise<SlotGrant> {
    if (this.#closed) return 'closed';
    if (signal.aborted) return 'aborted';
    if (this.#busy < this.#slotsMax) {
      this.#busy++;
      return 'granted';
    }
    return new Promise((resolve) => {
      const leave = (): void => settle('aborted');
      const settle = (grant: SlotGrant): void => {
        this.#waiting.delete(settle);
        signal.removeEventListener('abort', leave);
        resolve(grant);
      };
      this.#waiting.add(settle);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  release(): void {
    const [next] = this.#waiting;
    if (next !== undefined) {
      next('granted');
      return;
    }
    this.#busy--;
    if (this.#busy === 0) for (const resolve of this.#whenFree.splice(0)) resolve();
  }

  /** Refuses those who wait and those to come; resolves when the last send under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const settle of [...this.#waiting]) settle('closed');
    if (this.#busy > 0) await new Promise<void>((resolve) => this.#whenFree.push(resolve));
  }
}
