import { expect, test } from 'vitest';
import { MSH, ORC, ORDER, parsed } from '../test/synthetic.ts';
import { extractKeys } from './index.ts';

test('keys of an order message', () => {
  expect(extractKeys(parsed(ORDER))).toEqual({
    controlId: 'CTL0001',
    keys: [
      { kind: 'CONTROL', value: 'CTL0001', orderControl: null },
      { kind: 'MRN', value: 'MRN0001', orderControl: null },
      { kind: 'PLACER', value: 'PLC0001', orderControl: 'NW' },
    ],
  });
});

test('every order of the message with its own order control; authorities do not part a cancel from its order', () => {
  const doc = parsed([
    ...[MSH, 'PID|1||A1^^^S^MR~000^^^^SS~B2&x^^^S', ORC, 'OBR|1||FIL1^LAB|X', 'ORC|CA|PLC0002'],
    ...['OBR|1|PLC0002^ORDERS||X', 'ORC|Exampleperson|PLC0003'],
  ]);
  expect(extractKeys(doc).keys.slice(1)).toEqual([
    { kind: 'MRN', value: 'A1', orderControl: null },
    { kind: 'MRN', value: 'B2', orderControl: null },
    { kind: 'PLACER', value: 'PLC0001', orderControl: 'NW' },
    { kind: 'FILLER', value: 'FIL1', orderControl: 'NW' },
    { kind: 'PLACER', value: 'PLC0002', orderControl: 'CA' },
    { kind: 'PLACER', value: 'PLC0003', orderControl: null },
  ]);
});

test('a message with thousands of orders gives at most 200 keys', () => {
  const orders = Array.from({ length: 3000 }, (_, n) => `ORC|NW|P${n}`);
  expect(extractKeys(parsed([MSH, ...orders])).keys).toHaveLength(200);
});

test('without MSH-10 there is no control id', () => {
  expect(extractKeys(parsed(['MSH|^~\\&|A'])).controlId).toBeNull();
});
