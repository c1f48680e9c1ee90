/**
 * A set of counters, a bit each, in pieces of 1,024 that are made when first needed: 25,000 interfaces with thousands
 * of messages each fit into some ten megabytes.
 */
const COUNTERS_PER_PIECE = 1024;
const BITS = 32;

export class CounterSet {
  readonly #pieces = new Map<number, Uint32Array>();
  #size = 0;

  /** How many counters it holds. */
  get size(): number {
    return this.#size;
  }

  get pieces(): number {
    return this.#pieces.size;
  }

  has(counter: number): boolean {
    const piece = this.#pieces.get(Math.floor(counter / COUNTERS_PER_PIECE));
    if (piece === undefined) return false;
    const bit = counter % COUNTERS_PER_PIECE;
    return (((piece[bit >>> 5] ?? 0) >>> (bit % BITS)) & 1) === 1;
  }

  /** True if it was not there before. */
  add(counter: number): boolean {
    const at = Math.floor(counter / COUNTERS_PER_PIECE);
    let piece = this.#pieces.get(at);
    if (piece === undefined) {
      piece = new Uint32Array(COUNTERS_PER_PIECE / BITS);
      this.#pieces.set(at, piece);
    }
    const bit = counter % COUNTERS_PER_PIECE;
    const word = piece[bit >>> 5] ?? 0;
    const mask = 1 << (bit % BITS);
    if ((word & mask) !== 0) return false;
    piece[bit >>> 5] = word | mask;
    this.#size += 1;
    return true;
  }

  /**
   * Those it holds and none of `others` does, piece by piece in the order the pieces were made. Whole words are compared,
   * so that a judgement over ten million messages is a matter of milliseconds.
   */
  *without(...others: readonly (CounterSet | undefined)[]): Generator<number> {
    for (const [at, piece] of this.#pieces) {
      const against = others.map((other) => (other === undefined ? undefined : other.#pieces.get(at)));
      for (let word = 0; word < piece.length; word += 1) {
        let bits = piece[word] ?? 0;
        for (const other of against) bits &= ~(other?.[word] ?? 0);
        for (let bit = 0; bits !== 0 && bit < BITS; bit += 1) {
          if (((bits >>> bit) & 1) === 1) yield at * COUNTERS_PER_PIECE + word * BITS + bit;
        }
      }
    }
  }
}
