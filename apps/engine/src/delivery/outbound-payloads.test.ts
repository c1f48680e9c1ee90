import { type MessageId, messageId } from '@inorder/core';
import { expect, test } from 'vitest';
import { OutboundPayloads } from './outbound-payloads.ts';

function id(n: number): MessageId {
  return messageId(`01900000-0000-7000-8000-${String(n).padStart(12, '0')}`);
}

const payload = (text: string) => ({ bytes: Buffer.from(text), destinationId: null, controlId: null });

test('G14: the bytes of a number that was repaired take the place of those it had before', () => {
  const payloads = new OutboundPayloads({ bytesMax: 5, read: async () => new Map() });
  payloads.keep(id(1), payload('old'));
  payloads.keep(id(1), payload('new'));
  expect(payloads.peek(id(1))).toEqual(payload('new'));
  // They count once.
  payloads.keep(id(2), payload('22'));
  expect(payloads.peek(id(1))).toEqual(payload('new'));
});

test('G19: lanes that ask in one tick share reads of a bounded size', async () => {
  const sizes: number[] = [];
  const payloads = new OutboundPayloads({
    bytesMax: 5,
    read: async (ids) => {
      sizes.push(ids.length);
      return new Map(ids.map((each) => [each, payload(each)]));
    },
  });
  const asked = Array.from({ length: 1200 }, (_, n) => id(n));
  const loaded = await Promise.all(asked.map((each) => payloads.load(each)));
  expect(loaded.map((each) => String(each?.bytes))).toEqual(asked);
  expect(sizes).toEqual([500, 500, 200]);
});
