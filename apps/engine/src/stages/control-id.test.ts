import { expect, test } from 'vitest';
import { identify } from './control-id.ts';

const order = (controlId: string, code: string): Uint8Array =>
  Buffer.from(`MSH|^~\\&|A|B|C|D|20260101||ORM^O01|${controlId}|P|2.5.1\rPID|1||7\rORC|NW|1\rOBR|1|1||${code}`);

test('G14: what was never sent keeps its control id', () => {
  const now = { payload: order('C1', 'GLU'), controlId: 'C1' };
  expect(identify('HL7V2', now, null, 'abcdef')).toBe(now);
});

test('G14: equal bytes go out under the control id they had', () => {
  const before = { payload: order('C1', 'GLU'), controlId: 'C1' };
  expect(identify('HL7V2', { payload: order('C1', 'GLU'), controlId: 'C1' }, before, 'abcdef')).toBe(before);
});

test('G14: other bytes get a new control id, in MSH-10 as well', () => {
  const before = { payload: order('LAB-0042.run1.000123', 'GLU'), controlId: 'LAB-0042.run1.000123' };
  const { payload, controlId } = identify(
    'HL7V2',
    { payload: order('LAB-0042.run1.000123', 'K'), controlId: 'LAB-0042.run1.000123' },
    before,
    '0198abcdef',
  );
  expect(controlId).toBe('LAB-0042.run1.Rbcdef');
  expect(Buffer.from(payload).toString()).toContain('|LAB-0042.run1.Rbcdef|');
});

test('G14: a second repair with the same result repeats the bytes of the first', () => {
  const first = identify(
    'HL7V2',
    { payload: order('C1', 'K'), controlId: 'C1' },
    { payload: order('C1', 'GLU'), controlId: 'C1' },
    'aaaaa',
  );
  expect(identify('HL7V2', { payload: order('C1', 'K'), controlId: 'C1' }, first, 'bbbbb')).toBe(first);
});

test('G14: FHIR bytes stay, its key changes', () => {
  const before = { payload: Buffer.from('{"a":1}'), controlId: 'K1' };
  const now = identify('FHIR_JSON', { payload: Buffer.from('{"a":2}'), controlId: 'K1' }, before, 'abcde');
  expect(now).toEqual({ payload: Buffer.from('{"a":2}'), controlId: 'K1Rabcde' });
});
