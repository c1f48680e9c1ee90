/**
 * The demonstration's scheduled outage: one laboratory endpoint is switched off for a while, again and again, and a line
 * says so. Modes: *waiting* for the next outage, *off*, *stopped*. One timer at a time.
 */
import { z } from 'zod';
import type { Endpoint } from './listener.ts';

export const outageSchema = z.strictObject({
  /** Name of the LIS endpoint. */
  endpoint: z.string().min(1).max(60),
  /** From one switching off to the next. */
  everyMs: z.int().min(10).max(86_400_000),
  /** How long it stays off. */
  forMs: z.int().min(1).max(86_400_000),
});
export type OutagePlan = z.infer<typeof outageSchema>;

export interface OutageOptions extends OutagePlan {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Takes the line for people. */
  readonly announce: (line: string) => void;
}

export class Outage {
  readonly #target: Endpoint;
  readonly #options: OutageOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(target: Endpoint, options: OutageOptions) {
    this.#target = target;
    this.#options = options;
    this.#schedule(options.everyMs, () => this.#switchOff());
  }

  /** No further outage; one under way ends now. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#target.open();
  }

  #schedule(ms: number, step: () => Promise<void>): void {
    this.#timer = setTimeout(() => {
      step().catch(() => {
        // Only a listener whose port was taken meanwhile fails: it stays off, and the line says so.
        this.#options.announce(`demonstration: ${this.#target.name} could not be switched on again, its port is taken`);
      });
    }, ms);
  }

  async #switchOff(): Promise<void> {
    const { forMs, everyMs, now, announce } = this.#options;
    await this.#target.close();
    if (this.#stopped) return;
    announce(`demonstration: ${this.#target.name} is switched off until ${clockTime(now() + forMs)}`);
    this.#schedule(forMs, async () => {
      await this.#target.open();
      if (this.#stopped) return;
      announce(`demonstration: ${this.#target.name} is back`);
      this.#schedule(Math.max(everyMs - forMs, 1), () => this.#switchOff());
    });
  }
}

/** `14:02`, or with seconds where the minute alone would mislead; the wall clock of this machine, as people read it. */
function clockTime(atMs: number): string {
  const at = new Date(atMs);
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.getSeconds() === 0 ? minutes : `${minutes}:${two(at.getSeconds())}`;
}
