import { expect, test } from 'vitest';
import { enginesOf } from './layout.ts';
import { readOptions } from './options.ts';

const read = (...args: string[]) => readOptions(args, { rate: 12 });

test('a layout and its instances are read, with one for embedded and two for the others by default', () => {
  expect(read('--rate', '200', '--layout', 'split', '--instances', '3')).toMatchObject({
    ok: true,
    options: { numbers: { rate: 200 }, plan: { layout: 'split', instances: 3 }, json: false },
  });
  expect(read()).toMatchObject({ ok: true, options: { plan: { layout: 'embedded', instances: 1 } } });
  expect(read('--layout', 'distributed')).toMatchObject({ ok: true, options: { plan: { instances: 2 } } });
});

test('what makes no sense is refused in words', () => {
  expect(read('--layout', 'round')).toMatchObject({ ok: false, problem: expect.stringContaining('embedded') });
  expect(read('--layout', 'split', '--instances', '0')).toMatchObject({ ok: false });
  expect(read('--instances', '2')).toMatchObject({ ok: false, problem: 'the embedded layout has one instance' });
  expect(read('--rate', '-1')).toMatchObject({ ok: false });
});

test('split: each process does one thing, and the watchdog sits with the lanes', () => {
  const engines = enginesOf({ layout: 'split', instances: 2 });
  expect(engines.map(({ instance, roles }) => `${instance}: ${roles}`)).toContain('deliver-2: deliver,watchdog');
  expect(engines).toHaveLength(10);
  expect(engines.filter(({ delivers }) => delivers)).toHaveLength(2);
});
