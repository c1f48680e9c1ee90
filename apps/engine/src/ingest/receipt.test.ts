import { interfaceCode, sequenceNo } from '@inorder/core';
import { expect, test } from 'vitest';
import { accepted, type ReceiptLine, rejected } from './receipt.ts';

const ASKS = { wantsReceipt: true } as const;
const line = (code: string, n: number | null): ReceiptLine => ({
  interfaceCode: interfaceCode(code),
  sequenceNo: n === null ? null : sequenceNo(n),
});
const told = (lines: readonly ReceiptLine[]) => {
  const disposition = accepted(ASKS, () => lines);
  if (disposition.kind !== 'accept' || disposition.receipt === undefined) throw new Error('no receipt');
  const { properties, text } = disposition.receipt;
  return { properties, body: JSON.parse(text) as unknown };
};

test('a sender that asks for nothing is told nothing, and no line is made', () => {
  const lines = (): never => {
    throw new Error('made for nobody');
  };
  expect(accepted({}, lines)).toEqual({ kind: 'accept' });
  expect(rejected({}, 'INGEST_EMPTY', 'why')).toEqual({ kind: 'reject', code: 'INGEST_EMPTY', description: 'why' });
});

test('one interface: code and number stand in the properties too', () => {
  expect(told([line('LAB-0001', 12)])).toEqual({
    properties: { inorderOutcome: 'STORED', inorderInterface: 'LAB-0001', inorderSequenceNo: 12 },
    body: { outcome: 'STORED', numbers: [{ interface: 'LAB-0001', sequenceNo: 12 }], alreadyKnown: [] },
  });
});

test('several interfaces: each has its number in the body, and no property claims to be the number of all', () => {
  expect(told([line('LAB-0001', 12), line('LAB-0002', null), line('LAB-0003', 5)])).toEqual({
    properties: { inorderOutcome: 'STORED', inorderInterface: 'LAB-0001,LAB-0002,LAB-0003' },
    body: {
      outcome: 'STORED',
      numbers: [
        { interface: 'LAB-0001', sequenceNo: 12 },
        { interface: 'LAB-0003', sequenceNo: 5 },
      ],
      alreadyKnown: ['LAB-0002'],
    },
  });
});

test('a message that was known everywhere is a duplicate', () => {
  expect(told([line('LAB-0001', null)])).toEqual({
    properties: { inorderOutcome: 'DUPLICATE', inorderInterface: 'LAB-0001' },
    body: { outcome: 'DUPLICATE', numbers: [], alreadyKnown: ['LAB-0001'] },
  });
});

test('a refused message: code and reason', () => {
  expect(rejected(ASKS, 'INGEST_NO_INTERFACE', 'no property')).toMatchObject({
    kind: 'reject',
    receipt: {
      properties: {
        inorderOutcome: 'REFUSED',
        inorderErrorCode: 'INGEST_NO_INTERFACE',
        inorderReason: 'no property',
      },
      text: '{"outcome":"REFUSED","code":"INGEST_NO_INTERFACE","reason":"no property"}',
    },
  });
});
