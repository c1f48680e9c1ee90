import { describe, expect, test } from 'vitest';
import { bytes, MSH, ORDER, parsed } from '../test/synthetic.ts';
import { ACK_CODES, buildAck, parseAck, parseHl7 } from './index.ts';

const HEAD = 'MSH|^~\\&|LAB|CENTRAL|ORDERS|NORTH|20260102||ACK|A1|P|2.5.1';

test.each(ACK_CODES)('%s is read with its control id', (code) => {
  const ack = parseAck(bytes([HEAD, `MSA|${code}|CTL0001|said so`]));
  expect(ack).toEqual({ ok: true, code, controlId: 'CTL0001', text: 'said so', errors: [] });
});

test('an answer in a frame, with LF, in lower case, is read', () => {
  const ack = parseAck(bytes(`\v${HEAD}\nMSA|aa|CTL0001\n\x1c\r`));
  expect(ack).toMatchObject({ ok: true, code: 'AA', controlId: 'CTL0001' });
});

describe('ERR', () => {
  const errors = (line: string) => {
    const ack = parseAck(bytes([HEAD, 'MSA|AE|CTL0001', line]));
    return ack.ok ? ack.errors : null;
  };

  test.each([
    ['ERR||PID^1^3|101^Required field missing^HL70357|E', [{ location: 'PID-3', code: '101', severity: 'E' }]],
    ['ERR||OBX^2^5^2^1|207|W', [{ location: 'OBX(2)-5(2).1', code: '207', severity: 'W' }]],
    [
      'ERR||PID^1^3~PID^1^5|101|E',
      [
        { location: 'PID-3', code: '101', severity: 'E' },
        { location: 'PID-5', code: '101', severity: 'E' },
      ],
    ],
    ['ERR|||205', [{ location: null, code: '205', severity: '' }]],
    ['ERR|PID^1^3^101&missing&HL70357', [{ location: 'PID-3', code: '101', severity: '' }]],
    ['ERR', []],
    ['ERR||Some Person^x|not a code!', [{ location: null, code: '', severity: '' }]],
  ])('%s', (line, expected) => {
    expect(errors(line)).toEqual(expected);
  });
});

test.each([
  ['nothing', ''],
  ['prose', 'OK'],
  ['an order', ORDER.map((line) => `${line}\r`).join('')],
  ['no MSA', HEAD],
  ['two MSA', `${HEAD}\rMSA|AA|1\rMSA|AA|2`],
  ['an unknown code', `${HEAD}\rMSA|OK|1`],
  ['two messages', `\v${HEAD}\rMSA|AA|1\x1c\r\v${HEAD}\rMSA|AA|2\x1c\r`],
])('%s is no acknowledgement', (_name, text) => {
  expect(parseAck(bytes(text))).toMatchObject({ ok: false, fault: { code: 'MLLP_ACK_JUNK' } });
});

test('what buildAck writes, parseAck reads, with other delimiters too', () => {
  const swapped = ORDER.map((line) => line.replaceAll('^', '$').replaceAll('|', '#'));
  for (const request of [parsed(ORDER), parsed(swapped)]) {
    const written = buildAck(request, {
      ...{ code: 'AE', controlId: 'A1', at: Date.UTC(2026, 0, 2, 3, 4, 5), text: 'a|b#c' },
      errors: [{ code: '101', segment: 'PID', field: 3 }],
    });
    expect(parseAck(written)).toEqual({
      ...{ ok: true, code: 'AE', controlId: 'CTL0001', text: 'a|b#c' },
      errors: [{ location: 'PID-3', code: '101', severity: 'E' }],
    });
    const answer = parseHl7(written);
    expect(answer.ok && answer.message.get('MSH-3')).toBe('LAB');
    expect(answer.ok && answer.message.get('MSH-7')).toBe('20260102030405+0000');
    expect(answer.ok && answer.message.get('MSH-9.1')).toBe('ACK');
    expect(answer.ok && answer.message.get('MSH-12')).toBe('2.5.1');
  }
});

test('G15: an answer can be built for another message, and is read as such', () => {
  const written = buildAck(parsed([MSH]), { code: 'AA', controlId: 'A1', at: 0, answers: 'OTHER' });
  expect(parseAck(written)).toMatchObject({ ok: true, controlId: 'OTHER' });
});
