/**
 * MLLP framing: VT, payload, FS, CR (HL7 v2 Transport: MLLP release 1). The decoder takes bytes in any pieces and is
 * linear in their number.
 */
const VT = 0x0b;
const FS = 0x1c;
const CR = 0x0d;
const LF = 0x0a;
const JUNK_SAMPLE_BYTES_MAX = 1024;
const FIRST_CAPACITY_BYTES = 512;

/** True where the payload holds a byte that MLLP uses for its frame: sending it would break the frame in two. */
export function breaksFraming(payload: Uint8Array): boolean {
  return payload.includes(VT) || payload.includes(FS);
}

export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(payload.length + 3);
  frame[0] = VT;
  frame.set(payload, 1);
  frame[payload.length + 1] = FS;
  frame[payload.length + 2] = CR;
  return frame;
}

/**
 * Modes: OUTSIDE a frame → VT → INSIDE → FS → AFTER_FS → CR → OUTSIDE. A VT inside a frame begins anew, what stood
 * before it is junk; an FS without CR belongs to the content. CR and LF between frames mean nothing.
 * After `overflowed` the decoder takes nothing more: the connection is to be reset.
 */
export class FrameDecoder {
  readonly #frameBytesMax: number;
  #mode: 'OUTSIDE' | 'INSIDE' | 'AFTER_FS' = 'OUTSIDE';
  #content = new Uint8Array(FIRST_CAPACITY_BYTES);
  #contentBytes = 0;
  #junk: number[] = [];
  #junkBytes = 0;
  #overflowed = false;

  /** `frameBytesMax` bounds the content of one frame, and the junk before it. */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** True while a frame has begun and not ended. */
  get insideFrame(): boolean {
    return this.#mode !== 'OUTSIDE';
  }

  /** Bytes outside frames since the last `forgetJunk`. */
  get junkBytes(): number {
    return this.#junkBytes;
  }

  /** The first bytes of what came outside frames or of a frame that never ended; for the record of the attempt. */
  leftover(): Uint8Array {
    if (this.insideFrame || this.#overflowed) return this.#content.slice(0, this.#contentBytes);
    return Uint8Array.from(this.#junk);
  }

  forgetJunk(): void {
    this.#junk = [];
    this.#junkBytes = 0;
  }

  /** Contents of the frames that end in this chunk, in order; each is a copy of its own. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    let runStart = 0;
    for (let i = 0; i < chunk.length && !this.#overflowed; i++) {
      const byte = chunk[i];
      if (byte === VT) {
        if (this.#mode !== 'OUTSIDE') this.#keep(chunk, runStart, i);
        this.#begin();
        runStart = i + 1;
      } else if (this.#mode === 'OUTSIDE') {
        if (byte !== CR && byte !== LF) this.#junkByte(byte ?? 0);
      } else if (byte === CR && this.#mode === 'AFTER_FS') {
        this.#keep(chunk, runStart, i);
        if (!this.#overflowed) frames.push(this.#end());
      } else {
        this.#mode = byte === FS ? 'AFTER_FS' : 'INSIDE';
      }
    }
    if (this.insideFrame && !this.#overflowed) this.#keep(chunk, runStart, chunk.length);
    return frames;
  }

  #begin(): void {
    for (let i = 0; i < this.#contentBytes; i++) this.#junkByte(this.#content[i] ?? 0);
    this.#contentBytes = 0;
    this.#mode = 'INSIDE';
  }

  #end(): Uint8Array {
    // The last byte kept is the FS.
    const content = this.#content.slice(0, Math.max(0, this.#contentBytes - 1));
    this.#contentBytes = 0;
    this.#mode = 'OUTSIDE';
    if (this.#content.length > 65_536) this.#content = new Uint8Array(FIRST_CAPACITY_BYTES);
    return content;
  }

  #junkByte(byte: number): void {
    this.#junkBytes++;
    if (this.#junk.length < JUNK_SAMPLE_BYTES_MAX) this.#junk.push(byte);
    if (this.#junkBytes > this.#frameBytesMax) this.#overflowed = true;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    // One byte more than the limit: the FS is kept with the content until its CR has come.
    const room = this.#frameBytesMax + 1 - this.#contentBytes;
    if (to - from > room) this.#overflowed = true;
    const part = chunk.subarray(from, Math.min(to, from + Math.max(0, room)));
    const needed = this.#contentBytes + part.length;
    if (needed > this.#content.length) {
      const larger = new Uint8Array(Math.max(needed, this.#content.length * 2));
      larger.set(this.#content.subarray(0, this.#contentBytes));
      this.#content = larger;
    }
    this.#content.set(part, this.#contentBytes);
    this.#contentBytes = needed;
  }
}
