import { destinationId, interfaceId, messageId, sequenceNo } from '@inorder/core';
import { expect, test } from 'vitest';
import { decodeWakeUps, encodeWakeUps, type WakeUpEnd } from './wake-up.ts';

const uuid = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

function common(n: number) {
  return {
    interfaceId: interfaceId(uuid(1)),
    messageId: messageId(uuid(n)),
    sequenceNo: sequenceNo(n),
    placerKeys: ['00ff'],
  };
}

const processed = (n: number, controlId = `C${n}`): WakeUpEnd => ({
  ...common(n),
  status: 'PROCESSED',
  destinationId: destinationId(uuid(2)),
  controlId,
  format: 'HL7V2',
});
const failed = (n: number): WakeUpEnd => ({ ...common(n), status: 'FAILED', code: 'ROUTE_NONE' });
const filtered = (n: number): WakeUpEnd => ({ ...common(n), placerKeys: [], status: 'FILTERED' });

test('every kind of end comes through as it was', () => {
  const ends = [processed(10), failed(11), filtered(12), processed(13, 'Ünïcode 🧪')];
  const [text, ...more] = encodeWakeUps(ends);
  expect(more).toEqual([]);
  expect(decodeWakeUps(text ?? '')).toEqual({ ends, dropped: 0 });
  expect(encodeWakeUps([])).toEqual([]);
});

test('G18: a payload that came along in the object is not sent', () => {
  const end = { ...processed(10), payload: Buffer.from('PID|1||SECRET') };
  expect(encodeWakeUps([end]).join('')).not.toMatch(/payload|SECRET|83,69/);
});

test('G19: texts are divided at the limit in bytes, and lose and reorder nothing', () => {
  const ends = Array.from({ length: 500 }, (_, i) => processed(i + 1, `${'é€🧪'.repeat(i % 7)}${i}`));
  const texts = encodeWakeUps(ends, 2000);
  for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2000);
  // Full, not cautious: two neighbours never fit into one.
  for (const [i, text] of texts.slice(1).entries())
    expect(Buffer.byteLength(texts[i] ?? '') + Buffer.byteLength(text)).toBeGreaterThan(2000);
  expect(texts.flatMap((text) => decodeWakeUps(text).ends)).toEqual(ends);
  // One that is longer alone goes alone.
  expect(encodeWakeUps([processed(1), processed(2), processed(3)], 10)).toHaveLength(3);
});

test('what does not parse is dropped and counted, the rest is heard', () => {
  const good = encodeWakeUps([failed(5)])[0]?.slice(1, -1) ?? '';
  const decode = (text: string) => {
    const { ends, dropped } = decodeWakeUps(text);
    return [ends.length, dropped];
  };
  expect(decode('no json')).toEqual([0, 1]);
  expect(decode('{}')).toEqual([0, 1]);
  expect(decode('null')).toEqual([0, 1]);
  expect(decode('[]')).toEqual([0, 0]);
  expect(decode(`[${good},1,null,{}]`)).toEqual([1, 3]);
  expect(decode(`[${good.replace('"sequenceNo":5', '"sequenceNo":0')}]`)).toEqual([0, 1]);
  expect(decode(`[${good.replace('"sequenceNo":5', '"sequenceNo":5.5')}]`)).toEqual([0, 1]);
  expect(decode(`[${good.replace('"sequenceNo":5', '"sequenceNo":9007199254740993')}]`)).toEqual([0, 1]);
  expect(decode(`[${good.replace('ROUTE_NONE', 'ROUTE_UNHEARD_OF')}]`)).toEqual([0, 1]);
  expect(decode(`[${good.replace('FAILED', 'DELIVERED')}]`)).toEqual([0, 1]);
  expect(decode(`[${good.replace(uuid(1), 'everyone')}]`)).toEqual([0, 1]);
  // Of a newer version.
  expect(decode(`[${good.replace('{', '{"more":{"x":1},')}]`)).toEqual([1, 0]);
  expect(decode(`["${'x'.repeat(2_000_000)}"]`)).toEqual([0, 1]);
});
