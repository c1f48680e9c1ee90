import { expect, test } from 'vitest';
import { type Ack, echoes, readAck } from './ack.ts';
import { judge } from './verdict.ts';

const read = (text: string): Ack | null => readAck(Buffer.from(text, 'utf8'));
const HEADER = 'MSH|^~\\&|LIS|LAB|E|S|20260101||ACK|7|P|2.5.1';

test.each([
  ['CR', `${HEADER}\rMSA|AA|C1\r`],
  ['LF', `${HEADER}\nMSA|AA|C1\n`],
  ['CRLF and blanks around', `\r\n${HEADER}\r\nMSA| AA | C1 |text\r\n`],
  ['byte order mark', `\ufeff${HEADER}\rMSA|AA|C1`],
  ['other delimiters', 'MSH#$%?@#LIS\rMSA#AA#C1'],
  ['a header of nothing else', 'MSH|^~\\&\rMSA|AA|C1'],
])('reads MSA with %s', (_name, text) => {
  expect(read(text)).toEqual({ code: 'AA', controlId: 'C1', errorCodes: [] });
});

test.each([
  ['empty', ''],
  ['no MSH', 'MSA|AA|C1'],
  ['no MSA', `${HEADER}\rPID|1`],
  ['unknown MSA-1', `${HEADER}\rMSA|OK|C1`],
  ['another protocol', 'HTTP/1.1 400 Bad Request'],
])('takes nothing else for an acknowledgement: %s', (_name, text) => {
  expect(read(text)).toBeNull();
});

test('ERR-3 of 2.5 and later, every segment', () => {
  const ack = read(`${HEADER}\rMSA|AE|C1\rERR||PID^1|101^Required field missing^HL70357|E\rERR||OBR^1|207|E`);
  expect(ack?.errorCodes).toEqual(['101', '207']);
});

test('ERR-1.4 before 2.5, every repetition, subcomponents and other delimiters', () => {
  expect(read(`${HEADER}\rMSA|AR|C1\rERR|MSH^1^12^203&Unsupported version~PID^1^3^101`)?.errorCodes).toEqual([
    '203',
    '101',
  ]);
  expect(read('MSH#$%?@#LIS\rMSA#AR#C1\rERR#MSH$1$12$203@x')?.errorCodes).toEqual(['203']);
});

test('G18: what does not look like a code is left out', () => {
  expect(read(`${HEADER}\rMSA|AE|C1\rERR|||Patient Doe unknown|E`)?.errorCodes).toEqual([]);
});

test('G15: MSA-2 must be the control id, exactly but for blanks', () => {
  const ack = read(`${HEADER}\rMSA|AA| Grün1 `);
  if (ack === null) throw new Error('not read');
  expect(['Grün1', ' Grün1', 'grün1', 'Grün', 'Grün12', ''].map((id) => echoes(ack, id))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(echoes({ ...ack, controlId: '' }, '')).toBe(false);
});

const ack = (code: Ack['code'], ...errorCodes: string[]): Ack => ({ code, controlId: 'C1', errorCodes });

test.each([
  [ack('AA'), false, 'delivered'],
  [ack('CA'), false, 'delivered'],
  [ack('AE'), false, 'MLLP_NACK_ERROR'],
  [ack('CE'), false, 'MLLP_NACK_ERROR'],
  [ack('AR'), false, 'MLLP_NACK_REJECT'],
  [ack('CR'), false, 'MLLP_NACK_REJECT'],
  [ack('AE', '207'), false, 'MLLP_NACK_ERROR'],
  ...['100', '101', '102', '103', '200', '201', '202', '203'].map((code): [Ack, boolean, string] => [
    ack('AR', '207', code),
    false,
    'MLLP_NACK_CONTENT',
  ]),
  [ack('AR', '204'), false, 'MLLP_NACK_REJECT'],
  [ack('AE', '205'), true, 'by duplicate'],
  [ack('AE', '205'), false, 'MLLP_NACK_ERROR'],
  [ack('AE', '205', '101'), true, 'MLLP_NACK_CONTENT'],
] as [Ack, boolean, string][])('verdict of %o, possible duplicate %s: %s', (given, possibleDuplicate, expected) => {
  const verdict = judge(given, possibleDuplicate);
  expect(verdict.ok ? (verdict.byDuplicate ? 'by duplicate' : 'delivered') : verdict.code).toBe(expected);
});
