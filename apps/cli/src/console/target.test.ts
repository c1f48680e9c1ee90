import { targetOf } from '@inorder/shared';
import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';
import { parseCode, parseMessage, parseNumbers } from './target.ts';

test.each(['LAB-0042:123', 'LAB-0042:120-140', 'LAB-0042:7-7'])(
  '%s is understood, and written back the same',
  (text) => {
    expect(targetOf(parseNumbers(text))).toBe(text.replace('7-7', '7'));
  },
);

test('a code may be typed in small letters', () => {
  expect(parseMessage('lab-0042:1')).toEqual({ interfaceCode: 'LAB-0042', fromSequenceNo: 1, toSequenceNo: 1 });
});

test.each([
  ['LAB-0042', /LAB-0042:123/],
  ['LAB-0042:', /LAB-0042:123/],
  ['LAB-0042:0', /run from 1/],
  ['LAB-0042:9-3', /larger/],
  ['LAB-0042:1-9007199254740992', /run from 1/],
  ['-:1', /interface code/],
])('%s is refused with what is expected', (text, reason) => {
  expect(() => parseNumbers(text)).toThrow(reason);
  expect(() => parseNumbers(text)).toThrow(InvalidArgumentError);
});

test('one message is asked for, not a range', () => {
  expect(() => parseMessage('LAB-0042:1-3')).toThrow(/one number/);
  expect(() => parseCode('x')).toThrow(/interface code/);
});
