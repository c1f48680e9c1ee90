/**
 * What one instance tells another about messages whose lane that one owns: how their stages ended. One Redis publish on
 * `wakeChannel(instance)` is one JSON array of these. Ids, numbers and keyed hashes; never payload (G18). Anything may be
 * lost on the way (G11): what never comes is found in Postgres.
 */
import {
  type DestinationId,
  destinationId,
  type ErrorCode,
  type InterfaceId,
  interfaceId,
  isErrorCode,
  type MessageId,
  messageId,
  PAYLOAD_FORMATS,
  type PayloadFormat,
  type SequenceNo,
  sequenceNo,
} from '@inorder/core';
import { z } from 'zod';

/** Bytes of one publish, more or less: the last end may not be divided. */
export const WAKE_UP_BYTES_MAX = 256 * 1024;
/** Longer than any text we write; not parsed at all. */
const TEXT_LENGTH_MAX = 4 * WAKE_UP_BYTES_MAX;

const uuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

const shared = {
  interfaceId: uuid.transform(interfaceId),
  messageId: uuid.transform(messageId),
  sequenceNo: z.int().min(1).transform(sequenceNo),
  placerKeys: z.array(z.string().regex(/^[0-9a-f]{2,128}$/)).max(1000),
};

/** The end of one message's stages. Fields that are not known are dropped, so that a newer sender is understood. */
export const wakeUpEndSchema = z.discriminatedUnion('status', [
  z.object({
    ...shared,
    status: z.literal('PROCESSED'),
    destinationId: uuid.transform(destinationId),
    controlId: z.string().min(1).max(512),
    format: z.enum(PAYLOAD_FORMATS),
  }),
  z.object({
    ...shared,
    status: z.literal('FAILED'),
    code: z.custom<ErrorCode>((value) => typeof value === 'string' && isErrorCode(value)),
  }),
  z.object({ ...shared, status: z.literal('FILTERED') }),
]);

export type WakeUpEnd = {
  readonly interfaceId: InterfaceId;
  readonly messageId: MessageId;
  readonly sequenceNo: SequenceNo;
  readonly placerKeys: readonly string[];
} & (
  | {
      readonly status: 'PROCESSED';
      readonly destinationId: DestinationId;
      readonly controlId: string;
      readonly format: PayloadFormat;
    }
  | { readonly status: 'FAILED'; readonly code: ErrorCode }
  | { readonly status: 'FILTERED' }
);

/**
 * The texts to publish, in order, each of at most `bytesMax` bytes unless one end alone is longer. Field by field: what a
 * caller's object holds besides, a payload above all, stays here.
 */
export function encodeWakeUps(ends: readonly WakeUpEnd[], bytesMax: number = WAKE_UP_BYTES_MAX): string[] {
  const texts: string[] = [];
  let parts: string[] = [];
  let bytes = 1;
  for (const end of ends) {
    const part = JSON.stringify(fieldsOf(end));
    const partBytes = utf8Bytes(part) + 1;
    if (parts.length > 0 && bytes + partBytes > bytesMax) {
      texts.push(`[${parts.join(',')}]`);
      parts = [];
      bytes = 1;
    }
    parts.push(part);
    bytes += partBytes;
  }
  if (parts.length > 0) texts.push(`[${parts.join(',')}]`);
  return texts;
}

/** What a publish says. `dropped` counts what is no end of ours; a text that is no list counts as one. Never throws. */
export function decodeWakeUps(text: string): { readonly ends: readonly WakeUpEnd[]; readonly dropped: number } {
  const list = listOf(text);
  if (list === undefined) return { ends: [], dropped: 1 };
  const ends: WakeUpEnd[] = [];
  for (const one of list) {
    const parsed = wakeUpEndSchema.safeParse(one);
    if (parsed.success) ends.push(parsed.data);
  }
  return { ends, dropped: list.length - ends.length };
}

function fieldsOf(end: WakeUpEnd): WakeUpEnd {
  const { interfaceId, messageId, sequenceNo, placerKeys, status } = end;
  const common = { interfaceId, messageId, sequenceNo, placerKeys };
  switch (status) {
    case 'PROCESSED':
      return {
        ...common,
        status,
        destinationId: end.destinationId,
        controlId: end.controlId,
        format: end.format,
      };
    case 'FAILED':
      return { ...common, status, code: end.code };
    case 'FILTERED':
      return { ...common, status };
  }
}

function listOf(text: string): readonly unknown[] | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}

/** Without an encoder: neither DOM nor Node types are known here. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    // Halves of a pair are two units for four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
