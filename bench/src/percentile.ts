/** Percentiles by nearest rank: always a value that was measured, never one between two. */

export interface Summary {
  readonly count: number;
  /** Milliseconds, as are the others; 0 where nothing was measured. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The smallest value that at least `share` of all values do not exceed.
 * @param ascending sorted already, and not empty.
 * @param share over 0, to 1.
 */
export function percentile(ascending: readonly number[], share: number): number {
  if (!(share > 0 && share <= 1)) throw new RangeError(`a share lies over 0 and up to 1, not at ${share}`);
  const value = ascending[Math.ceil(ascending.length * share) - 1];
  if (value === undefined) throw new RangeError('nothing was measured');
  return value;
}

export function summarise(values: Iterable<number>): Summary {
  const ascending = Float64Array.from(values).toSorted();
  if (ascending.length === 0) return { count: 0, p50: 0, p90: 0, p99: 0, max: 0 };
  const sorted = [...ascending];
  return {
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
  };
}
