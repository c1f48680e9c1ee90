import { expect, test } from 'vitest';
import { payloadBundle } from './bundle.ts';
import { answerView } from './view.ts';

const PATIENT = [
  'Zebedee',
  'Quillfeather',
  'MRN-88123',
  '19480229',
  'Winterbourne',
  '555-0142',
  'ACC-9931',
  'Grindlewald',
];

function hl7(tests: string): Buffer {
  const segments = [
    'MSH|^~\\&|WARD|NORTH|LIS|LAB|20260301091204+0100||ORM^O01|CTL-1|P|2.5.1',
    'PID|1||MRN-88123^^^NORTH^MR~PASS-7731^^^GOV^PPN||Quillfeather^Zebedee||19480229|M|||12 Winterbourne Lane^^Oxmoor||555-0142',
    'PV1|1|I|ICU^2^1||||1234^Grindlewald^Ada',
    'ORC|NW|ORD-77|ACC-9931^LIS',
    `OBR|1|ORD-77|ACC-9931^LIS|${tests}|||20260301090000`,
    'NTE|1||Zebedee asks for a call',
    'ZPI|1|Quillfeather',
  ];
  return Buffer.from(segments.map((segment) => `${segment}\r`).join(''));
}

function bundle(revealed: boolean) {
  const payload = {
    format: 'HL7V2' as const,
    raw: hl7('GLU^Glucose^L'),
    processed: hl7('2345-7^Glucose [Mass/volume]^LN^GLU^Glucose^L'),
    jmsMessageId: 'ID:1',
    properties: { interface: 'LAB-0042', patient: 'Quillfeather' },
  };
  return payloadBundle(payload, revealed);
}

function leaks(value: unknown): string[] {
  const text = JSON.stringify(value);
  return PATIENT.filter((secret) => text.includes(secret));
}

test('G18: a masked payload holds nothing of the patient: tree, lines, changes and properties', () => {
  const masked = bundle(false);
  expect(leaks(masked)).toEqual([]);
  expect(leaks(bundle(true))).toEqual(PATIENT);
  // And yet it is of use.
  const text = JSON.stringify(masked);
  for (const seen of ['CTL-1', 'ORD-77', 'GLU', '2345-7', 'LAB-0042']) expect(text).toContain(seen);
});

test('masked lines keep the shape of the message: separators, repetitions and segments', () => {
  const lines = bundle(false).raw.lines ?? [];
  expect(lines.map((line) => line.segment)).toEqual(['MSH', 'PID', 'PV1', 'ORC', 'OBR', 'NTE', 'ZPI']);
  expect(lines[0]?.text).toBe('MSH|^~\\&|WARD|NORTH|LIS|LAB|20260301091204+0100||ORM^O01|CTL-1|P|2.5.1');
  expect(lines[1]?.text).toBe(
    'PID|1||XXX-9999^^^XXXXX^XX~XXXX-999^^^XXX^XXX||Xxxxxxxx^Xxxxxxx||99999999|X|||99 Xxxxx^^Xxxxxx||999-9999',
  );
  expect(lines[4]?.text).toBe('OBR|1|ORD-77|XXX-9999^XXX|GLU^Glucose^L|||20260301090000');
});

test('revealed lines are the bytes', () => {
  const { raw } = bundle(true);
  expect(`${raw.lines?.map((line) => line.text).join('\r')}\r`).toBe(hl7('GLU^Glucose^L').toString());
});

test('what the stages changed is told by field path, with the name of the field', () => {
  const { changes } = bundle(false);
  expect(changes?.map((change) => change.path)).toEqual([
    'OBR-4.1',
    'OBR-4.2',
    'OBR-4.3',
    'OBR-4.4',
    'OBR-4.5',
    'OBR-4.6',
  ]);
  expect(changes?.[0]).toEqual({
    path: 'OBR-4.1',
    name: 'Universal Service Identifier',
    before: 'GLU',
    after: '2345-7',
    masked: false,
  });
});

test('a change under a mask is seen, and not what it was', () => {
  const payload = { format: 'HL7V2' as const, jmsMessageId: null, properties: {} };
  const moved = Buffer.from(hl7('GLU').toString().replace('Quillfeather^Zebedee', 'Quillfeather^Zebediah'));
  const { changes } = payloadBundle({ ...payload, raw: hl7('GLU'), processed: moved }, false);
  expect(changes).toMatchObject([{ path: 'PID-5.2', masked: true }]);
  expect(leaks(changes)).toEqual([]);
});

test('G18: bytes that are no message are shown to nobody without the right, and as a dump with it', () => {
  const payload = { format: 'HL7V2' as const, processed: null, jmsMessageId: null, properties: {} };
  const raw = Buffer.from('\u0000PIX|Quillfeather');
  const masked = payloadBundle({ ...payload, raw }, false);
  expect(masked.raw).toMatchObject({
    tree: null,
    lines: null,
    unreadable: 'HL7_NOT_PARSEABLE',
    hex: null,
    bytes: raw.length,
  });
  expect(leaks(masked)).toEqual([]);
  expect(payloadBundle({ ...payload, raw }, true).raw.hex).toContain('.PIX|Quillfeathe');
});

test('G18: FHIR is masked as well, and revealed in full', () => {
  const order = {
    resourceType: 'ServiceRequest',
    status: 'active',
    intent: 'order',
    code: { coding: [{ system: 'http://loinc.org', code: '2345-7' }] },
    subject: { display: 'Zebedee Quillfeather', identifier: { value: 'MRN-88123' } },
    note: [{ text: 'lives in Winterbourne' }],
  };
  const payload = { format: 'FHIR_JSON' as const, processed: null, jmsMessageId: null, properties: {} };
  const raw = Buffer.from(JSON.stringify(order));
  const masked = payloadBundle({ ...payload, raw }, false);
  expect(leaks(masked)).toEqual([]);
  expect(JSON.stringify(masked)).toContain('2345-7');
  expect(leaks(payloadBundle({ ...payload, raw }, true))).toEqual([
    'Zebedee',
    'Quillfeather',
    'MRN-88123',
    'Winterbourne',
  ]);
});

test('G18: free text of an answer is hidden, its codes are not', () => {
  const answer = Buffer.from(
    'MSH|^~\\&|LIS|LAB|WARD|NORTH|20260301||ACK|1|P|2.5.1\rMSA|AE|CTL-1|Quillfeather has no bed\r',
  );
  const masked = answerView(answer, false);
  expect(leaks(masked)).toEqual([]);
  expect(masked.lines?.[1]?.text).toMatch(/^MSA\|AE\|CTL-1\|/);
  expect(answerView(Buffer.from('upstream error for Quillfeather'), false)).toMatchObject({ tree: null, hex: null });
});
