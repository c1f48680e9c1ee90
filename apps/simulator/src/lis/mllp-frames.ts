/**
 * MLLP frames out of a byte stream, however it was cut: VT content FS CR (HL7 v2.5.1 Implementation Guide, appendix C).
 * Bytes outside a frame are counted and thrown away. The stream is scanned once, whatever the size of the pieces.
 */
const VT = 0x0b;
const FS = 0x1c;
const CR = 0x0d;
const PIECES_MAX = 4096;

export interface FrameReaderOptions {
  /** A longer content ends the stream: the caller closes the connection. Default 10 MiB. */
  readonly frameBytesMax?: number;
}

export class FrameReader {
  readonly #frameBytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #inside = false;
  /** The last byte seen inside the frame was FS: what comes next decides. */
  #fsPending = false;
  #junkBytes = 0;

  constructor(options: FrameReaderOptions = {}) {
    this.#frameBytesMax = options.frameBytesMax ?? 10 * 1024 * 1024;
  }

  /** Bytes that stood outside any frame. */
  get junkBytes(): number {
    return this.#junkBytes;
  }

  /** Contents completed by these bytes, in order; `tooLong` ends the stream. */
  push(chunk: Buffer): { readonly frames: Buffer[]; readonly tooLong: boolean } {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      at = this.#inside ? this.#readInside(chunk, at, frames) : this.#readOutside(chunk, at);
      if (this.#bytes > this.#frameBytesMax) {
        this.#pieces = [];
        return { frames, tooLong: true };
      }
    }
    return { frames, tooLong: false };
  }

  #readOutside(chunk: Buffer, from: number): number {
    const start = chunk.indexOf(VT, from);
    if (start === -1) {
      this.#junkBytes += chunk.length - from;
      return chunk.length;
    }
    this.#junkBytes += start - from;
    this.#inside = true;
    return start + 1;
  }

  #readInside(chunk: Buffer, from: number, frames: Buffer[]): number {
    if (this.#fsPending) {
      this.#fsPending = false;
      if (chunk[from] === CR) {
        frames.push(this.#pieces.length === 1 ? (this.#pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#pieces));
        this.#pieces = [];
        this.#bytes = 0;
        this.#inside = false;
        return from + 1;
      }
      this.#keep(Buffer.of(FS));
    }
    const end = chunk.indexOf(FS, from);
    this.#keep(chunk.subarray(from, end === -1 ? chunk.length : end));
    this.#fsPending = end !== -1;
    return end === -1 ? chunk.length : end + 1;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    // A sender of single bytes must not cost an object for each byte.
    if (this.#pieces.length >= PIECES_MAX) this.#pieces = [Buffer.concat(this.#pieces)];
    this.#bytes += piece.length;
  }
}

/** Content in its frame, ready for the wire. */
export function frame(content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(VT), content, Buffer.of(FS, CR)]);
}
