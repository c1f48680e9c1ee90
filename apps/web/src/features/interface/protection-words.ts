/** One icon, one word, one colour for what the broker was seen to do with a source's queue (G3). */
import type { ProtectionVerdict } from '@inorder/core';
import { ShieldAlert, ShieldCheck, ShieldQuestionMark } from 'lucide-react';
import type { Word } from '../lag/lane-words.ts';

export const PROTECTION_WORDS: Record<ProtectionVerdict, Word> = {
  PROTECTED: {
    word: 'One reader at a time',
    icon: ShieldCheck,
    tone: 'good',
    meaning: 'The broker gives the queue to the next reader only when this one is gone, frozen or not',
  },
  NOT_PROTECTED: {
    word: 'Order not protected against a frozen reader',
    icon: ShieldAlert,
    tone: 'warn',
    meaning: 'The broker would give later orders to a second reader while the first stands still with earlier ones',
  },
  NOT_CHECKED: {
    word: 'Protection against a frozen reader not checked',
    icon: ShieldQuestionMark,
    tone: 'calm',
    meaning: 'The broker did not show whether it gives the queue to one reader at a time',
  },
};

/** What stands behind the word. @param checked whether anybody has looked. */
export function protectionDetail(verdict: ProtectionVerdict, detail: string, checked: boolean): string {
  if (verdict === 'PROTECTED') return '';
  if (!checked) return 'An engine looks soon after it has opened the queue';
  return detail;
}
