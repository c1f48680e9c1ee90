import { Buffer } from 'node:buffer';
import type { InboundMessage } from '@inorder/core';
import fc from 'fast-check';
import rhea from 'rhea';
import { describe, expect, test } from 'vitest';
import { normalise } from './normalise.ts';
import type { Refusal } from './options.ts';
import { ORIGIN_A } from './test-parts.ts';

const { types, message } = rhea;
// Constructors of single AMQP types hang on rhea's `types` at run time only.
const typed = types as unknown as Record<'Ulong' | 'Long' | 'Uuid' | 'Boolean' | 'Float', (value: unknown) => unknown>;
const big = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  return bytes;
};

function read(fields: object): InboundMessage {
  const result = normalise(ORIGIN_A, message.encode(fields), 0);
  if (!result.ok) throw new Error(`refused: ${result.refusal.description}`);
  return result.message;
}

function refused(encoded: Buffer, format = 0): Refusal {
  const result = normalise(ORIGIN_A, encoded, format);
  if (result.ok) throw new Error('was not refused');
  return result.refusal;
}

const idOf = (message_id: unknown): string | null => read({ body: 'x', message_id }).jmsMessageId;
const text = (m: InboundMessage): string => Buffer.from(m.body).toString('utf8');

describe('rhea trap: ids are buffers or rounded numbers', () => {
  const bytes = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  test('G2: every AMQP type of id has a text of its own', () => {
    expect(idOf('ID:abc')).toBe('ID:abc');
    expect(idOf('abc')).toBe('ID:AMQP_NO_PREFIX:abc');
    expect(idOf(typed.Uuid(bytes))).toBe('ID:AMQP_UUID:00112233-4455-6677-8899-aabbccddeeff');
    expect(idOf(types.wrap_binary(bytes))).toBe('ID:AMQP_BINARY:00112233445566778899AABBCCDDEEFF');
    expect(idOf(0)).toBe('ID:AMQP_ULONG:0');
    expect(idOf(7)).toBe('ID:AMQP_ULONG:7');
    expect(idOf(typed.Ulong(big(9_007_199_254_740_993n)))).toBe('ID:AMQP_ULONG:9007199254740993');
    expect(idOf(typed.Ulong(big(2n ** 64n - 1n)))).toBe('ID:AMQP_ULONG:18446744073709551615');
  });
  test('G2: no id, and an empty one, is no id', () => {
    expect(idOf(undefined)).toBeNull();
    expect(idOf('')).toBeNull();
  });
  test('G2: a string that looks like a typed id does not collide with it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (raw, n) => {
          const id = Buffer.from(raw);
          const wire = [typed.Uuid(id), types.wrap_binary(id), typed.Ulong(big(n)), n.toString()];
          const texts = wire.map(idOf);
          const asStrings = texts.map((t) => idOf(t ?? ''));
          expect(new Set([...texts, ...asStrings]).size).toBe(8);
        },
      ),
    );
  });
});

test('rhea trap: 64-bit values keep every digit', () => {
  const { properties } = read({
    body: 'x',
    application_properties: {
      odd: typed.Long(big(9_007_199_254_740_993n)),
      negative: typed.Long(big(-9_007_199_254_740_993n)),
      least: typed.Long(big(-(2n ** 63n))),
      most: typed.Ulong(big(2n ** 64n - 1n)),
      exact: typed.Long(big(9_007_199_254_740_991n)),
      small: typed.Long(big(-5n)),
      int: 42,
      flag: typed.Boolean(1),
      off: false,
      none: null,
      half: 0.5,
      infinite: typed.Float(Number.POSITIVE_INFINITY),
      blob: types.wrap_binary(Buffer.from([0xde, 0xad])),
      __proto__x: 'y',
    },
  });
  expect(properties).toEqual({
    odd: '9007199254740993',
    negative: '-9007199254740993',
    least: '-9223372036854775808',
    most: '18446744073709551615',
    exact: 9_007_199_254_740_991,
    small: -5,
    int: 42,
    flag: true,
    off: false,
    none: null,
    half: 0.5,
    infinite: 'Infinity',
    blob: 'DEAD',
    __proto__x: 'y',
  });
});

test('a property called __proto__ is a property', () => {
  const application_properties = Object.fromEntries([['__proto__', 'polluted']]);
  const { properties } = read({ body: 'x', application_properties });
  expect(Object.getPrototypeOf(properties)).toBe(Object.prototype);
  expect(Object.getOwnPropertyDescriptor(properties, '__proto__')?.value).toBe('polluted');
});

test('JMS headers come from the envelope and win over properties of the same name', () => {
  const m = read({
    body: 'x',
    group_id: 'order-1',
    group_sequence: 3,
    correlation_id: 'corr',
    reply_to: 'answers',
    subject: 'ORM',
    content_type: 'text/plain',
    application_properties: { JMSXGroupID: 'forged', site: 'A' },
  });
  expect(m.contentType).toBe('text/plain');
  expect(m.properties).toEqual({
    JMSXGroupID: 'order-1',
    JMSXGroupSeq: 3,
    JMSCorrelationID: 'corr',
    JMSReplyTo: 'answers',
    JMSType: 'ORM',
    site: 'A',
  });
});

test('G2: redelivered by delivery-count, or by a first-acquirer that says no', () => {
  expect(read({ body: 'x' }).redelivered).toBe(false);
  expect(read({ body: 'x', delivery_count: 0, first_acquirer: true }).redelivered).toBe(false);
  expect(read({ body: 'x', delivery_count: 2 }).redelivered).toBe(true);
  expect(read({ body: 'x', first_acquirer: false }).redelivered).toBe(true);
});

describe('bodies', () => {
  test('TextMessage: the text in UTF-8', () => {
    expect(text(read({ body: 'MSH|^~\\&|é€😀\r' }))).toBe('MSH|^~\\&|é€😀\r');
  });
  test('BytesMessage: the bytes as they are, several data sections joined', () => {
    const latin1 = Buffer.from([0xe9, 0x00, 0xff]);
    expect(Buffer.from(read({ body: message.data_section(latin1) }).body)).toEqual(latin1);
    const two = message.data_sections([Buffer.from('one '), Buffer.from('two')]);
    expect(text(read({ body: two }))).toBe('one two');
  });
  test('G16: bytes that are not UTF-8 in a text come through unchanged', () => {
    const encoded = Buffer.concat([Buffer.from([0x00, 0x53, 0x77, 0xa1, 2]), Buffer.from([0xff, 0xfe])]);
    const result = normalise(ORIGIN_A, encoded, 0);
    expect(result.ok && Buffer.from(result.message.body)).toEqual(Buffer.from([0xff, 0xfe]));
  });
  test('null, an empty data section and no body at all are an empty body', () => {
    expect(read({ body: null }).body).toHaveLength(0);
    expect(read({ body: message.data_section(Buffer.alloc(0)) }).body).toHaveLength(0);
    const result = normalise(ORIGIN_A, Buffer.alloc(0), 0);
    expect(result.ok && result.message.body).toHaveLength(0);
  });
  test('the body does not hold on to the buffer it came in', () => {
    const encoded = message.encode({ body: message.data_section(Buffer.from('abc')) });
    const result = normalise(ORIGIN_A, encoded, 0);
    encoded.fill(0);
    expect(result.ok && text(result.message)).toBe('abc');
    expect(result.ok && result.message.body.buffer.byteLength).toBe(3);
  });
  test.each([
    ['a map', { body: { patient: 'SECRET' } }],
    ['a list', { body: ['SECRET'] }],
    ['a number', { body: 42 }],
    ['a sequence', { body: message.sequence_section(['SECRET']) }],
    [
      'a Java object',
      { body: message.data_section(Buffer.from('SECRET')), content_type: 'application/x-java-serialized-object' },
    ],
  ])('%s is refused as INGEST_BODY_KIND, with its id and without its content', (_, fields) => {
    const refusal = refused(message.encode({ ...fields, message_id: 'ID:7' }));
    expect(refusal).toMatchObject({ code: 'INGEST_BODY_KIND', jmsMessageId: 'ID:7' });
    expect(refusal.description).not.toContain('SECRET');
  });
});

describe('G16: what is not a message is refused, and harms nobody', () => {
  test('cut off anywhere, or with bytes changed, it is read or refused, never thrown', () => {
    const whole = message.encode({ body: 'text', message_id: 'ID:1', application_properties: { a: 1, b: [1, 2] } });
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (cut, at, byte) => {
        const broken = Buffer.from(whole);
        broken[at] = byte;
        expect(() => normalise(ORIGIN_A, broken.subarray(0, cut), 0)).not.toThrow();
      }),
    );
  });
  test('an array that announces four thousand million nulls is refused at once', () => {
    const bomb = Buffer.from([0x00, 0x53, 0x77, 0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]);
    expect(refused(bomb).description).toBe('The message is not well-formed AMQP 1.0');
  });
  test('lists within lists without end are refused', () => {
    const depth = 200_000;
    const nested = Buffer.alloc(depth * 9 + 1, 0x45);
    for (let i = 0; i < depth; i++) {
      nested[i * 9] = 0xd0;
      nested.writeUInt32BE((depth - i) * 9 - 4, i * 9 + 1);
      nested.writeUInt32BE(1, i * 9 + 5);
    }
    expect(refused(Buffer.concat([Buffer.from([0x00, 0x53, 0x77]), nested])).code).toBe('INGEST_BODY_KIND');
  });
  test('another message-format is refused', () => {
    expect(refused(message.encode({ body: 'x' }), 7).description).toContain('message-format 7');
  });
});
