/**
 * Many byte strings as one parameter: `substring(bytes FROM starts[i] FOR lengths[i])`. A `bytea[]` goes over the wire
 * as hex text, twice the size and the larger part of the CPU of a batch; one `bytea` goes as it is.
 */
export interface PackedBytes {
  readonly bytes: Buffer;
  /** From 1, as SQL counts. */
  readonly starts: readonly number[];
  readonly lengths: readonly (number | null)[];
}

/**
 * Null stays null: its length is null, and so is the substring. The same array given twice is packed once: a message
 * for 25,000 interfaces has one body.
 */
export function packBytes(parts: readonly (Uint8Array | null)[]): PackedBytes {
  const placed = new Map<Uint8Array, number>();
  let total = 0;
  for (const part of parts) {
    if (part === null || placed.has(part)) continue;
    placed.set(part, total);
    total += part.byteLength;
  }
  const bytes = Buffer.allocUnsafe(total);
  for (const [part, at] of placed) bytes.set(part, at);
  return {
    bytes,
    starts: parts.map((part) => 1 + (part === null ? 0 : (placed.get(part) ?? 0))),
    lengths: parts.map((part) => (part === null ? null : part.byteLength)),
  };
}
