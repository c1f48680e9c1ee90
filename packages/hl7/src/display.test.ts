import { describe, expect, test } from 'vitest';
import { MSH, OBR, ORC, parsed } from '../test/synthetic.ts';
import { type DisplayNode, displayTree, parseFhir } from './index.ts';

function leaves(nodes: readonly DisplayNode[]): DisplayNode[] {
  return nodes.flatMap((node) => (node.children.length > 0 ? leaves(node.children) : [node]));
}

const PERSON = 'Zweistein^Albertine';
const LINES = [
  `${MSH}`,
  `PID|1||SECRET77^^^NORTH^MR||${PERSON}||19010203|F|||Hauptweg 5^^Altdorf^^48123||555-12345`,
  `NK1|1|${PERSON}|MTH`,
  `GT1|1||${PERSON}`,
  `IN1|1|SECRETPLAN|SECRETCO`,
  `PV1|1|I|WARD1||||1^${PERSON}^^^Dr`,
  `${ORC}||||||||||1^${PERSON}`,
  `${OBR}||||||||||||1^${PERSON}`,
  `OBX|1|TX|X1||patient Zweistein says`,
  'OBX|2|NM|X2||4.2|mmol',
  'OBX|3|CE|X3||LA1-1^Yes^LN',
  `NTE|1||call Zweistein`,
  `ZPI|1|${PERSON}`,
];

describe('HL7', () => {
  test('names, paths and values of fields, repetitions, components, subcomponents', () => {
    const tree = displayTree(parsed([MSH, 'PID|1||A^^^S&1.2~B', ORC, OBR]), { unmask: true });
    expect(tree.nodes.map((node) => `${node.path} ${node.name}`)).toEqual([
      ...['MSH Message Header', 'PID Patient Identification', 'ORC Common Order', 'OBR Observation Request'],
    ]);
    const pid3 = tree.nodes[1]?.children[1];
    expect(pid3).toMatchObject({ path: 'PID-3', name: 'Patient Identifier List', value: null });
    expect(leaves([pid3].filter((node) => node !== undefined)).map((node) => `${node.path}=${node.value}`)).toEqual([
      ...['PID-3(1).1=A', 'PID-3(1).4.1=S', 'PID-3(1).4.2=1.2', 'PID-3(2)=B'],
    ]);
    expect(tree.nodes[0]?.children[1]).toMatchObject({ path: 'MSH-2', value: '^~\\&', masked: false });
  });

  test('G18: masked by default, nothing of the person is left anywhere in the tree', () => {
    const text = JSON.stringify(displayTree(parsed(LINES)));
    for (const secret of ['Zwei', 'Albert', 'SECRET', '1901', 'Haupt', 'Altdorf', '48123', '12345', 'says', 'call']) {
      expect(text, secret).not.toContain(secret);
    }
  });

  test('what an analyst needs stays readable: ids of the message and order, codes, numbers', () => {
    const shown = leaves(displayTree(parsed(LINES)).nodes).filter((node) => !node.masked);
    const values = new Map(shown.map((node) => [node.path, node.value]));
    expect(values.get('MSH-10')).toBe('CTL0001');
    expect(values.get('ORC-2.1')).toBe('PLC0001');
    expect(values.get('OBR-4.1')).toBe('GLU');
    expect(values.get('OBX(2)-5')).toBe('4.2');
    expect(values.get('OBX(3)-5.1')).toBe('LA1-1');
    expect(values.get('PV1-3')).toBe('WARD1');
    expect(values.get('PID-1')).toBe('1');
  });

  test('a mask keeps the kind of characters and at most eight of them', () => {
    const masked = leaves(displayTree(parsed(LINES)).nodes).filter((node) => node.masked);
    expect(masked.find((node) => node.path === 'PID-5.1')?.value).toBe('Xxxxxxxx');
    expect(masked.find((node) => node.path === 'PID-7')?.value).toBe('99999999');
    expect(masked.every((node) => (node.value ?? '').length <= 8)).toBe(true);
    expect(masked.map((node) => node.path)).toContain('ZPI-2.1');
  });

  test('unmasked by one who may, everything is there', () => {
    const all = leaves(displayTree(parsed(LINES), { unmask: true }).nodes);
    expect(all.some((node) => node.masked)).toBe(false);
    expect(all.find((node) => node.path === 'PID-5.1')?.value).toBe('Zweistein');
  });

  test('the tree is bounded, and says when it was cut', () => {
    const long = parsed([MSH, ORC, OBR, ...Array.from({ length: 2000 }, () => 'OBX|1|CE|a^b^c||d^e^f')]);
    const tree = displayTree(long, { nodesMax: 500 });
    expect(tree.truncated).toBe(true);
    expect(leaves(tree.nodes).length).toBeLessThanOrEqual(500);
    expect(displayTree(parsed(LINES)).truncated).toBe(false);
  });
});

describe('FHIR', () => {
  const order = {
    ...{ resourceType: 'ServiceRequest', status: 'active', intent: 'order', id: 'sr1' },
    code: { coding: [{ system: 'http://loinc.org', code: '2345-7', display: 'Glucose' }], text: 'for Zweistein' },
    subject: { reference: 'Patient/SECRET77', display: 'Albertine Zweistein' },
    requester: { display: 'Dr Zweistein' },
    note: [{ text: 'Zweistein calls' }],
    text: { div: '<div>Zweistein</div>' },
    extension: [{ valueString: 'Zweistein' }],
    'Zweistein key': 1,
    supportingInfo: [{ reference: 'Patient/SECRET77', display: 'Zweistein' }, { display: 'Zweistein' }],
  };
  const patient = { resourceType: 'Patient', birthDate: '1901-02-03', gender: 'female', id: 'SECRET77' };
  const tree = (value: unknown, unmask = false) => {
    const result = parseFhir(Buffer.from(JSON.stringify(value)));
    if (!result.ok) throw new Error(result.fault.detail);
    return displayTree(result.document, { unmask });
  };

  test('G18: masked by default, in a resource, a Bundle and what it holds', () => {
    const bundle = {
      resourceType: 'Bundle',
      entry: [{ fullUrl: 'urn:x/SECRET77', resource: patient }, { resource: order }],
    };
    for (const value of [order, bundle, { ...order, contained: [patient] }]) {
      const text = JSON.stringify(tree(value));
      for (const secret of ['Zwei', 'SECRET', '1901', 'female', 'calls']) expect(text, secret).not.toContain(secret);
    }
  });

  test('what an analyst needs stays readable, and all of it for one who may', () => {
    const shown = new Map(leaves(tree(order).nodes).map((node) => [node.path, node.value]));
    expect(shown.get('ServiceRequest.status')).toBe('active');
    expect(shown.get('ServiceRequest.code.coding[0].code')).toBe('2345-7');
    expect(shown.get('ServiceRequest.code.coding[0].display')).toBe('Glucose');
    expect(JSON.stringify(tree(order, true))).toContain('Albertine Zweistein');
  });
});
