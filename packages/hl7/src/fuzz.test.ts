/** Whatever bytes come, the functions of this package give a value. Seed and path of a failure are printed by fast-check. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, ORDER, RULES } from '../test/synthetic.ts';
import { displayTree, extractKeys, parseAck, parseFhir, parseHl7, validateFhir, validateOrder } from './index.ts';

const TEXT = [...ORDER, 'OBX|1|ST|X^Y^LN||a~b&c\\T\\d', 'NTE|1||x', 'MSA|AE|CTL0001', 'ERR|PID^1^3^101|PID^1^3|101']
  .map((line) => `${line}\r`)
  .join('');
const RESOURCE = JSON.stringify({
  ...{ resourceType: 'ServiceRequest', status: 'active', intent: 'order', subject: { reference: 'Patient/1' } },
  ...{ code: { coding: [{ code: 'GLU' }] }, identifier: [{ value: 'P1' }], quantityQuantity: { value: 1.5 } },
});

function everything(raw: Uint8Array): void {
  const hl7 = parseHl7(raw);
  if (hl7.ok) {
    const doc = hl7.message;
    for (const each of validateOrder(doc, { ...RULES, required: ['OBX-5.1', 'ZZZ-1'] }))
      expect(each.detail).not.toBe('');
    extractKeys(doc);
    displayTree(doc);
    for (const path of ['OBR-4.1', 'PID-3(2).4.2', 'MSH-12', 'OBX(2)-99(3).7']) doc.set(path, doc.get('OBX-5.1'));
    const again = parseHl7(doc.toBytes());
    expect(again.ok || again.fault.code === 'HL7_CHARSET', 'what goes out can be read again').toBe(true);
  }
  const fhir = parseFhir(raw);
  if (fhir.ok) {
    validateFhir(fhir.document, ['code.coding.code']);
    extractKeys(fhir.document);
    displayTree(fhir.document);
    fhir.document.set('code.coding[0].code', 'x');
    expect(parseFhir(fhir.document.toBytes()).ok).toBe(true);
  }
  parseAck(raw);
}

test('random bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), everything), { numRuns: 1000 });
});

test('random bytes behind a header', () => {
  const body = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(body, (raw) => everything(Buffer.concat([bytes('MSH|^~\\&|'), raw]))),
    { numRuns: 1000 },
  );
});

test('an order or resource with bytes changed, cut or put in', () => {
  const edit = fc.record({
    at: fc.nat(1000),
    cut: fc.nat(20),
    put: fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.constantFrom(...'|^~\\&\r\n\v\x1c{}[]":,'.split('')).map((c) => bytes(c)),
    ),
  });
  const source = fc.constantFrom(TEXT, RESOURCE);
  fc.assert(
    fc.property(source, fc.array(edit, { minLength: 1, maxLength: 6 }), (text, edits) => {
      let raw = Buffer.from(text);
      for (const { at, cut, put } of edits) {
        const place = at % (raw.length + 1);
        raw = Buffer.concat([raw.subarray(0, place), put, raw.subarray(place + cut)]);
      }
      everything(raw);
    }),
    { numRuns: 3000 },
  );
});

test('any JSON', () => {
  const value = fc.json({ maxDepth: 6 });
  const wrap = (json: string) =>
    `{"resourceType":"Bundle","entry":[{"resource":${json}},{"resource":${RESOURCE}}],"x":${json}}`;
  fc.assert(
    fc.property(value, (json) => everything(bytes(wrap(json)))),
    { numRuns: 500 },
  );
});

test('G19: twenty thousand orders in one message are judged in well under the time limit of a stage', () => {
  const many = `${ORDER[0]}\r${'ORC|CA|1\r'.repeat(19_000)}`;
  // Of the processor, not of the clock: other work on the machine is not this message's.
  const from = process.threadCpuUsage();
  everything(bytes(many));
  const { user, system } = process.threadCpuUsage(from);
  expect((user + system) / 1000).toBeLessThan(5000);
});
