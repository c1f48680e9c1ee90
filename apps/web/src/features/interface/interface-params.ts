import { parseAsInteger } from 'nuqs/server';

/** `from`: first number of the ribbon's window. `upTo`: last number of the table. Left out: around the checkpoint, the newest. */
export const interfaceParams = { from: parseAsInteger, upTo: parseAsInteger };

/** As the procedures take it: nothing below 1, and left out rather than null. */
export function ribbonInput(code: string, from: number | null): { code: string; from?: number } {
  return from === null ? { code } : { code, from: Math.max(1, from) };
}

export function numbersInput(code: string, upTo: number | null): { code: string; upTo?: number } {
  return upTo === null ? { code } : { code, upTo: Math.max(1, upTo) };
}
