/** What a message is known by: its own id, its orders and its patient's record numbers. For search and `passWithOrder`. */
import type { FhirDocument, FhirOrder } from './fhir.ts';
import { isObject, type JsonObject, type JsonValue, text } from './json.ts';
import { Hl7Document } from './parse.ts';

/**
 * One key. Order numbers are the entity identifier alone (EI.1): a cancel that leaves the assigning authority out still
 * meets its order. `orderControl` is ORC-1 of the order the number belongs to; null for MRN and CONTROL.
 */
export interface OrderKey {
  readonly kind: 'PLACER' | 'FILLER' | 'MRN' | 'CONTROL';
  readonly value: string;
  readonly orderControl: string | null;
}

export interface MessageKeys {
  /** MSH-10; for FHIR the Bundle's identifier or id. null where there is none: a single ServiceRequest has no message id. */
  readonly controlId: string | null;
  readonly keys: readonly OrderKey[];
}

const KEYS_MAX = 200;
const KEY_LENGTH_MAX = 200;
/** Identifier types (table 0203) in PID-3 that are no record numbers. */
const NOT_RECORD_NUMBERS = ['SS', 'DL', 'PPN', 'CZ', 'MA', 'MC', 'NI', 'BC'];

class KeyList {
  readonly #found = new Map<string, OrderKey>();

  add(kind: OrderKey['kind'], value: string, orderControl: string | null = null): void {
    const trimmed = value.trim();
    if (trimmed === '' || trimmed === '""' || trimmed.length > KEY_LENGTH_MAX || this.#found.size >= KEYS_MAX) return;
    this.#found.set(`${kind} ${orderControl} ${trimmed}`, { kind, value: trimmed, orderControl });
  }

  get list(): readonly OrderKey[] {
    return [...this.#found.values()];
  }
}

function hl7Keys(doc: Hl7Document): MessageKeys {
  const keys = new KeyList();
  const controlId = doc.get('MSH-10.1').trim();
  keys.add('CONTROL', controlId);
  let control: string | null = null;
  for (const at of doc.segments) {
    const value = (field: number) => doc.get(`${at.name}(${at.occurrence})-${field}(1).1`);
    if (at.name === 'PID') {
      for (const repetition of doc.repetitions(at, 3)) {
        const parts = doc.components(repetition);
        if (!NOT_RECORD_NUMBERS.includes(parts[4] ?? '')) {
          keys.add('MRN', doc.unescape(doc.subcomponents(parts[0] ?? '')[0] ?? ''));
        }
      }
    }
    if (at.name === 'ORC') {
      const said = value(1).trim();
      // A column of ours holds it: anything longer is no order control.
      control = /^[A-Z0-9]{1,3}$/.test(said) ? said : null;
    }
    if (at.name === 'ORC' || at.name === 'OBR') {
      keys.add('PLACER', value(2), control);
      keys.add('FILLER', value(3), control);
    }
  }
  return { controlId: controlId === '' ? null : controlId, keys: keys.list };
}

/** Order control for a ServiceRequest's status: only what says that an order is taken back or held is taken as said. */
function controlOf(order: FhirOrder): string | null {
  switch (text(order.resource['status'])) {
    case 'revoked':
    case 'entered-in-error':
      return 'CA';
    case 'on-hold':
      return 'HD';
    case 'active':
      return 'NW';
    default:
      return null;
  }
}

function identifiers(value: JsonValue | undefined): readonly JsonObject[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((each) => isObject(each));
}

function identifierType(identifier: JsonObject): string {
  const type = identifier['type'];
  const codings = isObject(type) && Array.isArray(type['coding']) ? type['coding'] : [];
  return codings.map((coding) => (isObject(coding) ? text(coding['code']) : '')).find((code) => code !== '') ?? '';
}

function fhirKeys(doc: FhirDocument): MessageKeys {
  const keys = new KeyList();
  const root = doc.resource;
  const bundle = root['resourceType'] === 'Bundle';
  const controlId = bundle
    ? (identifiers(root['identifier'])
        .map((each) => text(each['value']))
        .find(Boolean) ?? text(root['id']))
    : '';
  keys.add('CONTROL', controlId);
  for (const order of doc.orders) {
    const control = controlOf(order);
    const own = identifiers(order.resource['identifier']);
    const placerNamed = own.some((each) => identifierType(each) === 'PLAC');
    for (const identifier of own) {
      const type = identifierType(identifier);
      if (type === 'PLAC' || (type === '' && !placerNamed)) keys.add('PLACER', text(identifier['value']), control);
      if (type === 'FILL') keys.add('FILLER', text(identifier['value']), control);
    }
    const subject = order.resource['subject'];
    for (const each of identifiers(isObject(subject) ? subject['identifier'] : undefined)) {
      keys.add('MRN', text(each['value']));
    }
  }
  for (const patient of doc.resourcesOf('Patient')) {
    for (const each of identifiers(patient['identifier'])) {
      if (!NOT_RECORD_NUMBERS.includes(identifierType(each))) keys.add('MRN', text(each['value']));
    }
  }
  return { controlId: controlId === '' ? null : controlId, keys: keys.list };
}

/** Never fails; at most 200 keys, each once. */
export function extractKeys(doc: Hl7Document | FhirDocument): MessageKeys {
  return doc instanceof Hl7Document ? hl7Keys(doc) : fhirKeys(doc);
}
