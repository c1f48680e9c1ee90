import { describe, expect, test } from 'vitest';
import { extractKeys, type FhirDocument, isObject, type JsonObject, parseFhir, validateFhir } from './index.ts';

const ORDER = {
  resourceType: 'ServiceRequest',
  id: 'sr1',
  identifier: [
    { type: { coding: [{ code: 'PLAC' }] }, value: 'PLC0001' },
    { type: { coding: [{ code: 'FILL' }] }, value: 'FIL0001' },
  ],
  status: 'active',
  intent: 'order',
  priority: 'stat',
  code: { coding: [{ system: 'http://lab.example', code: 'GLU' }] },
  subject: { reference: 'Patient/p1', identifier: { value: 'MRN0001' } },
};
const PATIENT = {
  resourceType: 'Patient',
  identifier: [
    { type: { coding: [{ code: 'MR' }] }, value: 'MRN0002' },
    { type: { coding: [{ code: 'SS' }] }, value: '000000000' },
  ],
};
const BUNDLE = {
  ...{ resourceType: 'Bundle', type: 'message', id: 'b1' },
  entry: [{ resource: PATIENT }, { resource: ORDER }, { resource: { ...ORDER, status: 'revoked' } }],
};

function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8');
}

function parsed(value: unknown): FhirDocument {
  const result = parseFhir(bytes(value));
  if (!result.ok) throw new Error(result.fault.detail);
  return result.document;
}

test('a ServiceRequest, and a Bundle that holds some, pass', () => {
  expect(validateFhir(parsed(ORDER))).toEqual([]);
  expect(validateFhir(parsed(BUNDLE))).toEqual([]);
  const { code: _code, priority: _priority, ...least } = ORDER;
  expect(validateFhir(parsed(least)), 'code and priority are optional in the base resource').toEqual([]);
});

test.each([
  ['nothing', '', 'FHIR_NOT_PARSEABLE', 'Resource'],
  ['HL7 v2', 'MSH|^~\\&|', 'FHIR_NOT_PARSEABLE', 'Resource'],
  ['cut JSON', '{"resourceType":', 'FHIR_NOT_PARSEABLE', 'Resource'],
  ['a list', '[]', 'FHIR_NOT_PARSEABLE', 'Resource'],
  ['no type', '{}', 'FHIR_NOT_PARSEABLE', 'Resource.resourceType'],
  ['nesting without end', '['.repeat(100_000), 'FHIR_NOT_PARSEABLE', 'Resource'],
  ['another resource', '{"resourceType":"Patient"}', 'FHIR_RESOURCE_TYPE', 'resourceType'],
  [
    'a Bundle without order',
    { ...BUNDLE, entry: [{ resource: PATIENT }] },
    'FHIR_RESOURCE_TYPE',
    'Bundle.entry.resource',
  ],
  ['a Bundle of nothing', { resourceType: 'Bundle', entry: 'x' }, 'FHIR_RESOURCE_TYPE', 'Bundle.entry.resource'],
])('%s is refused, and said where', (_name, value, code, path) => {
  expect(parseFhir(bytes(value))).toMatchObject({ ok: false, fault: { code, path } });
});

test('bytes that are not UTF-8 are refused; a byte order mark is taken off', () => {
  expect(parseFhir(Buffer.from([0x7b, 0xff, 0x7d]))).toMatchObject({
    ok: false,
    fault: { code: 'FHIR_NOT_PARSEABLE' },
  });
  const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes(ORDER)]);
  const result = parseFhir(marked);
  expect(result.ok && Buffer.compare(result.document.toBytes(), bytes(ORDER))).toBe(0);
});

describe('base elements', () => {
  test.each([
    ['status', undefined, 'FHIR_ELEMENT_MISSING ServiceRequest.status'],
    ['intent', '', 'FHIR_ELEMENT_MISSING ServiceRequest.intent'],
    ['subject', undefined, 'FHIR_ELEMENT_MISSING ServiceRequest.subject'],
    ['subject', {}, 'FHIR_ELEMENT_MISSING ServiceRequest.subject'],
    ['status', 'done', 'FHIR_VALUE ServiceRequest.status'],
    ['intent', 'wish', 'FHIR_VALUE ServiceRequest.intent'],
    ['priority', 'soon', 'FHIR_VALUE ServiceRequest.priority'],
    ['status', ['active'], 'FHIR_VALUE ServiceRequest.status'],
  ])('%s = %j', (element, value, expected) => {
    const found = validateFhir(parsed({ ...ORDER, [element]: value }));
    expect(found.map((each) => `${each.code} ${each.path}`)).toEqual([expected]);
  });

  test('the order inside a Bundle is named by its place; what the interface requires is asked too', () => {
    const broken = { ...BUNDLE, entry: [{ resource: PATIENT }, { resource: { ...ORDER, status: undefined } }] };
    const found = validateFhir(parsed(broken), ['requester.reference', 'subject']);
    expect(found.map((each) => each.path)).toEqual(['Bundle.entry[1].resource.status', 'requester.reference']);
  });

  test('G18: a fault does not repeat the value', () => {
    expect(JSON.stringify(validateFhir(parsed({ ...ORDER, status: 'Exampleperson' })))).not.toContain('Example');
  });
});

describe('paths', () => {
  test.each([
    ['code.coding.code', ['GLU']],
    ['code.coding[0].code', ['GLU']],
    ['code.coding[1].code', []],
    ['identifier.value', ['PLC0001', 'FIL0001']],
    ['ServiceRequest.status', ['active']],
    ['subject', ['true']],
    ['constructor.name', []],
    ['not a path', []],
    ['', []],
  ])('%s', (path, expected) => {
    expect(parsed(ORDER).getAll(path)).toEqual(expected);
  });

  test('in a Bundle every order is looked at, and other resources by their type', () => {
    expect(parsed(BUNDLE).getAll('status')).toEqual(['active', 'revoked']);
    expect(parsed(BUNDLE).getAll('Patient.identifier.value')).toEqual(['MRN0002', '000000000']);
    expect(parsed(BUNDLE).get('Bundle.type')).toBe('message');
  });

  test('set changes one element or nothing', () => {
    const doc = parsed(ORDER);
    expect(doc.set('code.coding[0].code', 'NEW')).toBe(true);
    expect(doc.set('requisition.value', 'G1')).toBe(true);
    expect(doc.get('code.coding.code')).toBe('NEW');
    const before = Buffer.from(doc.toBytes()).toString();
    for (const path of ['code.coding[7].code', 'status.x', '__proto__.x', 'note[1].text', '', 'a b']) {
      expect(doc.set(path, 'x'), path).toBe(false);
    }
    expect(Buffer.from(doc.toBytes()).toString()).toBe(before);
    expect(before).toContain('"requisition":{"value":"G1"}');
  });

  test('digits of decimals survive a change', () => {
    const doc = parsed(JSON.stringify(ORDER).replace('"stat"', '"stat","quantityQuantity":{"value":2.50}'));
    expect(doc.get('quantityQuantity.value')).toBe('2.50');
    expect(doc.set('status', 'draft')).toBe(true);
    expect(Buffer.from(doc.toBytes()).toString()).toContain('"value":2.50}');
  });
});

test('keys: placer, filler, record number, and the order control a status stands for', () => {
  expect(extractKeys(parsed(ORDER))).toEqual({
    controlId: null,
    keys: [
      { kind: 'PLACER', value: 'PLC0001', orderControl: 'NW' },
      { kind: 'FILLER', value: 'FIL0001', orderControl: 'NW' },
      { kind: 'MRN', value: 'MRN0001', orderControl: null },
    ],
  });
  const bundle = extractKeys(parsed({ ...BUNDLE, identifier: { value: 'MSG1' } }));
  expect(bundle.controlId).toBe('MSG1');
  expect(extractKeys(parsed(BUNDLE)).controlId).toBe('b1');
  expect(bundle.keys).toContainEqual({ kind: 'PLACER', value: 'PLC0001', orderControl: 'CA' });
  expect(bundle.keys).toContainEqual({ kind: 'MRN', value: 'MRN0002', orderControl: null });
  expect(bundle.keys.map((key) => key.value)).not.toContain('000000000');
});

test('an identifier without a type is the placer number when nothing else is', () => {
  const untyped: JsonObject = { ...ORDER, identifier: [{ value: 'X1' }] };
  expect(extractKeys(parsed(untyped)).keys[0]).toEqual({ kind: 'PLACER', value: 'X1', orderControl: 'NW' });
  expect(isObject(untyped)).toBe(true);
});
