import { expect, test } from 'vitest';
import { faultNamed, SWITCH_WORDS } from './fault.ts';

const rules = [{ id: 'a', endpoint: 'LIS-1' }, { id: 'b', endpoint: 'LIS-2' }, { id: 'c' }];

test('an endpoint is switched off and on', () => {
  expect(faultNamed('off', 'all', ['LIS-1', 'LIS-2'], [], { ms: 0 })).toEqual({
    listening: { 'LIS-1': false, 'LIS-2': false },
  });
  expect(faultNamed('on', 'LIS-1', ['LIS-1'], [], { ms: 0 })).toEqual({ listening: { 'LIS-1': true } });
});

test('usual takes back the faults of one endpoint, or all', () => {
  expect(faultNamed('usual', 'LIS-1', ['LIS-1'], rules, { ms: 0 })).toMatchObject({ clear: ['a'] });
  expect(faultNamed('usual', 'all', ['LIS-1', 'LIS-2'], rules, { ms: 0 })).toMatchObject({
    clear: true,
    listening: { 'LIS-1': true, 'LIS-2': true },
  });
});

test('a fault carries what it is limited to', () => {
  const options = { interface: 'LAB-1', times: 2, every: 3, errorCode: '101', ms: 0 };
  expect(faultNamed('AR', 'LIS-1', ['LIS-1'], [], options)).toEqual({
    set: [
      {
        id: 'LIS-1 AR LAB-1',
        endpoint: 'LIS-1',
        interface: 'LAB-1',
        everyNth: 3,
        times: 2,
        fault: { kind: 'answer', code: 'AR', errorCode: '101' },
      },
    ],
  });
  expect(faultNamed('delay', 'all', ['LIS-1'], [], { ms: 700 })).toEqual({
    set: [{ id: 'all delay', fault: { kind: 'delay', ms: 700 } }],
  });
});

test('every word makes a request', () => {
  for (const word of SWITCH_WORDS)
    expect(Object.keys(faultNamed(word, 'all', ['LIS-1'], [], { ms: 1 }))).not.toEqual([]);
});
