/**
 * One breaker per destination and instance (G7). Open: lanes wait, and one head at a time is let through to try, after
 * 500 ms, doubling to 15 s. Any answer closes it, and everybody who waits goes on.
 *
 *   CLOSED ──endpoint failure──▶ OPEN ──time──▶ PROBING (one lane) ──answer──▶ CLOSED
 *                                 ▲                    └──no answer──┘
 *
 * **Invariant:** a lane is the probe only while it has a send under way here: whoever cannot try passes its turn on.
 */
import type { Clock, ErrorCode } from '@inorder/core';

export interface BreakerOptions<Waiter> {
  readonly clock: Clock;
  readonly probeMs: number;
  readonly probeMsMax: number;
  /** Lets a waiter try. False: it does not want to any more (paused, passed, gone), and the next one may. */
  readonly wake: (waiter: Waiter) => boolean;
  readonly onOpen: (code: ErrorCode, detail: string) => void;
  readonly onClose: () => void;
}

export class Breaker<Waiter> {
  private readonly options: BreakerOptions<Waiter>;
  private readonly waiters = new Set<Waiter>();
  private open: { code: ErrorCode; sinceAt: number; retryAt: number; delayMs: number } | null = null;
  private probe: Waiter | null = null;
  /** A try is due and nobody waited for it. */
  private turnIsFree = false;
  private cancel = (): void => undefined;

  constructor(options: BreakerOptions<Waiter>) {
    this.options = options;
  }

  /** null: go ahead. Otherwise why not, and when the next try is due. */
  blocks(waiter: Waiter): { readonly code: ErrorCode; readonly sinceAt: number; readonly retryAt: number } | null {
    if (this.open === null || this.probe === waiter) return null;
    if (!this.turnIsFree) return this.open;
    this.turnIsFree = false;
    this.probe = waiter;
    return null;
  }

  /** The lane waits for this endpoint. */
  wait(waiter: Waiter): void {
    this.waiters.add(waiter);
  }

  /** The lane is gone or has other things to do. */
  leave(waiter: Waiter): void {
    this.waiters.delete(waiter);
    if (this.probe === waiter) {
      this.probe = null;
      this.arm();
    }
  }

  /** The waiter's send ended and the endpoint said nothing: as a probe it failed, whatever kind of silence it was. */
  unanswered(waiter: Waiter, code: ErrorCode, detail: string): void {
    if (this.probe === waiter) this.failed(code, detail);
  }

  /** The endpoint failed. Returns when somebody may try again. */
  failed(code: ErrorCode, detail: string): number {
    const nowAt = this.options.clock.wallMs();
    const before = this.open;
    const delayMs = before === null ? this.options.probeMs : Math.min(before.delayMs * 2, this.options.probeMsMax);
    // Several sends fail together when an endpoint goes; only a probe's failure lengthens the wait.
    if (before === null || this.probe !== null || this.turnIsFree) {
      this.turnIsFree = false;
      this.open = { code, sinceAt: before?.sinceAt ?? nowAt, retryAt: nowAt + delayMs, delayMs };
      this.probe = null;
      this.arm();
    }
    if (before === null) this.options.onOpen(code, detail);
    return this.open?.retryAt ?? nowAt;
  }

  /** The endpoint answered, whatever it said. */
  answered(): void {
    if (this.open === null) return;
    this.open = null;
    this.probe = null;
    this.turnIsFree = false;
    this.cancel();
    this.options.onClose();
    const waiting = [...this.waiters];
    this.waiters.clear();
    for (const waiter of waiting) this.options.wake(waiter);
  }

  /** The endpoint has other settings: what was seen of it may not hold any more, so that one lane tries at once. */
  changed(): void {
    if (this.open === null) return;
    this.open = { ...this.open, retryAt: this.options.clock.wallMs(), delayMs: this.options.probeMs };
    if (this.probe === null) this.arm();
  }

  /** Since when it has not answered; null = it does. */
  get downSinceAt(): number | null {
    return this.open?.sinceAt ?? null;
  }

  get isOpen(): boolean {
    return this.open !== null;
  }

  close(): void {
    this.cancel();
    this.waiters.clear();
  }

  private arm(): void {
    this.cancel();
    if (this.open === null) return;
    const ms = Math.max(0, this.open.retryAt - this.options.clock.wallMs());
    this.cancel = this.options.clock.schedule(ms, () => this.letOneTry());
  }

  private letOneTry(): void {
    for (const first of this.waiters) {
      this.waiters.delete(first);
      this.probe = first;
      if (this.options.wake(first) || this.open === null) return;
      this.probe = null;
    }
    if (this.open === null) return;
    // Nobody waits: the next lane that comes is the probe. The endpoint has not answered, so it still is down.
    this.turnIsFree = true;
  }
}
