/**
 * A message on its way to its numbers: the copies it becomes and the row of each. Ids are made once, before the first
 * try, so that a repeat after a lost COMMIT answer can recognise its own (G2).
 */
import { createHash } from 'node:crypto';
import { type Disposition, type InboundMessage, type MessageId, messageId } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { encodeText } from '@inorder/hl7';
import { HASH_BYTES, type IngestRow, type RejectRow } from '../adapters/postgres/ingest-queries.ts';
import type { SiteInterface } from '../site/site-cache.ts';

/** One hand-over that waits for its disposition. */
export interface HandOver {
  readonly message: InboundMessage;
  settle(disposition: Disposition): void;
}

/** A hand-over with its interfaces, hashed and ready to be stored. */
export interface Envelope {
  readonly handOver: HandOver;
  readonly copies: readonly { readonly to: SiteInterface; readonly messageId: MessageId }[];
  /** null where the sender set no id: each copy's own message id stands in, and equals no other. */
  readonly idHash: Uint8Array | null;
  readonly bodyHash: Uint8Array;
  readonly propertiesJson: string | null;
}

export function envelopeOf(handOver: HandOver, interfaces: readonly SiteInterface[], nowMs: number): Envelope {
  const { message } = handOver;
  return {
    handOver,
    copies: interfaces.map((to) => ({ to, messageId: messageId(uuidv7(nowMs)) })),
    idHash: message.jmsMessageId === null ? null : hashOf(message.jmsMessageId),
    bodyHash: hashOf(message.body),
    propertiesJson: propertiesJson(message),
  };
}

/** The rows of a batch, in the order of hand-over. */
export function rowsOf(envelopes: readonly Envelope[]): IngestRow[] {
  // Bodies seen in this batch by source, interface and id; an empty id stands for "without id".
  const bodiesById = new Map<string, Set<string>>();
  return envelopes.flatMap((envelope) => {
    const { message } = envelope.handOver;
    const body = hexOf(envelope.bodyHash);
    const id = envelope.idHash === null ? '' : hexOf(envelope.idHash);
    return envelope.copies.map((copy): IngestRow => {
      const key = `${message.sourceId} ${copy.to.interfaceId} ${id}`;
      const bodies = bodiesById.get(key);
      if (bodies === undefined) bodiesById.set(key, new Set([body]));
      const row: IngestRow = {
        messageId: copy.messageId,
        interfaceId: copy.to.interfaceId,
        sourceId: message.sourceId,
        sourceEpoch: message.sourceEpoch,
        idHash: envelope.idHash ?? hashOf(copy.messageId),
        bodyHash: envelope.bodyHash,
        hasId: envelope.idHash !== null,
        redelivered: message.redelivered,
        bytesSeenInBatch: id === '' && bodies?.has(body) === true,
        idReusedInBatch: id !== '' && bodies !== undefined && !bodies.has(body),
        format: copy.to.format,
        jmsMessageId: message.jmsMessageId,
        propertiesJson: envelope.propertiesJson,
        body: storedBody(message, copy.to),
      };
      bodies?.add(body);
      return row;
    });
  });
}

/**
 * A TextMessage has characters and no bytes: an HL7 v2 message is kept in the set that its own MSH-18 names, so that
 * header and bytes agree when it is delivered. Anything else is kept as it came.
 */
function storedBody(message: InboundMessage, to: SiteInterface): Uint8Array {
  return message.isText === true && to.format === 'HL7V2'
    ? encodeText(Buffer.from(message.body).toString('utf8'))
    : message.body;
}

/** How much of an envelope without a number is kept: enough to see what it was. */
export const REJECT_BODY_BYTES_MAX = 1_048_576;

/** The row that keeps a refused envelope. Text that no Postgres column can hold is cleaned; the body is kept as it is. */
export function rejectRowOf(message: InboundMessage, errorCode: string, detail: string): RejectRow {
  return {
    rejectId: uuidv7(),
    sourceId: message.sourceId,
    errorCode,
    detail,
    jmsMessageId: message.jmsMessageId === null ? null : storable(message.jmsMessageId),
    propertiesJson: propertiesJson({
      properties: Object.fromEntries(
        Object.entries(message.properties).map(([name, value]) => [
          storable(name),
          typeof value === 'string' ? storable(value) : value,
        ]),
      ),
    }),
    body: message.body.subarray(0, REJECT_BODY_BYTES_MAX),
    bodyBytes: message.body.byteLength,
  };
}

/** U+FFFD in place of what text columns and jsonb refuse: NUL and lone surrogates. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

function propertiesJson(message: Pick<InboundMessage, 'properties'>): string | null {
  return Object.keys(message.properties).length === 0 ? null : JSON.stringify(message.properties);
}

function hashOf(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest().subarray(0, HASH_BYTES);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
