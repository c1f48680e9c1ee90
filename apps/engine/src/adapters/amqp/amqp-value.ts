/**
 * Reads the sections of one encoded AMQP 1.0 message without losing anything: rhea's own decoder turns every number
 * into a JS number (9007199254740993 becomes …992), forgets whether an id was a string, a ulong, a uuid or binary,
 * and lets a malformed message take the connection down. rhea's type reader is kept, with two of its methods
 * replaced on the instance. Source: AMQP 1.0 part 1 section 1.6, part 3 section 3.2.
 */
import { Buffer } from 'node:buffer';
import type { Typed } from 'rhea';
import { Reader, type RheaReader } from './rhea-internals.ts';

/** One decoded section: its descriptor code (0x70 header … 0x78 footer) and its typed value. */
export interface Section {
  readonly code: number;
  readonly value: Typed;
}

const EIGHT_BYTE_INTEGERS = new Set(['Ulong', 'Long', 'Timestamp']);
/** Descriptors may be sent by symbol instead of by number. */
const CODE_OF_SYMBOL: Readonly<Record<string, number>> = {
  'amqp:header:list': 0x70,
  'amqp:delivery-annotations:map': 0x71,
  'amqp:message-annotations:map': 0x72,
  'amqp:properties:list': 0x73,
  'amqp:application-properties:map': 0x74,
  'amqp:data:binary': 0x75,
  'amqp:amqp-sequence:list': 0x76,
  'amqp:amqp-value:*': 0x77,
  'amqp:footer:map': 0x78,
};

/** rhea's reader, but 8-byte integers, strings and symbols stay bytes until someone asks. */
function exactReader(bytes: Buffer): RheaReader {
  const reader = new Reader(bytes);
  const fixed = reader.read_fixed_width.bind(reader);
  const take = (length: number): Buffer => {
    if (length > reader.remaining()) throw new RangeError('a value is longer than its message');
    return reader.read_bytes(length);
  };
  reader.read_fixed_width = (type) => (EIGHT_BYTE_INTEGERS.has(type.name) ? take(type.width) : fixed(type));
  reader.read_variable_width = (type) => take(reader.read_uint(type.width));
  return reader;
}

/** @throws where the bytes are not a well-formed AMQP message; the caller turns that into a refusal. */
export function readSections(bytes: Buffer): Section[] {
  const reader = exactReader(bytes);
  const sections: Section[] = [];
  while (reader.remaining() > 0) {
    const value = reader.read();
    const code = descriptorCode(value.descriptor);
    if (code === undefined) throw new TypeError('a section has no known descriptor');
    sections.push({ code, value });
  }
  return sections;
}

function descriptorCode(descriptor: Typed | undefined): number | undefined {
  if (descriptor === undefined) return undefined;
  const value: unknown = descriptor.value;
  if (typeof value === 'number') return value;
  if (!Buffer.isBuffer(value)) return undefined;
  return descriptor.type.name === 'Ulong' ? Number(value.readBigUInt64BE()) : CODE_OF_SYMBOL[value.toString('latin1')];
}

/** What a typed value is in the terms of this folder. */
export type AmqpScalar =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number }
  /** 64-bit; `unsigned` tells ulong from long. */
  | { readonly kind: 'integer64'; readonly value: bigint; readonly unsigned: boolean }
  | { readonly kind: 'uuid' | 'binary' | 'string' | 'symbol'; readonly bytes: Buffer }
  | { readonly kind: 'other'; readonly type: string };

const NUMBERS = new Set([
  'Ubyte',
  'Ushort',
  'Uint',
  'SmallUint',
  'Uint0',
  'Byte',
  'Short',
  'Int',
  'SmallInt',
  'Float',
  'Double',
  'CharUTF32',
]);

/** Sorts one typed value, as `exactReader` leaves it. A missing list element counts as null. */
export function scalar(typed: Typed | undefined): AmqpScalar {
  if (typed === undefined) return { kind: 'null' };
  const name = typed.type.name;
  const value: unknown = typed.value;
  if (typed.descriptor !== undefined && !isSection(typed)) return { kind: 'other', type: 'described' };
  if (name === 'Null') return { kind: 'null' };
  // 0x56 comes as the byte 0 or 1, 0x41 and 0x42 as booleans.
  if (name === 'Boolean' || name === 'True' || name === 'False') return { kind: 'boolean', value: Boolean(value) };
  if (Buffer.isBuffer(value)) return ofBytes(name, value);
  if (typeof value === 'number') {
    if (name.includes('long') || name.includes('Long')) {
      return { kind: 'integer64', value: BigInt(value), unsigned: name.toLowerCase().includes('ulong') };
    }
    if (NUMBERS.has(name)) return { kind: 'number', value };
  }
  return { kind: 'other', type: name };
}

function isSection(typed: Typed): boolean {
  const code = descriptorCode(typed.descriptor);
  return code !== undefined && code >= 0x70 && code <= 0x78;
}

function ofBytes(name: string, bytes: Buffer): AmqpScalar {
  switch (name) {
    case 'Ulong':
      return { kind: 'integer64', value: bytes.readBigUInt64BE(), unsigned: true };
    case 'Long':
    case 'Timestamp':
      return { kind: 'integer64', value: bytes.readBigInt64BE(), unsigned: false };
    case 'Uuid':
      return { kind: 'uuid', bytes };
    case 'Str8':
    case 'Str32':
      return { kind: 'string', bytes };
    case 'Sym8':
    case 'Sym32':
      return { kind: 'symbol', bytes };
    case 'Vbin8':
    case 'Vbin32':
      return { kind: 'binary', bytes };
    default:
      return { kind: 'other', type: name };
  }
}

/** The elements of a list or map section (a map alternates key and value). */
export function elements(typed: Typed): readonly Typed[] {
  const value: unknown = typed.value;
  // rhea's reader fills lists and maps with Typed only.
  return Array.isArray(value) ? (value as Typed[]) : [];
}

export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
