import { expect, test } from 'vitest';
import { safeNext } from '../sign-in/safe-next.ts';
import { jumpTarget } from './jump.ts';
import { parseTheme } from './theme.ts';

test('the box leads to a lane, a message or the board', () => {
  expect(jumpTarget(' lab-0042 ')).toBe('/interfaces/LAB-0042');
  expect(jumpTarget('LAB-0042:123')).toBe('/messages/LAB-0042/123');
  expect(jumpTarget('LAB-0042#0123')).toBe('/messages/LAB-0042/123');
  expect(jumpTarget('hill road')).toBe('/lag?q=hill%20road');
  expect(jumpTarget('  ')).toBeNull();
});

test('after sign-in one stays on this console', () => {
  expect(safeNext('/lag?q=a b')).toBe('/lag?q=a%20b');
  for (const next of [
    '//evil.example',
    'https://evil.example',
    '/\\evil.example',
    '/sign-in?next=/x',
    undefined,
    ['/a'],
  ]) {
    expect(safeNext(next), String(next)).toBe('/lag');
  }
});

test('an unknown theme is the system’s', () => {
  expect([parseTheme('dark'), parseTheme('pink'), parseTheme(undefined)]).toEqual(['dark', 'system', 'system']);
});
