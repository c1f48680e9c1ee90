import { describe, expect, test } from 'vitest';
import { bytes, MSH, OBR, ORC, ORDER, PID, parsed, RULES, withField } from '../test/synthetic.ts';
import { type OrderRules, parseHl7, validateOrder } from './index.ts';

function faults(lines: readonly string[], rules: Partial<OrderRules> = {}): string[] {
  return validateOrder(parsed(lines), { ...RULES, ...rules }).map((each) => `${each.code} ${each.path}`);
}

const TYPES = ['ORM^O01', 'ORM^O01^ORM_O01', 'OML^O21^OML_O21', 'OMG^O19^OMG_O19'];

test.each(TYPES)('a plain %s order passes', (type) => {
  expect(faults(withField(ORDER, 'MSH', 9, type))).toEqual([]);
});

test('what the standard allows passes', () => {
  const obx = 'OBX|1|ST|X1||one||||||F';
  expect(faults([MSH, ORC, OBR]), 'no patient').toEqual([]);
  expect(faults([MSH, 'NK1|1', PID, ORC, OBR, 'ZXX|1']), 'segments not in the structure').toEqual([]);
  expect(faults([MSH, PID, ORC, OBR, obx, 'SPM|1|||SER', OBR, obx]), 'two requests of one order').toEqual([]);
  expect(faults([MSH, PID, 'ORC|CA|PLC0001'], {}), 'a cancel without request').toEqual([]);
  expect(faults([MSH, PID, 'ORC|NW', OBR]), 'the number in OBR alone').toEqual([]);
  expect(faults([MSH, PID, 'ORC|NW|PLC0001', 'OBR|1|||GLU']), 'the number in ORC alone').toEqual([]);
  expect(faults([MSH, PID, 'ORC|CA||FIL0001', 'OBR|1|||GLU']), 'a cancel by filler number').toEqual([]);
  expect(faults([MSH, PID, ORC, OBR, PID, obx]), 'prior results repeat the patient').toEqual([]);
});

describe('header', () => {
  test.each([7, 9, 10, 11, 12])('MSH-%i empty is named', (field) => {
    expect(faults(withField(ORDER, 'MSH', field, ''))[0]).toBe(`HL7_MSH_FIELD_MISSING MSH-${field}`);
  });

  test('MSH-7 is optional before version 2.4; MSH-3 to 6 always', () => {
    const old = withField(withField(withField(ORDER, 'MSH', 12, '2.3'), 'MSH', 7, ''), 'MSH', 9, 'ORM^O01');
    expect(faults(old)).toEqual([]);
    expect(faults([3, 4, 5, 6].reduce<string[]>((lines, n) => withField(lines, 'MSH', n, ''), [...ORDER]))).toEqual([]);
  });

  test.each(['ADT^A01', 'ORU^R01^ORU_R01', 'ACK', 'ORM', 'oml^o21'])('type %s is refused at MSH-9', (type) => {
    expect(faults(withField(ORDER, 'MSH', 9, type))[0]).toBe('HL7_MESSAGE_TYPE MSH-9');
  });

  test('the type comes first, whatever else is wrong', () => {
    const lines = withField(withField(ORDER, 'MSH', 9, 'ACK'), 'MSH', 7, '');
    expect(faults(lines)).toEqual(['HL7_MESSAGE_TYPE MSH-9', 'HL7_MSH_FIELD_MISSING MSH-7']);
  });

  test.each(['2.1', '2.3.1', '2.6', '2.8.2', '2.5.1^USA'])('version %s is known', (version) => {
    expect(faults(withField(ORDER, 'MSH', 12, version))).toEqual([]);
  });

  test.each(['2', '3.0', '2.55', 'v2.5'])('version %s is not', (version) => {
    expect(faults(withField(ORDER, 'MSH', 12, version))).toEqual(['HL7_VERSION MSH-12']);
  });

  test('MSH-11 is what the interface accepts', () => {
    expect(faults(withField(ORDER, 'MSH', 11, 'T'))).toEqual(['HL7_PROCESSING_ID MSH-11']);
    expect(faults(withField(ORDER, 'MSH', 11, 'T'), { processingIds: ['P', 'T'] })).toEqual([]);
  });
});

describe('structure', () => {
  test('a header alone lacks its order', () => {
    expect(faults([MSH])).toEqual(['HL7_STRUCTURE ORC']);
  });

  test('a request before any order', () => {
    expect(faults([MSH, PID, OBR, ORC])).toEqual(['HL7_STRUCTURE OBR']);
  });

  test('a new order without what is ordered', () => {
    expect(faults([MSH, PID, ORC])).toEqual(['HL7_STRUCTURE OBR']);
    expect(faults(withField([MSH, PID, 'ORC|SC'], 'MSH', 9, 'OMG^O19'))).toEqual(['HL7_STRUCTURE OBR']);
  });

  test('two patients or two messages in one', () => {
    expect(faults([MSH, PID, PID, ORC, OBR])).toEqual(['HL7_STRUCTURE PID(2)']);
    expect(faults([...ORDER, ...ORDER])[0]).toBe('HL7_STRUCTURE MSH(2)');
  });

  test('the patient behind the order', () => {
    expect(faults([MSH, ORC, PID, OBR])).toEqual(['HL7_STRUCTURE PID']);
  });

  test.each([
    ['ORC in GT1', [MSH, PID, `GT1|1||Example^Alpha||Wal^L${ORC}`, OBR], 'GT1-5'],
    ['OBR in ORC', [MSH, PID, `${ORC}|x${OBR}`], 'ORC-3'],
    ['OBX in OBR', [MSH, PID, ORC, `${OBR}OBX|1|NM|X1||4`], 'OBR-4'],
    ['SPM in OBX', [MSH, PID, ORC, OBR, 'OBX|1|ST|X1||oneSPM|1|||SER'], 'OBX-5'],
    ['PID in MSH', [`${MSH}${PID}`, ORC, OBR], 'MSH-12'],
    ['DG1 in the second OBX', [...ORDER, 'OBX|1|ST|X1||a', 'OBX|2|ST|X1||bDG1|1||Z00'], 'OBX(2)-5'],
  ])('run together: %s is named with the place', (_name, lines, path) => {
    const found = validateOrder(parsed(lines), RULES);
    const together = found.find((each) => each.path === path && each.detail.includes('run together'));
    expect(together?.code).toBe('HL7_STRUCTURE');
    expect(found.map((each) => each.path)).not.toContain('ORC');
  });

  test('words that end like a segment name are words', () => {
    const notes = [
      'NTE|1||RAPID|1',
      'NTE|2||PACIENTE|1',
      'NTE|3||FORC|XY1',
      'OBX|1|ST|X1||TXOBX|2|no type',
      'NTE|4||OBR',
    ];
    expect(faults([...ORDER, ...notes])).toEqual([]);
  });
});

describe('fields', () => {
  test.each([
    ['PID', 3],
    ['PID', 5],
    ['ORC', 1],
    ['OBR', 4],
  ])('%s-%i empty, delimiters only, or the HL7 null is named', (segment, field) => {
    for (const text of ['', '^^', '~', '""', ' ']) {
      expect(faults(withField(ORDER, segment, field, text)), text).toEqual([`HL7_FIELD_MISSING ${segment}-${field}`]);
    }
  });

  test('OBX-3 and SPM-4, with their occurrence', () => {
    expect(faults([...ORDER, 'OBX|1|ST|X1||a', 'OBX|2|ST|||b', 'SPM|1|'])).toEqual([
      'HL7_FIELD_MISSING OBX(2)-3',
      'HL7_FIELD_MISSING SPM-4',
    ]);
  });

  test('a new order without a placer number, a cancel without any number', () => {
    expect(faults([MSH, PID, 'ORC|NW||FIL1', 'OBR|1||FIL1|GLU'])).toEqual(['HL7_FIELD_MISSING ORC-2']);
    expect(faults([MSH, PID, ORC, OBR, 'ORC|CA', 'OBR|1|||GLU'])).toEqual(['HL7_FIELD_MISSING ORC(2)-2']);
    expect(faults([MSH, PID, 'ORC|SC', 'OBR|1|||GLU'])).toEqual([]);
  });

  test('ORC-1 is of table 0119', () => {
    const found = validateOrder(parsed(withField(ORDER, 'ORC', 1, 'QQ')), RULES);
    expect(found).toMatchObject([{ code: 'HL7_FIELD_TABLE', path: 'ORC-1', table: 'HL70119', value: 'QQ' }]);
  });

  test('what the interface requires beyond the standard', () => {
    const required = ['PID-8', 'OBX-11', 'PV1', 'OBR-4.3', 'OBR-16'];
    const lines = [...ORDER, 'OBX|1|ST|X||a||||||F', 'OBX|2|ST|X||a'];
    expect(faults(lines, { required })).toEqual([
      'HL7_FIELD_MISSING OBX(2)-11',
      'HL7_FIELD_MISSING PV1',
      'HL7_FIELD_MISSING OBR-16',
    ]);
  });

  test('all faults are told, at most a hundred', () => {
    expect(faults([MSH, 'PID|1', 'ORC|NW', 'OBR|1'])).toEqual([
      ...['HL7_FIELD_MISSING PID-3', 'HL7_FIELD_MISSING PID-5', 'HL7_FIELD_MISSING ORC-2', 'HL7_FIELD_MISSING OBR-4'],
    ]);
    expect(faults([...ORDER, ...Array.from({ length: 500 }, () => 'OBX|1')])).toHaveLength(100);
  });
});

test('G18: no fault repeats what stands in the message, save codes of tables', () => {
  const name = 'Exampleperson';
  const places: [string, number][] = [
    ...[9, 10, 11, 12, 18].map((field): [string, number] => ['MSH', field]),
    ...[3, 5].map((field): [string, number] => ['PID', field]),
    ...[1, 2].map((field): [string, number] => ['ORC', field]),
    ['OBR', 4],
  ];
  for (const [segment, field] of places) {
    const lines = withField([MSH, `PID|1||||${name}`, 'ORC||', 'OBR|1'], segment, field, name);
    const result = parseHl7(bytes(lines));
    expect(
      JSON.stringify(result.ok ? validateOrder(result.message, RULES) : result.fault),
      `${segment}-${field}`,
    ).not.toContain(name);
  }
});
