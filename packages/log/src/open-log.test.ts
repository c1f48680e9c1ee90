import { expect, test } from 'vitest';
import { openLog } from './open-log.ts';

const HL7 =
  'MSH|^~\\&|WARD|SITE|LAB|SITE|20260101||ORM^O01|X1|P|2.5.1\rPID|1||900001^^^HOSP^MR||Doe^Jane||19800101|F\r';

function logged(write: (log: ReturnType<typeof openLog>) => void): string {
  const lines: string[] = [];
  write(
    openLog({ level: 'debug', base: { instance: 'engine-1' } }, { write: (line: string) => void lines.push(line) }),
  );
  return lines.join('');
}

test('a line holds time, level, instance, fields and a sentence', () => {
  const line: unknown = JSON.parse(
    logged((log) => log.warn({ interface: 'LAB-0042', sequenceNo: 7 }, 'lane read again')),
  );
  expect(line).toMatchObject({ level: 40, instance: 'engine-1', interface: 'LAB-0042', sequenceNo: 7 });
  expect(line).toMatchObject({ msg: 'lane read again', time: expect.any(Number) });
});

test.each([
  ['a message', { detail: HL7 }],
  ['a message below', { a: { b: { detail: `refused: ${HL7}` } } }],
  ['a message in a list', { values: [HL7], list: [HL7] }],
  ['a message as bytes', { data: Buffer.from(HL7), view: new Uint8Array(Buffer.from(HL7)) }],
  ['a message in base64', { data: Buffer.from(HL7).toString('base64') }],
  ['a message in hex', { data: Buffer.from(HL7).toString('hex') }],
  ['a FHIR resource', { detail: '{"resourceType": "Patient", "name": [{"family": "Doe"}]}' }],
  ['a payload by its name', { payload: 'Doe^Jane' }],
  ['a key by its name', { [HL7]: 1 }],
  ['an error’s text', { err: new Error(`Key (mrn)=(900001) of Doe already exists; ${HL7}`) }],
  ['an error in a field', { error: Object.assign(new Error('Doe^Jane'), { code: '23505', detail: 'Key (Doe)' }) }],
  ['a map', { found: new Map([['Doe', HL7]]), set: new Set([HL7]) }],
])('G18: %s does not get through', (_, fields) => {
  const text = logged((log) => log.error(fields, 'something failed'));
  expect(text).not.toMatch(/Doe|900001|UE9F|RG9l|446f65/);
  expect(text).toContain('something failed');
});

test('G18: neither does an error that is logged by itself, or a sentence that is not constant', () => {
  const text = logged((log) => {
    log.error(new Error('Doe^Jane'));
    log.error({ err: new Error('Doe^Jane') });
    log.error(HL7);
    log.info({}, HL7);
    log.info({}, '%s', 'Doe^Jane');
  });
  expect(text).not.toMatch(/Doe|900001/);
  expect(text.trim().split('\n')).toHaveLength(5);
});

test('G18: credentials do not get through', () => {
  const text = logged((log) =>
    log.info(
      { url: 'postgres://inorder:hunter2@db/inorder', adminSecret: 'hunter2', deep: { password: 'hunter2' } },
      'engine starts',
    ),
  );
  expect(text).not.toContain('hunter2');
  expect(text).toContain('postgres://inorder:***@db/inorder');
});

test('G19: a line is short whatever it is given', () => {
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`field${i}`, 'x y '.repeat(5000)]));
  let deep: object = {};
  for (let i = 0; i < 500; i++) deep = { deep, list: Array.from({ length: 500 }, () => deep) };
  const circle: { self?: object } = {};
  circle.self = circle;
  for (const fields of [wide, deep, circle, { list: Array.from({ length: 100_000 }, () => 'word ') }]) {
    const text = logged((log) => log.info(fields, 'long '.repeat(100_000)));
    expect(text.length).toBeLessThan(20_000);
    expect(() => JSON.parse(text)).not.toThrow();
  }
});

test('what is needed to find a fault stays: code, place, address', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address: '127.0.0.1',
    port: 5432,
  });
  const line: unknown = JSON.parse(logged((log) => log.warn({ err: refused }, 'postgres is away')));
  expect(line).toMatchObject({
    err: { type: 'Error', code: 'ECONNREFUSED', address: '127.0.0.1', port: 5432, stack: expect.any(Array) },
  });
  expect(JSON.stringify(line)).toContain('log.test.ts');
});
