/**
 * One encoded AMQP message → `InboundMessage`, by the JMS mapping that Qpid JMS writes and reads. Text and bytes are
 * taken as they are; maps, lists and Java objects are refused by code. Nothing here throws.
 */
import type { Buffer } from 'node:buffer';
import type { InboundMessage, InboundOrigin } from '@inorder/core';
import type { Typed } from 'rhea';
import { type AmqpScalar, elements, readSections, type Section, scalar, uuidText } from './amqp-value.ts';
import type { Refusal } from './options.ts';
import { type ReplyRequest, replyRequest } from './replies.ts';

export type Normalised =
  | { readonly ok: true; readonly message: InboundMessage; readonly reply?: ReplyRequest }
  | { readonly ok: false; readonly refusal: Refusal; readonly reply?: ReplyRequest };

const HEADER = 0x70;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;
const SEQUENCE = 0x76;
const VALUE = 0x77;
const JAVA_OBJECT = 'application/x-java-serialized-object';
/** Prefixes that say what an id was on the wire; a string id that begins with one is marked itself. */
const TYPED_ID = /^ID:AMQP_(?:UUID|ULONG|BINARY|STRING|NO_PREFIX):/;

/** `format` is the transfer's message-format; only 0 is an AMQP message. */
export function normalise(origin: InboundOrigin, encoded: Buffer, format: number): Normalised {
  if (format !== 0) return refuse(`The message-format ${format} is not an AMQP message`, null);
  let sections: Section[];
  try {
    sections = readSections(encoded);
  } catch {
    // The reason names offsets and types at best, bytes at worst: it stays here (G18).
    return refuse('The message is not well-formed AMQP 1.0', null);
  }
  const properties = listOf(sections, PROPERTIES);
  const result = read(origin, sections, properties);
  const reply = replyRequest(text(scalar(properties[4])), scalar(properties[5]), scalar(properties[0]));
  if (reply === undefined) return result;
  return result.ok ? { ok: true, message: { ...result.message, wantsReceipt: true }, reply } : { ...result, reply };
}

function read(origin: InboundOrigin, sections: readonly Section[], properties: readonly Typed[]): Normalised {
  const jmsMessageId = messageIdText(scalar(properties[0]));
  const contentType = text(scalar(properties[6]));
  if (contentType === JAVA_OBJECT) return refuse('A JMS ObjectMessage has neither text nor bytes', jmsMessageId);
  const body = bodyOf(sections);
  if (typeof body === 'string') return refuse(body, jmsMessageId);
  return {
    ok: true,
    message: {
      ...origin,
      jmsMessageId,
      redelivered: isRedelivered(listOf(sections, HEADER)),
      body,
      isText: isText(sections),
      contentType,
      properties: jmsProperties(sections, properties),
    },
  };
}

function refuse(description: string, jmsMessageId: string | null): Normalised {
  return { ok: false, refusal: { code: 'INGEST_BODY_KIND', description, jmsMessageId } };
}

function listOf(sections: readonly Section[], code: number): readonly Typed[] {
  const section = sections.find((s) => s.code === code);
  return section === undefined ? [] : elements(section.value);
}

/**
 * delivery-count above 0, or first-acquirer said to be false in so many words (RabbitMQ tells it only so). The
 * protocol's default for a missing first-acquirer is false too, but no producer sets it: by that default every
 * message at our own listener would be a redelivery.
 */
function isRedelivered(header: readonly Typed[]): boolean {
  const firstAcquirer = scalar(header[3]);
  const deliveryCount = scalar(header[4]);
  if (deliveryCount.kind === 'number' && deliveryCount.value > 0) return true;
  return firstAcquirer.kind === 'boolean' && !firstAcquirer.value;
}

/** An amqp-value string is what a JMS TextMessage becomes. */
function isText(sections: readonly Section[]): boolean {
  const value = sections.find((s) => s.code === VALUE);
  return value !== undefined && scalar(value.value).kind === 'string';
}

/** Body bytes of their own, so that a small body does not keep the socket's whole chunk in memory; or why there are none. */
function bodyOf(sections: readonly Section[]): Uint8Array | string {
  const parts: Buffer[] = [];
  for (const { code, value } of sections) {
    if (code === SEQUENCE) return 'A list (JMS StreamMessage) has neither text nor bytes';
    if (code !== DATA && code !== VALUE) continue;
    const content = scalar(value);
    if (content.kind === 'string' || content.kind === 'binary') parts.push(content.bytes);
    else if (content.kind !== 'null') {
      return `A body of AMQP type ${value.type.name} (JMS MapMessage, StreamMessage or a bare value) has neither text nor bytes`;
    }
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const body = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    body.set(part, offset);
    offset += part.length;
  }
  return body;
}

type Property = string | number | boolean | null;

/** What the envelope says wins over an application property of the same name. */
function jmsProperties(sections: readonly Section[], properties: readonly Typed[]): Readonly<Record<string, Property>> {
  const entries = new Map<string, Property>();
  const pairs = listOf(sections, APPLICATION_PROPERTIES);
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = text(scalar(pairs[i]));
    if (name !== null) entries.set(name, property(scalar(pairs[i + 1])));
  }
  const set = (name: string, value: Property): void => {
    if (value !== null) entries.set(name, value);
  };
  set('JMSType', text(scalar(properties[3])));
  set('JMSReplyTo', text(scalar(properties[4])));
  set('JMSCorrelationID', correlationIdText(scalar(properties[5])));
  set('JMSXGroupID', text(scalar(properties[10])));
  set('JMSXGroupSeq', property(scalar(properties[11])));
  // fromEntries defines own properties, so a property called __proto__ stays one.
  return Object.fromEntries(entries);
}

function property(value: AmqpScalar): Property {
  switch (value.kind) {
    case 'null':
      return null;
    case 'boolean':
      return value.value;
    case 'number':
      return Number.isFinite(value.value) ? value.value : String(value.value);
    case 'integer64': {
      const number = Number(value.value);
      return Number.isSafeInteger(number) ? number : value.value.toString();
    }
    case 'uuid':
      return uuidText(value.bytes);
    case 'binary':
      return value.bytes.toString('hex').toUpperCase();
    case 'string':
    case 'symbol':
      return value.bytes.toString('utf8');
    case 'other':
      return `(AMQP ${value.type})`;
  }
}

function text(value: AmqpScalar): string | null {
  return value.kind === 'string' || value.kind === 'symbol' ? value.bytes.toString('utf8') : null;
}

/**
 * A JMS message id as Qpid JMS prints it, so that no two ids of different AMQP types read alike:
 * `ID:…` as it came · `ID:AMQP_NO_PREFIX:…` any other string · `ID:AMQP_UUID:…` · `ID:AMQP_ULONG:…` ·
 * `ID:AMQP_BINARY:HEX` · `ID:AMQP_STRING:…` a string that looks like one of these. An empty string is no id.
 */
function messageIdText(value: AmqpScalar): string | null {
  if (value.kind !== 'string') return typedIdText(value);
  const id = value.bytes.toString('utf8');
  if (id === '') return null;
  if (!id.startsWith('ID:')) return `ID:AMQP_NO_PREFIX:${id}`;
  return TYPED_ID.test(id) ? `ID:AMQP_STRING:${id}` : id;
}

/** Correlation ids of the application's own making keep their text. */
function correlationIdText(value: AmqpScalar): string | null {
  if (value.kind !== 'string') return typedIdText(value);
  const id = value.bytes.toString('utf8');
  return TYPED_ID.test(id) ? `ID:AMQP_STRING:${id}` : id;
}

function typedIdText(value: AmqpScalar): string | null {
  if (value.kind === 'uuid') return `ID:AMQP_UUID:${uuidText(value.bytes)}`;
  if (value.kind === 'integer64') return `ID:AMQP_ULONG:${value.value}`;
  if (value.kind === 'binary') return `ID:AMQP_BINARY:${value.bytes.toString('hex').toUpperCase()}`;
  return null;
}
