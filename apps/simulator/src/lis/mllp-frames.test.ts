import { expect, test } from 'vitest';
import { FrameReader, frame } from './mllp-frames.ts';

const texts = (frames: readonly Buffer[]) => frames.map((content) => content.toString('latin1'));
const stream = Buffer.concat([frame(Buffer.from('first')), frame(Buffer.from('se\x1ccond')), frame(Buffer.from(''))]);
const whole = ['first', 'se\x1ccond', ''];

test('two frames in one packet come out in order', () => {
  expect(texts(new FrameReader().push(stream).frames)).toEqual(whole);
});

test('byte by byte is the same', () => {
  const reader = new FrameReader();
  expect(texts([...stream].flatMap((byte) => reader.push(Buffer.of(byte)).frames))).toEqual(whole);
});

test('cut at any two places is the same', () => {
  for (let a = 0; a <= stream.length; a += 1) {
    for (let b = a; b <= stream.length; b += 1) {
      const reader = new FrameReader();
      const pieces = [stream.subarray(0, a), stream.subarray(a, b), stream.subarray(b)];
      expect(texts(pieces.flatMap((piece) => reader.push(piece).frames))).toEqual(whole);
    }
  }
});

test('bytes outside a frame are counted and thrown away', () => {
  const reader = new FrameReader();
  const { frames } = reader.push(Buffer.concat([Buffer.from('\r\n'), frame(Buffer.from('x')), Buffer.from('junk')]));
  expect(texts(frames)).toEqual(['x']);
  expect(reader.junkBytes).toBe(6);
});

test('G19: a frame above the bound is told and not kept', () => {
  const reader = new FrameReader({ frameBytesMax: 10 });
  expect(reader.push(Buffer.from('\x0b123456789')).tooLong).toBe(false);
  expect(reader.push(Buffer.from('01')).tooLong).toBe(true);
});
