/**
 * What the base standard asks of an order message: ORM^O01 (v2.3–2.6), OML^O21, OMG^O19. Data types, units, code
 * systems and site profiles are not judged here.
 *
 * Where the standard leaves room, this is what we do and why
 * - MSH-7 is required from v2.4 on; MSH-1, 2, 9, 10, 11, 12 in every version.
 * - Segments a message structure does not list are ignored, as v2.5.1 §2.6 tells a receiver to (NK1 in ORM, Z segments).
 * - Several OBR after one ORC share it. Strict grammar has one OBR per ORC; senders of newborn screening orders do it.
 * - ORC-2 is conditional: "if not in ORC it must be in OBR and vice versa". A new order (NW) needs a placer number in
 *   either; a request about an existing order (CA, DC, HD, RL, XO, RP) a placer or a filler number; others nothing.
 * - An ORC with NW needs an order detail segment behind it; OMG^O19 needs an OBR behind each ORC.
 * - ORC-1 has to be of table 0119, which is closed (data type ID).
 * - Required fields judged are those that say who, what and by which number. PV1-2 and OBX-11 are R too and are left to
 *   `required` of the interface: real orders leave them out, and nothing of the order hangs on them.
 * - The HL7 null `""` deletes a value, so it does not fill a required field.
 */
import { type Fault, fault } from '@inorder/core';
import { fieldName } from './names.ts';
import type { Hl7Document, SegmentAt } from './parse.ts';
import { fieldPath, parsePath } from './path.ts';
import { checkStructure } from './structure.ts';

/** What the interface accepts beyond the standard. */
export interface OrderRules {
  /** MSH-9.1^MSH-9.2. */
  readonly messageTypes: readonly string[];
  /** MSH-11.1. */
  readonly processingIds: readonly string[];
  /** Paths that must hold a value: in every occurrence of the segment, and there must be one. */
  readonly required: readonly string[];
}

/** A message as broken as it likes gets at most this many faults. */
const FAULTS_MAX = 100;

const VERSIONS = '2.1 2.2 2.3 2.3.1 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2'.split(' ');
const VERSIONS_WITHOUT_MSH_7 = ['2.1', '2.2', '2.3', '2.3.1'];

const ORDER_CONTROLS = new Set(
  (
    'AF CA CH CN CP CR DC DE DF DR FU HD HR LI MC NA NR NW OC OD OE OF OH OK OP OR PA PR PY RC RE RF RL RO RP RQ RR ' +
    'RU SC SN SR SS UA UC UD UF UH UM UN UR UX XO XR XX'
  ).split(' '),
);
const CONTROLS_ON_EXISTING_ORDERS = ['CA', 'DC', 'HD', 'RL', 'XO', 'RP'];

/** Fields with usage R in every version that has the segment, as far as they say who or what. */
const REQUIRED_FIELDS: Readonly<Record<string, readonly number[]>> = {
  PID: [3, 5],
  ORC: [1],
  OBR: [4],
  OBX: [3],
  SPM: [4],
};

/** True where the field holds something: not only delimiters, blanks or the HL7 null. */
export function holdsValue(doc: Hl7Document, raw: string): boolean {
  const { component, repetition, subcomponent } = doc.delimiters;
  for (const part of raw.split(repetition)) {
    if (part.trim() === '""') continue;
    for (const char of part) {
      if (char !== component && char !== subcomponent && char.trim() !== '') return true;
    }
  }
  return false;
}

function missing(at: SegmentAt, field: number): Fault {
  const path = fieldPath(at.name, at.occurrence, field);
  const name = fieldName(at.name, field);
  return fault('HL7_FIELD_MISSING', `${path}${name === '' ? '' : ` (${name})`} is required and empty`, { path });
}

/** MSH-9.1^MSH-9.2; null where MSH-9.1 is empty. */
export function messageType(doc: Hl7Document): string | null {
  const type = doc.get('MSH-9(1).1');
  const event = doc.get('MSH-9(1).2');
  return type === '' ? null : `${type}${event === '' ? '' : `^${event}`}`;
}

function typeFault(doc: Hl7Document, rules: OrderRules): Fault | null {
  const type = messageType(doc);
  if (type === null || rules.messageTypes.includes(type)) return null;
  // Shown only where it looks like a type: a shifted field may hold anything (G18).
  const value = /^[A-Z0-9]{3}(?:\^[A-Z0-9]{3})?$/.test(type) ? type : null;
  const said = value === null ? 'no message type' : value;
  const detail = `MSH-9 holds ${said}; accepted are ${rules.messageTypes.join(', ')}`;
  return fault('HL7_MESSAGE_TYPE', detail, { path: 'MSH-9', table: 'HL70354', value });
}

function headerFaults(doc: Hl7Document, rules: OrderRules): Fault[] {
  const faults: Fault[] = [];
  const version = doc.get('MSH-12(1).1').trim();
  for (const field of [7, 9, 10, 11, 12]) {
    if (field === 7 && (version === '' || VERSIONS_WITHOUT_MSH_7.includes(version))) continue;
    const value = field === 7 ? doc.get('MSH-7') : doc.get(`MSH-${field}(1).1`);
    if (holdsValue(doc, value)) continue;
    const path = `MSH-${field}`;
    faults.push(fault('HL7_MSH_FIELD_MISSING', `${path} (${fieldName('MSH', field)}) is required and empty`, { path }));
  }
  if (version !== '' && version !== '""' && !VERSIONS.includes(version)) {
    const value = /^[0-9.]{1,8}$/.test(version) ? version : null;
    const detail = 'MSH-12 names no version of HL7 v2 from 2.1 to 2.8.2';
    faults.push(fault('HL7_VERSION', detail, { path: 'MSH-12', table: 'HL70104', value }));
  }
  const processing = doc.get('MSH-11(1).1').trim();
  if (processing !== '' && processing !== '""' && !rules.processingIds.includes(processing)) {
    const value = /^[A-Z]$/.test(processing) ? processing : null;
    const detail = `MSH-11 holds ${value ?? 'another value'}; this interface accepts ${rules.processingIds.join(', ')}`;
    faults.push(fault('HL7_PROCESSING_ID', detail, { path: 'MSH-11', table: 'HL70103', value }));
  }
  return faults;
}

/** ORC-1 against its table, and the order numbers its ORC-1 asks for. */
function orderFaults(doc: Hl7Document, orc: SegmentAt): Fault[] {
  const control = doc.get(`ORC(${orc.occurrence})-1(1).1`).trim();
  if (!holdsValue(doc, control)) return [];
  if (!ORDER_CONTROLS.has(control)) {
    const path = fieldPath('ORC', orc.occurrence, 1);
    const value = /^[A-Z0-9]{1,3}$/.test(control) ? control : null;
    const detail = `${path} (Order Control) holds ${value ?? 'a value'} that table 0119 does not know`;
    return [fault('HL7_FIELD_TABLE', detail, { path, table: 'HL70119', value })];
  }
  const existing = CONTROLS_ON_EXISTING_ORDERS.includes(control);
  if (control !== 'NW' && !existing) return [];
  const group = orderGroup(doc, orc);
  const fields = existing ? [2, 3] : [2];
  if (group.some((at) => fields.some((field) => holdsValue(doc, doc.field(at, field))))) return [];
  const path = fieldPath('ORC', orc.occurrence, 2);
  const what = existing ? 'Neither placer nor filler order number' : 'No placer order number';
  return [
    fault('HL7_FIELD_MISSING', `${what} in ${path} or its OBR, which ORC-1 ${control} requires`, {
      path,
    }),
  ];
}

/** The ORC and the OBR segments up to the next ORC. */
function orderGroup(doc: Hl7Document, orc: SegmentAt): SegmentAt[] {
  const group = [orc];
  for (let index = orc.index + 1; index < doc.segments.length; index += 1) {
    const at = doc.segments[index];
    if (at === undefined || at.name === 'ORC') break;
    if (at.name === 'OBR') group.push(at);
  }
  return group;
}

function fieldFaults(doc: Hl7Document): Fault[] {
  const faults: Fault[] = [];
  for (const at of doc.segments) {
    const required = Object.hasOwn(REQUIRED_FIELDS, at.name) ? REQUIRED_FIELDS[at.name] : undefined;
    for (const field of required ?? []) {
      if (!holdsValue(doc, doc.field(at, field))) faults.push(missing(at, field));
    }
    if (at.name === 'ORC') faults.push(...orderFaults(doc, at));
    if (faults.length >= FAULTS_MAX) break;
  }
  return faults;
}

function siteFaults(doc: Hl7Document, required: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  for (const text of required) {
    const path = parsePath(text);
    if (path === undefined) continue;
    const detail = (place: string) => `${place} is empty and this interface requires it`;
    const found = doc.named(path.segment).filter((at) => path.occurrence === null || path.occurrence === at.occurrence);
    if (found.length === 0) faults.push(fault('HL7_FIELD_MISSING', detail(text), { path: text }));
    for (const at of found) {
      const values = doc.valuesAt({ ...path, occurrence: at.occurrence });
      if (values.some((value) => holdsValue(doc, value))) continue;
      const rest = text.slice(text.indexOf('-'));
      const place = path.field === null ? text : `${fieldPath(at.name, at.occurrence)}${rest}`;
      faults.push(fault('HL7_FIELD_MISSING', detail(place), { path: place }));
    }
  }
  return faults;
}

/**
 * Everything found wrong, worst first: the type, then the header, the structure, the fields in message order, and what
 * the interface asks beyond the standard. The first is the dead letter's. A message of another type is not judged
 * further than its header. At most 100.
 * Errors: HL7_MESSAGE_TYPE, HL7_MSH_FIELD_MISSING, HL7_VERSION, HL7_PROCESSING_ID, HL7_STRUCTURE, HL7_FIELD_MISSING,
 * HL7_FIELD_TABLE.
 */
export function validateOrder(doc: Hl7Document, rules: OrderRules): readonly Fault[] {
  const header = headerFaults(doc, rules);
  const type = typeFault(doc, rules);
  if (type !== null) return [type, ...header];
  const structure = checkStructure(doc, messageType(doc));
  const seen = new Set<string>();
  const faults = [...header, ...structure, ...fieldFaults(doc), ...siteFaults(doc, rules.required)].filter((each) => {
    const key = `${each.code} ${each.path}`;
    return !seen.has(key) && seen.add(key);
  });
  return faults.slice(0, FAULTS_MAX);
}
