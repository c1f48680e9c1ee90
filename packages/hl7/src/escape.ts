/**
 * HL7 escape sequences (v2.5.1 §2.7). Only what names a character is replaced: `\F\ \S\ \T\ \R\ \E\` and `\Xhh…\`.
 * Formatting (`\.br\`, `\H\`, `\N\`), unknown sequences and lone escape characters stay as they are, from left to
 * right, so `\E\R\` is the text `\R\` and `4\5 A\T\B` is `4\5 A&B`.
 */
import iconv from 'iconv-lite';
import type { Charset } from './charset.ts';

export interface Delimiters {
  readonly field: string;
  readonly component: string;
  readonly repetition: string;
  /** null where MSH-2 ends before it (`^~`). */
  readonly escape: string | null;
  readonly subcomponent: string | null;
}

const LETTERS = ['F', 'S', 'T', 'R', 'E'] as const;

function character(letter: string, delimiters: Delimiters): string | null {
  switch (letter) {
    case 'F':
      return delimiters.field;
    case 'S':
      return delimiters.component;
    case 'T':
      return delimiters.subcomponent;
    case 'R':
      return delimiters.repetition;
    case 'E':
      return delimiters.escape;
    default:
      return null;
  }
}

/** Value as people read it. */
export function unescapeText(raw: string, delimiters: Delimiters, charset: Charset): string {
  const mark = delimiters.escape;
  if (mark === null || !raw.includes(mark)) return raw;
  let out = '';
  let at = 0;
  while (at < raw.length) {
    const open = raw.indexOf(mark, at);
    if (open === -1) break;
    out += raw.slice(at, open);
    const close = raw.indexOf(mark, open + 1);
    const body = close === -1 ? '' : raw.slice(open + 1, close);
    let value: string | null = body.length === 1 ? character(body, delimiters) : null;
    if (value === null && /^X(?:[0-9A-Fa-f]{2})+$/.test(body)) {
      value = iconv.decode(Buffer.from(body.slice(1), 'hex'), charset.encoding);
    }
    // Not ours: this escape character stands for itself, the next one may open a real sequence.
    out += value ?? mark;
    at = value === null ? open + 1 : close + 1;
  }
  return out + raw.slice(at);
}

/** Value as it is written into a component or subcomponent. Characters that cannot be escaped become blanks. */
export function escapeText(value: string, delimiters: Delimiters): string {
  let out = '';
  for (const char of value) {
    const letter = LETTERS.find((each) => character(each, delimiters) === char);
    if (letter !== undefined) out += delimiters.escape === null ? ' ' : delimiters.escape + letter + delimiters.escape;
    else out += char < ' ' ? ' ' : char;
  }
  return out;
}
