/** A clock that only tests move. */
import type { Clock } from '@inorder/core';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  #steppedMs = 0;
  readonly #timers = new Set<Timer>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#nowMs + this.#steppedMs;
  }

  /** Wall time alone goes on, or back: a machine that slept, a clock that was set. */
  stepWall(ms: number): void {
    this.#steppedMs += ms;
  }

  schedule(ms: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many callbacks are still to come; 0 shows that nothing was left behind. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on and calls what is due, earliest first. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#nowMs = due.dueMs;
      due.callback();
    }
    this.#nowMs = untilMs;
  }
}
