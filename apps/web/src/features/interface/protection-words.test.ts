import { PROTECTION_VERDICTS } from '@inorder/core';
import { expect, test } from 'vitest';
import { PROTECTION_WORDS, protectionDetail } from './protection-words.ts';

test('G3: each verdict has a word, an icon and a tone of its own; only one of them warns', () => {
  const words = PROTECTION_VERDICTS.map((verdict) => PROTECTION_WORDS[verdict]);
  expect(words.map(({ word, tone }) => [word, tone])).toEqual([
    ['One reader at a time', 'good'],
    ['Order not protected against a frozen reader', 'warn'],
    ['Protection against a frozen reader not checked', 'calm'],
  ]);
  expect(new Set(words.map(({ icon }) => icon)).size).toBe(words.length);
});

test('what to set, why it was not checked, or that nobody has looked yet stands behind the word', () => {
  expect(protectionDetail('PROTECTED', '', true)).toBe('');
  expect(protectionDetail('NOT_PROTECTED', 'Set `exclusive` on the queue', true)).toBe('Set `exclusive` on the queue');
  expect(protectionDetail('NOT_CHECKED', 'connect ECONNREFUSED', true)).toBe('connect ECONNREFUSED');
  expect(protectionDetail('NOT_CHECKED', '', false)).toBe('An engine looks soon after it has opened the queue');
});
