/** Doubling delays between tries, from `initialMs` to `maxMs`. */
export class BackOff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(initialMs: number, maxMs: number) {
    this.#initialMs = initialMs;
    this.#maxMs = Math.max(initialMs, maxMs);
    this.#nextMs = initialMs;
  }

  /** The delay before the next try. */
  nextMs(): number {
    const delay = this.#nextMs;
    this.#nextMs = Math.min(delay * 2, this.#maxMs);
    return delay;
  }

  /** `openedForMs`: something that opens only to close again has not worked. */
  lost(openedForMs: number, didWork: boolean): void {
    if (didWork || openedForMs >= this.#maxMs) this.#nextMs = this.#initialMs;
  }
}
