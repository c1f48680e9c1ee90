import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { breaksFraming, encodeFrame, FrameDecoder } from './framing.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const texts = (frames: readonly Uint8Array[]): string[] => frames.map((f) => Buffer.from(f).toString('latin1'));

describe('decoder', () => {
  test('a frame in one piece', () => {
    expect(texts(new FrameDecoder(100).push(bytes('\x0bMSA\x1c\r')))).toEqual(['MSA']);
  });

  test('byte by byte', () => {
    const decoder = new FrameDecoder(100);
    const frames = [...bytes('\x0bone\x1c\r\x0btwo\x1c\r')].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
    expect(texts(frames)).toEqual(['one', 'two']);
  });

  test('two frames in one packet, and no third', () => {
    const decoder = new FrameDecoder(100);
    expect(texts(decoder.push(bytes('\x0bone\x1c\r\x0btwo\x1c\r')))).toEqual(['one', 'two']);
    expect(decoder.insideFrame).toBe(false);
    expect(decoder.push(bytes(''))).toEqual([]);
  });

  test('split anywhere gives the same frames', () => {
    const content = fc.array(
      fc.integer({ min: 0, max: 255 }).filter((b) => b !== 0x0b && b !== 0x1c),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        fc.array(content, { maxLength: 5 }),
        fc.array(fc.nat({ max: 250 }), { maxLength: 8 }),
        (all, cuts) => {
          const stream = Buffer.concat(all.map((one) => encodeFrame(Uint8Array.from(one))));
          const decoder = new FrameDecoder(1000);
          const edges = [0, ...cuts.map((c) => Math.min(c, stream.length)).sort((a, b) => a - b), stream.length];
          const frames = edges.flatMap((edge, i) => decoder.push(stream.subarray(edges[i - 1] ?? 0, edge)));
          expect(frames.map((f) => [...f])).toEqual(all);
          expect(decoder.junkBytes).toBe(0);
        },
      ),
    );
  });

  test('5 MB in small pieces', () => {
    const content = new Uint8Array(5 * 1024 * 1024).fill(0x41);
    const stream = encodeFrame(content);
    const decoder = new FrameDecoder(content.length);
    const frames: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += 7) frames.push(...decoder.push(stream.subarray(at, at + 7)));
    expect(frames).toHaveLength(1);
    expect(frames[0]?.length).toBe(content.length);
  });

  test('an FS without CR belongs to the content', () => {
    expect(texts(new FrameDecoder(100).push(bytes('\x0ba\x1cb\x1c\x1c\r')))).toEqual(['a\x1cb\x1c']);
  });

  test('junk before VT is counted and passed over; CR and LF between frames are nothing', () => {
    const decoder = new FrameDecoder(100);
    expect(texts(decoder.push(bytes('\r\nhi\x0bone\x1c\r\n')))).toEqual(['one']);
    expect(decoder.junkBytes).toBe(2);
    expect(Buffer.from(decoder.leftover()).toString()).toBe('hi');
  });

  test('a VT inside a frame begins anew', () => {
    const decoder = new FrameDecoder(100);
    expect(texts(decoder.push(bytes('\x0bhalf\x0bwhole\x1c\r')))).toEqual(['whole']);
    expect(decoder.junkBytes).toBe(4);
  });

  test.each([
    ['content', '\x0b12345678901'],
    ['junk', '12345678901'],
  ])('G19: too much %s stops the decoder', (_kind, stream) => {
    const whole = new FrameDecoder(10);
    whole.push(bytes(stream.slice(0, -1)));
    expect(whole.overflowed).toBe(false);
    whole.push(bytes(`${stream.slice(-1)}2`));
    expect(whole.overflowed).toBe(true);
    expect(whole.push(bytes('\x0bAA\x1c\r'))).toEqual([]);
  });

  test('G19: a whole frame over the limit in one packet is no frame', () => {
    const decoder = new FrameDecoder(10);
    expect(decoder.push(bytes('\x0b12345678901\x1c\r\x0bAA\x1c\r'))).toEqual([]);
    expect(decoder.overflowed).toBe(true);
    expect(decoder.leftover().length).toBe(11);
  });

  test('a frame of exactly the limit passes', () => {
    expect(texts(new FrameDecoder(10).push(bytes('\x0b1234567890\x1c\r')))).toEqual(['1234567890']);
  });
});

test('a payload that holds VT or FS is told', () => {
  expect([bytes('a\x0bb'), bytes('a\x1cb'), bytes('a\rb')].map(breaksFraming)).toEqual([true, true, false]);
});
