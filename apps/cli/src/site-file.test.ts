import { expect, test } from 'vitest';
import { CommandFailure, EXIT } from './exit.ts';
import { parseSiteFile } from './site-file.ts';

function failure(text: string): CommandFailure {
  try {
    parseSiteFile('site.yaml', text);
  } catch (error) {
    if (error instanceof CommandFailure) return error;
    throw error;
  }
  throw new Error('it was taken');
}

test('a YAML error names line and column', () => {
  const { message, exitCode } = failure('interfaces:\n  LAB-1: {name: "x\n');
  expect(message).toMatch(/site\.yaml:[23]:\d+ /);
  expect(exitCode).toBe(EXIT.failed);
});

test('a key that is there twice is an error', () => {
  expect(failure('interfaces: {}\ninterfaces: {}\n').message).toMatch(/site\.yaml:2:1 /);
});

test('every value of a wrong kind is named with its place', () => {
  const { message } = failure(
    [
      'destinations:',
      '  LIS-1: { kind: MLLP, host: lab.example, port: 70000 }',
      'interfaces:',
      '  LAB-0042:',
      '    name: Emergency',
      '    route:',
      '      - name: all',
      '        to: LIS-1',
      '      - name: none',
    ].join('\n'),
  );
  expect(message).toMatch(/site\.yaml:2:\d+ destinations\.LIS-1\.port /);
  expect(message).toMatch(/site\.yaml:9:9 interfaces\.LAB-0042\.route\[1\] needs exactly one of to, filter/);
});

test('a key that nobody knows is an error where its map begins', () => {
  expect(failure('connections: {}\nconections: {}\n').message).toMatch(/site\.yaml:1:1 .*conections/);
});

test('a place that the server names is found, with dots in names, and the nearest where it is not there', () => {
  const file = parseSiteFile(
    'site.yaml',
    [
      'sources:',
      '  orders.LAB-0017:',
      '    connection: jms',
      '    address: orders',
      '    interfaces:',
      '      - LAB-0017',
      '      - LAB-0018',
      'interfaces: {}',
    ].join('\n'),
  );
  expect(file.place('sources.orders.LAB-0017.interfaces[1]')).toBe('site.yaml:7:9');
  expect(file.place('sources.orders.LAB-0017.connection')).toBe('site.yaml:3:5');
  expect(file.place('sources.orders.LAB-0017.interfaceProperty')).toBe('site.yaml:2:3');
});

test('JSON is taken, and an empty file is an empty site', () => {
  expect(parseSiteFile('a.json', '{"codeTables": {"t": {"entries": []}}}').document.codeTables).toHaveProperty('t');
  expect(parseSiteFile('a.yaml', '').document.interfaces).toEqual({});
});
