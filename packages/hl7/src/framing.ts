/**
 * What may stand around an HL7 message when it comes in, and what it looks like when it goes out.
 *
 * In: an MLLP frame (VT … FS CR), a byte order mark (UTF-8, UTF-16), CR, LF, CRLF or a mixture as line ends, blank
 * lines anywhere. Out: no frame, no mark, each segment ended by one CR, as the standard has it (v2.5.1 §2.5.1).
 * Invariant: no VT, FS or NUL is left inside; an FS inside would end the MLLP frame early and cut the order in two.
 */
import { type Fault, fault } from '@inorder/core';

const VT = 0x0b;
const FS = 0x1c;
const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;

export type ByteOrder = 'none' | 'utf-8' | 'utf-16le' | 'utf-16be';

export interface Unframed {
  /** The message without frame, byte order mark and surrounding blanks. */
  readonly bytes: Uint8Array;
  /** Which byte order mark was there. */
  readonly mark: ByteOrder;
}

function isBlank(byte: number | undefined): boolean {
  return byte === CR || byte === LF || byte === SPACE || byte === TAB;
}

function markOf(bytes: Uint8Array): { mark: ByteOrder; length: number } {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { mark: 'utf-8', length: 3 };
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { mark: 'utf-16le', length: 2 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { mark: 'utf-16be', length: 2 };
  return { mark: 'none', length: 0 };
}

/** Takes frame, mark and surrounding blanks off; frame and mark may stand in either order. Never fails. */
export function unframe(raw: Uint8Array): Unframed {
  let mark: ByteOrder = 'none';
  let start = 0;
  let end = raw.length;
  for (let progress = true; progress && start < end; ) {
    progress = false;
    const found: ReturnType<typeof markOf> =
      mark === 'none' ? markOf(raw.subarray(start, end)) : { mark: 'none', length: 0 };
    if (found.mark === 'utf-16le' || found.mark === 'utf-16be') {
      // Blanks are two bytes wide here; they go when the text is split into lines.
      return { bytes: raw.subarray(start + found.length, end), mark: found.mark };
    }
    if (found.length > 0) {
      mark = found.mark;
      start += found.length;
      progress = true;
    }
    while (start < end && (raw[start] === VT || isBlank(raw[start]))) {
      start += 1;
      progress = true;
    }
  }
  // Blanks at the end of the last field are the sender's; only line ends and the frame are taken.
  while (end > start && (raw[end - 1] === CR || raw[end - 1] === LF)) end -= 1;
  if (end > start && raw[end - 1] === FS) {
    end -= 1;
    while (end > start && (raw[end - 1] === CR || raw[end - 1] === LF)) end -= 1;
  }
  return { bytes: raw.subarray(start, end), mark };
}

/** The byte that makes a text undeliverable, if there is one. Errors: HL7_NOT_PARSEABLE. */
export function controlByteFault(text: string): Fault | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these three are what is looked for
  const found = /[\u0000\u000b\u001c]/.exec(text);
  if (found === null) return null;
  const what =
    found[0] === '\0' ? 'A NUL character' : found[0] === '\v' ? 'A VT character (0x0B)' : 'An FS character (0x1C)';
  const why =
    found[0] === '\0'
      ? 'HL7 text has none; UTF-16 without a byte order mark looks like this'
      : 'it would break the MLLP frame; two messages in one body look like this';
  const line = text.slice(0, found.index).split(/\r\n|\r|\n/).length;
  return fault('HL7_NOT_PARSEABLE', `${what} stands in line ${line}: ${why}`, { path: 'MSH' });
}

/** Segments of a text, whatever ends its lines; blank lines are left out. */
export function splitSegments(text: string): string[] {
  return text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
}

/** Segments as they are delivered: each ended by CR. */
export function joinSegments(segments: readonly string[]): string {
  return segments.length === 0 ? '' : `${segments.join('\r')}\r`;
}
