/** First stage: is it an order of the interface's format that the base standard lets pass? */
import { type Fault, fault } from '@inorder/core';
import { extractKeys, parseFhir, parseHl7, validateFhir, validateOrder } from '@inorder/hl7';
import { failed, type OrderDocument, type StageContext, type StageInput, type StageStep } from './step.ts';

type Opened = { ok: true; order: OrderDocument } | { ok: false; fault: Fault };

function parse(input: StageInput): Opened {
  if (input.raw.byteLength === 0) {
    const path = input.document.format === 'FHIR_JSON' ? 'resourceType' : 'MSH-1';
    return { ok: false, fault: fault('INGEST_EMPTY', 'The message has no body', { path }) };
  }
  if (input.document.format === 'FHIR_JSON') {
    const parsed = parseFhir(input.raw);
    return parsed.ok ? { ok: true, order: { format: 'FHIR_JSON', doc: parsed.document } } : parsed;
  }
  const parsed = parseHl7(input.raw);
  return parsed.ok ? { ok: true, order: { format: 'HL7V2', doc: parsed.message } } : parsed;
}

/** Parses the message and reads its keys, unless that was done. Errors: INGEST_EMPTY, else as parseHl7 and parseFhir. */
export function open(context: StageContext): StageContext {
  if (context.order !== null) return context;
  const opened = parse(context.input);
  if (!opened.ok) return failed(context, 'VALIDATE', opened.fault);
  return { ...context, order: opened.order, ...extractKeys(opened.order.doc) };
}

export const validate: StageStep = {
  name: 'VALIDATE',
  run(context) {
    const { order, input } = context;
    if (order === null) return context;
    const rules = input.document.validate;
    const faults = order.format === 'HL7V2' ? validateOrder(order.doc, rules) : validateFhir(order.doc, rules.required);
    const [first] = faults;
    return first === undefined ? context : failed(context, 'VALIDATE', first, [...faults]);
  },
};
