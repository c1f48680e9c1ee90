/** Remembers a lane's hour: averages decay with this time constant. */
const MEMORY_MS = 3_600_000;
/** Before that much has been seen there is no "usually". */
const KNOWN_AFTER_MS = 600_000;

/**
 * What an interface usually brings. The average stands still while nothing comes, so that a silence is measured against
 * what was usual before it.
 */
export class InputProfile {
  #perMinute = 0;
  #seenMs = 0;
  #highWater: number | null = null;
  #sampledAt = 0;
  /** Average at the last sample that brought something. */
  #frozen = 0;
  lastInAt: number | null = null;

  sawInput(nowAt: number): void {
    this.lastInAt = nowAt;
  }

  sample(highWater: number, nowAt: number): void {
    if (this.#highWater !== null) {
      const elapsed = nowAt - this.#sampledAt;
      const came = highWater - this.#highWater;
      // Until the memory is full every moment counts alike; then older ones fade.
      const weight = elapsed / Math.min(this.#seenMs + elapsed, MEMORY_MS);
      this.#perMinute += weight * ((came * 60_000) / elapsed - this.#perMinute);
      this.#seenMs += elapsed;
      if (came > 0) {
        this.#frozen = this.#perMinute;
        this.lastInAt ??= nowAt;
      }
    }
    this.#highWater = highWater;
    this.#sampledAt = nowAt;
  }

  get usualPerMinute(): number | null {
    return this.#seenMs < KNOWN_AFTER_MS || this.#frozen === 0 ? null : this.#frozen;
  }
}
