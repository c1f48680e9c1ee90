/**
 * Bytes to text and back by MSH-18 (HL7 table 0211).
 *
 * Decisions
 * - Only the first repetition of MSH-18 counts; others announce ISO 2022 switching, which nobody of ours sends.
 * - MSH-18 empty means ASCII by the standard. Senders leave it empty and send more: pure ASCII is taken as ASCII; else
 *   valid UTF-8 as UTF-8; else ISO 8859-1, but only when no byte lies in 0x80–0x9F. Those are control characters there,
 *   so such bytes come from another code page (Windows-1252, say) or a cut UTF-8 text, and guessing would change a
 *   name. Then, and where MSH-18 names a set the bytes do not fit, the message fails with HL7_CHARSET.
 * - "Fits" means: decoded and encoded again gives the same bytes. So delivery never changes a byte it did not mean to.
 * - UTF-16 and UTF-32 cannot travel in an MLLP frame. Text that came with a UTF-16 byte order mark is decoded and goes
 *   out in the set that MSH-18 names, UTF-8 when it names none.
 */
import { isAscii } from 'node:buffer';
import { type Fault, fault } from '@inorder/core';
import iconv from 'iconv-lite';
import type { ByteOrder } from './framing.ts';

export interface Charset {
  /** Name for iconv-lite. */
  readonly encoding: string;
  /** True where MSH-18 was empty and the bytes decided. */
  readonly assumed: boolean;
}

/** Table 0211 as far as it can be carried; keys in capitals with single spaces. */
const SUPPORTED: Readonly<Record<string, string>> = {
  ASCII: 'ascii',
  'ISO IR6': 'ascii',
  'UNICODE UTF-8': 'utf-8',
  'UTF-8': 'utf-8',
  UTF8: 'utf-8',
  UNICODE: 'utf-8',
  'GB 18030-2000': 'gb18030',
  'KS X 1001': 'euc-kr',
  'BIG-5': 'big5',
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 15].flatMap((n) => [
      [`8859/${n}`, `iso-8859-${n}`],
      [`ISO-8859-${n}`, `iso-8859-${n}`],
    ]),
  ),
};
const KNOWN_NOT_SUPPORTED = ['ISO IR14', 'ISO IR87', 'ISO IR159', 'UNICODE UTF-16', 'UNICODE UTF-32', 'CNS 11643-1992'];

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function decodeAs(bytes: Uint8Array, encoding: string): string | null {
  if (encoding === 'utf-8') return decodeUtf8(bytes);
  if (encoding === 'ascii') return isAscii(bytes) ? Buffer.from(bytes).toString('latin1') : null;
  const text = iconv.decode(Buffer.from(bytes), encoding, { stripBOM: false });
  // iconv-lite gives U+FFFD for a byte that means nothing, and one such byte back for it.
  if (text.includes('\ufffd')) return null;
  return sameBytes(iconv.encode(text, encoding), bytes) ? text : null;
}

/** Text to bytes; characters the set lacks come out as `?`, so ask {@link canEncode} first. */
export function encode(text: string, charset: Charset): Uint8Array {
  return charset.encoding === 'utf-8' ? Buffer.from(text, 'utf8') : iconv.encode(text, charset.encoding);
}

/** Whether every character of the text exists in the set. */
export function canEncode(text: string, charset: Charset): boolean {
  return decodeAs(encode(text, charset), charset.encoding) === text;
}

/** MSH-18, first repetition, read before anything else is known of the text. */
function headerCharset(header: string): string {
  const line = header.split(/[\r\n]/, 1)[0] ?? '';
  const separator = line.charAt(3);
  if (!line.startsWith('MSH') || separator === '') return '';
  const fields = line.split(separator);
  const repetition = fields[1]?.charAt(1) ?? '';
  const value = fields[17] ?? '';
  const first = repetition === '' ? value : (value.split(repetition)[0] ?? '');
  return first.trim().toUpperCase().replace(/\s+/g, ' ');
}

type Named = { ok: true; encoding: string | null } | { ok: false; fault: Fault };

function namedEncoding(name: string): Named {
  if (name === '' || name === '""') return { ok: true, encoding: null };
  const encoding = Object.hasOwn(SUPPORTED, name) ? SUPPORTED[name] : undefined;
  if (encoding !== undefined) return { ok: true, encoding };
  const known = KNOWN_NOT_SUPPORTED.includes(name);
  const detail = known
    ? `MSH-18 names ${name}, which is not carried here; send UNICODE UTF-8`
    : 'MSH-18 names a character set that table 0211 does not know';
  return {
    ok: false,
    fault: fault('HL7_CHARSET', detail, { path: 'MSH-18', table: 'HL70211', value: known ? name : null }),
  };
}

export type Decoded = { ok: true; text: string; charset: Charset } | { ok: false; fault: Fault };

function decodeUnnamed(bytes: Uint8Array): Decoded {
  if (isAscii(bytes))
    return { ok: true, text: Buffer.from(bytes).toString('latin1'), charset: { encoding: 'ascii', assumed: true } };
  const utf8 = decodeUtf8(bytes);
  if (utf8 !== null) return { ok: true, text: utf8, charset: { encoding: 'utf-8', assumed: true } };
  if (!bytes.some((byte) => byte >= 0x80 && byte <= 0x9f)) {
    const charset = { encoding: 'iso-8859-1', assumed: true };
    return { ok: true, text: Buffer.from(bytes).toString('latin1'), charset };
  }
  const detail = 'MSH-18 is empty and the bytes are neither ASCII nor UTF-8 nor ISO 8859-1';
  return { ok: false, fault: fault('HL7_CHARSET', detail, { path: 'MSH-18', table: 'HL70211' }) };
}

function decodeUtf16(bytes: Uint8Array, mark: 'utf-16le' | 'utf-16be'): Decoded {
  const bad = (detail: string): Decoded => ({
    ok: false,
    fault: fault('HL7_CHARSET', detail, { path: 'MSH-18', table: 'HL70211' }),
  });
  let text: string;
  try {
    text = new TextDecoder(mark, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bad('The byte order mark says UTF-16 and the bytes are not');
  }
  // The frame is wide here too.
  text = text.replace(/^[\v\s]+/, '').trimEnd();
  if (text.endsWith('\x1c')) text = text.slice(0, -1);
  const named = namedEncoding(headerCharset(text));
  if (!named.ok) return named;
  const charset: Charset = { encoding: named.encoding ?? 'utf-8', assumed: named.encoding === null };
  if (!canEncode(text, charset)) return bad('The text came as UTF-16 and does not fit the set that MSH-18 names');
  return { ok: true, text, charset };
}

/** Errors: HL7_CHARSET. */
export function decode(bytes: Uint8Array, mark: ByteOrder): Decoded {
  if (mark === 'utf-16le' || mark === 'utf-16be') return decodeUtf16(bytes, mark);
  const header = Buffer.from(bytes.subarray(0, 4096)).toString('latin1');
  const named = namedEncoding(headerCharset(header));
  if (!named.ok) return named;
  // A mark outweighs an empty MSH-18; against a set that MSH-18 does name it is only a mark.
  const encoding = named.encoding ?? (mark === 'utf-8' ? 'utf-8' : null);
  if (encoding === null) return decodeUnnamed(bytes);
  const text = decodeAs(bytes, encoding);
  if (text !== null) return { ok: true, text, charset: { encoding, assumed: named.encoding === null } };
  const detail = `The bytes are not ${encoding}, ${named.encoding === null ? 'which the byte order mark says' : 'which MSH-18 names'}`;
  return { ok: false, fault: fault('HL7_CHARSET', detail, { path: 'MSH-18', table: 'HL70211' }) };
}

/**
 * Bytes of a message that came as text (a JMS TextMessage): in the set its own MSH-18 names, so that header and bytes
 * agree when it is delivered. UTF-8 where MSH-18 is empty, not known, or lacks a character of the text.
 */
export function encodeText(text: string): Uint8Array {
  const named = namedEncoding(headerCharset(text.replace(/^[\ufeff\v\s]+/, '')));
  const charset: Charset = { encoding: (named.ok ? named.encoding : null) ?? 'utf-8', assumed: false };
  return canEncode(text, charset) ? encode(text, charset) : Buffer.from(text, 'utf8');
}

/** Bytes as the text of a JMS TextMessage, read as the stages read them. null where they fit no set they may be in. */
export function decodeText(bytes: Uint8Array): string | null {
  const decoded = decode(bytes, 'none');
  return decoded.ok ? decoded.text : null;
}
