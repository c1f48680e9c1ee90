/**
 * An order as the JMS message that a queue gets. Everything but attempt, epoch, the possible-duplicate mark and the time is
 * the same on every send of one number.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { DeliveryRequest } from '@inorder/core';
import { decodeText } from '@inorder/hl7';
import type { Message } from 'rhea';
import { rhea } from './rhea-internals.ts';

export type JmsBody = 'text' | 'bytes';

/** `nowAt` becomes JMSTimestamp. */
export function jmsMessage(request: DeliveryRequest, body: JmsBody, nowAt: number): Message {
  const { wrap_long } = rhea.types;
  const id = deliveryId(request);
  const text = body === 'text' ? textOf(request) : null;
  const { controlId } = request;
  return {
    durable: true,
    message_id: `ID:${id}`,
    // JMSXGroupID: brokers that know groups keep one reader for each, so the order survives several readers.
    group_id: request.interfaceCode,
    ...(controlId === '' ? {} : { correlation_id: controlId.toWellFormed() }),
    creation_time: new Date(nowAt),
    application_properties: {
      inorderInterface: request.interfaceCode,
      inorderSequenceNo: wrap_long(request.sequenceNo),
      inorderEpoch: wrap_long(request.epoch),
      inorderAttempt: wrap_long(request.attempt),
      inorderFormat: request.format,
      ...(request.possibleDuplicate ? { inorderPossibleDuplicate: true } : {}),
      // Artemis takes a second message of one id without storing it.
      _AMQ_DUPL_ID: id,
    },
    // No content type: by the JMS mapping one such as application/fhir+json would make text of a data section.
    body: text ?? rhea.message.data_section(Buffer.from(request.payload)),
  };
}

/**
 * The same for all sends of one number that carry the same bytes, and for nothing else in this world: a broker may drop a
 * second message of it. Not the interface's number, which another site or a new database has too. Other bytes (a repair)
 * and a late replay, which an operator wants to arrive, are another message.
 */
export function deliveryId({ messageId, replayId, payload }: DeliveryRequest): string {
  const bytes = createHash('sha256').update(payload).digest('hex').slice(0, 16);
  return [messageId, ...(replayId === null ? [] : [replayId]), bytes].join(':');
}

/** null: the bytes are no text, and a BytesMessage says so; nothing is sent changed. */
function textOf({ format, payload }: DeliveryRequest): string | null {
  if (format === 'HL7V2') return decodeText(payload);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    return null;
  }
}
