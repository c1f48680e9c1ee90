/**
 * Reads of an acknowledgement what delivery decides by: MSA-1, MSA-2 and the error codes. Tolerant of everything else,
 * and blind to MSA-3 and ERR-8, where laboratory systems write names (G18).
 */
export const ACK_CODES = ['AA', 'AE', 'AR', 'CA', 'CE', 'CR'] as const;
export type AckCode = (typeof ACK_CODES)[number];

export interface Ack {
  /** MSA-1. */
  readonly code: AckCode;
  /** MSA-2, trimmed; one character per byte. */
  readonly controlId: string;
  /** ERR-3.1 of every ERR segment (2.5 and later), or ERR-1.4 of its repetitions (before). Only what looks like a code. */
  readonly errorCodes: readonly string[];
}

const ERROR_CODE = /^[A-Za-z0-9._-]{1,20}$/;

/** Null where the bytes are no acknowledgement: no MSH at the start, no MSA, or an MSA-1 outside table 0008. */
export function readAck(bytes: Uint8Array): Ack | null {
  // Latin-1 keeps one character per byte whatever MSH-18 says; all that is read here is ASCII.
  const segments = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .split(/[\r\n]+/)
    .map((segment) => segment.trimStart());
  const header = segments.find((segment) => segment !== '');
  if (header === undefined || !header.startsWith('MSH') || header.length < 5) return null;
  const fieldSeparator = header.charAt(3);
  const [componentSeparator = '^', repetitionSeparator = '~', , subcomponentSeparator = '&'] = header.slice(4);
  const msa = segments.find((segment) => segment.startsWith(`MSA${fieldSeparator}`))?.split(fieldSeparator);
  const code = ACK_CODES.find((known) => known === msa?.[1]?.trim());
  if (msa === undefined || code === undefined) return null;

  const first = (text: string, separator: string): string => text.split(separator)[0] ?? '';
  const errorCodes: string[] = [];
  for (const segment of segments) {
    if (!segment.startsWith(`ERR${fieldSeparator}`)) continue;
    const fields = segment.split(fieldSeparator);
    const modern = first(fields[3] ?? '', componentSeparator).trim();
    const older = (fields[1] ?? '')
      .split(repetitionSeparator)
      .map((location) => first(location.split(componentSeparator)[3] ?? '', subcomponentSeparator).trim());
    errorCodes.push(...(modern === '' ? older : [modern]).filter((text) => ERROR_CODE.test(text)));
  }
  return { code, controlId: (msa[2] ?? '').trim(), errorCodes };
}

/** True where MSA-2 is exactly the control id that was sent (G15), in UTF-8 or Latin-1. */
export function echoes(ack: Ack, controlId: string): boolean {
  const sent = controlId.trim();
  return sent !== '' && (ack.controlId === sent || ack.controlId === Buffer.from(sent, 'utf8').toString('latin1'));
}
