/**
 * FHIR R4 orders in JSON: one ServiceRequest, or a Bundle that holds at least one. Judged by the base resource only:
 * status, intent and subject (1..1) and the required value sets; profiles are not. `code` is 0..1 in the base
 * resource, so its absence is no fault.
 */
import { type Fault, fault } from '@inorder/core';
import { isObject, type JsonObject, type JsonValue, parseJson, RawNumber, text, writeJson } from './json.ts';

export interface FhirOrder {
  /** `ServiceRequest`, or `Bundle.entry[2].resource`. */
  readonly path: string;
  readonly resource: JsonObject;
}

const ORDERS_MAX = 10_000;
const FAULTS_MAX = 100;
const VALUE_SETS: Readonly<Record<string, { set: string; codes: readonly string[] }>> = {
  status: {
    set: 'request-status',
    codes: ['draft', 'active', 'on-hold', 'revoked', 'completed', 'entered-in-error', 'unknown'],
  },
  intent: {
    set: 'request-intent',
    codes: 'proposal plan directive order original-order reflex-order filler-order instance-order option'.split(' '),
  },
  priority: { set: 'request-priority', codes: ['routine', 'urgent', 'asap', 'stat'] },
};

interface Step {
  readonly name: string;
  /** From 0; null: every one. */
  readonly index: number | null;
}

function parseElementPath(path: string): readonly Step[] | null {
  const steps: Step[] = [];
  for (const part of path.split('.')) {
    const match = /^([A-Za-z_][A-Za-z0-9_]{0,63})(?:\[(\d{1,5})\])?$/.exec(part);
    if (match?.[1] === undefined) return null;
    steps.push({ name: match[1], index: match[2] === undefined ? null : Number(match[2]) });
  }
  return steps;
}

function descend(from: readonly JsonValue[], step: Step): JsonValue[] {
  return from.flatMap((each) => {
    if (!isObject(each) || !Object.hasOwn(each, step.name)) return [];
    const next = each[step.name];
    if (next === undefined) return [];
    if (!Array.isArray(next)) return step.index === null || step.index === 0 ? [next] : [];
    if (step.index === null) return next;
    const chosen = next[step.index];
    return chosen === undefined ? [] : [chosen];
  });
}

/** Leaf values as text; an object that holds something counts as `true`, so that `exists` works on elements. */
function leafText(value: JsonValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return value.trim() === '' ? '' : value;
  if (value instanceof RawNumber) return value.source;
  if (typeof value === 'object') return Object.keys(value).length > 0 ? 'true' : '';
  return String(value);
}

export class FhirDocument {
  readonly resource: JsonObject;
  readonly orders: readonly FhirOrder[];
  readonly #bytes: Uint8Array;
  #modified = false;

  constructor(resource: JsonObject, orders: readonly FhirOrder[], bytes: Uint8Array) {
    this.resource = resource;
    this.orders = orders;
    this.#bytes = bytes;
  }

  /** Resources of a type: the root itself and the Bundle's entries. */
  resourcesOf(type: string): readonly JsonObject[] {
    const roots = [this.resource, ...descend(descend([this.resource], step('entry')), step('resource'))];
    return roots.filter((each): each is JsonObject => isObject(each) && each['resourceType'] === type);
  }

  /**
   * Values at an element path. `code.coding.code` is looked for in every ServiceRequest; `Patient.identifier.value`,
   * `Bundle.type` and the like begin with the type they are looked for in. Lists are walked unless an index is given
   * (`coding[0]`). Empty values are left out; [] where the text is no path.
   */
  getAll(path: string): readonly string[] {
    const steps = parseElementPath(path);
    const [first, ...rest] = steps ?? [];
    if (first === undefined) return [];
    const typed = /^[A-Z]/.test(first.name);
    const start = typed ? this.resourcesOf(first.name) : this.orders.map((order) => order.resource);
    const found = (typed ? rest : [first, ...rest]).reduce<readonly JsonValue[]>(descend, start);
    return found.map(leafText).filter((value) => value !== '');
  }

  get(path: string): string {
    return this.getAll(path)[0] ?? '';
  }

  /**
   * Writes text into one element of the first ServiceRequest; objects on the way are made, lists only where they stand
   * already or an index of 0 or one past the end is named. false, and nothing changed: no path, or no such list entry.
   */
  set(path: string, value: string): boolean {
    const steps = parseElementPath(path);
    const last = steps?.at(-1);
    let target = this.orders[0]?.resource;
    if (!steps || last === undefined || last.index !== null || target === undefined) return false;
    if (steps.some((each) => each.name === '__proto__')) return false;
    // Walk a copy, so that a path that ends nowhere leaves nothing behind.
    const copy = structuredCloneJson(target);
    const root = copy;
    target = copy;
    for (const each of steps.slice(0, -1)) {
      const next = openStep(target, each);
      if (next === null) return false;
      target = next;
    }
    target[last.name] = value;
    const original = this.orders[0]?.resource;
    if (original === undefined) return false;
    Object.assign(original, root);
    this.#modified = true;
    return true;
  }

  /** Says that a resource was changed from outside; the bytes are written anew. */
  touch(): void {
    this.#modified = true;
  }

  /** Bytes as delivered: those that came, without a byte order mark, unless something was set. */
  toBytes(): Uint8Array {
    return this.#modified ? Buffer.from(writeJson(this.resource), 'utf8') : this.#bytes;
  }
}

function step(name: string): Step {
  return { name, index: null };
}

function structuredCloneJson(value: JsonObject): JsonObject {
  const clone = parseJson(writeJson(value));
  return isObject(clone) ? clone : {};
}

function openStep(target: JsonObject, each: Step): JsonObject | null {
  const current = Object.hasOwn(target, each.name) ? target[each.name] : undefined;
  if (Array.isArray(current)) {
    const index = each.index ?? 0;
    if (index === current.length) current.push({});
    const entry = current[index];
    return isObject(entry) ? entry : null;
  }
  if (isObject(current)) return each.index === null || each.index === 0 ? current : null;
  if (current !== undefined || (each.index ?? 0) !== 0) return null;
  const made: JsonObject = {};
  target[each.name] = each.index === null ? made : [made];
  return made;
}

export type ParsedFhir = { ok: true; document: FhirDocument } | { ok: false; fault: Fault };

function ordersOf(root: JsonObject): FhirOrder[] {
  if (root['resourceType'] === 'ServiceRequest') return [{ path: 'ServiceRequest', resource: root }];
  const entries = Array.isArray(root['entry']) ? root['entry'].slice(0, ORDERS_MAX) : [];
  return entries.flatMap((entry, index) => {
    const resource = isObject(entry) ? entry['resource'] : undefined;
    const is = isObject(resource) && resource['resourceType'] === 'ServiceRequest';
    return is ? [{ path: `Bundle.entry[${index}].resource`, resource }] : [];
  });
}

/** Errors: FHIR_NOT_PARSEABLE, FHIR_RESOURCE_TYPE. */
export function parseFhir(raw: Uint8Array): ParsedFhir {
  const refuse = (code: Fault['code'], detail: string, path: string): ParsedFhir => ({
    ok: false,
    fault: fault(code, detail, { path }),
  });
  const marked = raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf;
  const bytes = marked ? raw.subarray(3) : raw;
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('FHIR_NOT_PARSEABLE', 'The bytes are not UTF-8, which FHIR requires', 'Resource');
  }
  if (source.trim() === '') return refuse('FHIR_NOT_PARSEABLE', 'The message is empty', 'Resource');
  const root = parseJson(source);
  if (root === undefined) return refuse('FHIR_NOT_PARSEABLE', 'The text is not JSON that can be read', 'Resource');
  if (!isObject(root)) return refuse('FHIR_NOT_PARSEABLE', 'The JSON is not an object', 'Resource');
  const type = text(root['resourceType']);
  if (type === '') return refuse('FHIR_NOT_PARSEABLE', 'resourceType is missing', 'Resource.resourceType');
  if (type !== 'ServiceRequest' && type !== 'Bundle') {
    const said = /^[A-Z][A-Za-z]{1,40}$/.test(type) ? type : 'another type';
    return refuse('FHIR_RESOURCE_TYPE', `The resource is ${said}, not ServiceRequest or Bundle`, 'resourceType');
  }
  const orders = ordersOf(root);
  if (orders.length === 0) {
    return refuse('FHIR_RESOURCE_TYPE', 'The Bundle holds no ServiceRequest', 'Bundle.entry.resource');
  }
  return { ok: true, document: new FhirDocument(root, orders, bytes) };
}

function elementFault(path: string): Fault {
  return fault('FHIR_ELEMENT_MISSING', `${path} is required and missing`, { path });
}

function orderFaults(order: FhirOrder): Fault[] {
  const faults: Fault[] = [];
  for (const element of ['status', 'intent', 'priority']) {
    const path = `${order.path}.${element}`;
    const allowed = VALUE_SETS[element];
    const value = order.resource[element];
    if (value === undefined || value === null || value === '') {
      if (element !== 'priority') faults.push(elementFault(path));
    } else if (allowed !== undefined && (typeof value !== 'string' || !allowed.codes.includes(value))) {
      const detail = `${path} holds a value that ${allowed.set} does not know (${allowed.codes.join(', ')})`;
      faults.push(fault('FHIR_VALUE', detail, { path, table: allowed.set }));
    }
  }
  const subject = order.resource['subject'];
  const named = isObject(subject) && ['reference', 'identifier', 'display', 'extension'].some((key) => key in subject);
  if (!named) faults.push(elementFault(`${order.path}.subject`));
  return faults;
}

/**
 * Everything found wrong in every order, in their order; then what the interface requires beyond (`required`: element
 * paths as {@link FhirDocument.getAll} takes them). At most 100. Errors: FHIR_ELEMENT_MISSING, FHIR_VALUE.
 */
export function validateFhir(doc: FhirDocument, required: readonly string[] = []): readonly Fault[] {
  const faults = doc.orders.flatMap(orderFaults);
  for (const path of required) if (doc.getAll(path).length === 0) faults.push(elementFault(path));
  return faults.slice(0, FAULTS_MAX);
}
