/**
 * Which segments an order message must have and in what order, and segments that ran together because a terminator was
 * lost. The sharpest place is named: the field another segment begins in.
 */
import { type Fault, fault } from '@inorder/core';
import { isNamedSegment } from './names.ts';
import type { Hl7Document, SegmentAt } from './parse.ts';
import { fieldPath } from './path.ts';

/** Segments that say what is ordered; which of them a message may hold depends on its type. */
const ORDER_DETAILS = ['OBR', 'RQD', 'RQ1', 'RXO', 'ODS', 'ODT'];
const ORDER_TYPES = ['ORM^O01', 'OML^O21', 'OMG^O19'];

function structureFault(detail: string, path: string): Fault {
  return fault('HL7_STRUCTURE', detail, { path });
}

const isSetId = (text: string | undefined): boolean => text !== undefined && /^\d{1,4}$/.test(text);

/** Value types of OBX-2 (table 0125). */
const VALUE_TYPE =
  /^(?:AD|CE|CF|CK|CN|CNE|CP|CQ|CWE|CX|DLN|DR|DT|DTM|ED|EI|FT|ID|IS|MA|MO|NA|NM|PN|PPN|RP|SI|SN|ST|TM|TN|TS|TX|XAD|XCN|XON|XPN|XTN)$/;

/**
 * Whether the fields behind a name read like that segment. Words end in PID or NTE too (RAPID, PACIENTE), so those two
 * are not looked for; the others need fields that free text does not have behind it.
 */
function readsLike(name: string, next: readonly string[]): boolean {
  switch (name) {
    case 'ORC':
      return /^[A-Z]{2}$/.test(next[0] ?? '') && next.length > 1;
    case 'OBR':
      return (isSetId(next[0]) || next[0] === '') && (next[3] ?? '') !== '';
    case 'OBX':
      return (isSetId(next[0]) || next[0] === '') && VALUE_TYPE.test(next[1] ?? '');
    case 'SPM':
      return isSetId(next[0]) && (next[3] ?? '') !== '';
    case 'PV1':
    case 'DG1':
    case 'GT1':
    case 'NK1':
    case 'IN1':
    case 'AL1':
    case 'TQ1':
      return isSetId(next[0]) && next.length > 1;
    default:
      return false;
  }
}

/** Where another segment begins inside this one. */
function runTogether(doc: Hl7Document, at: SegmentAt): { fault: Fault; name: string } | null {
  const fields = doc.fieldTexts(at);
  for (let index = 1; index < fields.length - 1; index += 1) {
    const text = fields[index] ?? '';
    // A field that is nothing but the name may be a value: a segment named in ERR, say.
    if (text.length <= 3) continue;
    const name = text.slice(-3);
    if (!isNamedSegment(name)) continue;
    const versionEnds = at.name === 'MSH' && index === 11 && /^2(?:\.\d){1,2}$/.test(text.slice(0, -3));
    if (!versionEnds && !readsLike(name, fields.slice(index + 1))) continue;
    const field = at.name === 'MSH' ? index + 1 : index;
    const path = fieldPath(at.name, at.occurrence, field);
    const detail = `${name} begins inside ${path}: two segments run together, the end of ${fieldPath(at.name, at.occurrence)} is missing`;
    return { fault: structureFault(detail, path), name };
  }
  return null;
}

function headerAndPatient(doc: Hl7Document, type: string | null): Fault[] {
  const faults: Fault[] = [];
  let orders = 0;
  let requests = 0;
  let patients = 0;
  for (const at of doc.segments) {
    if (at.name === 'ORC') orders += 1;
    if (at.name === 'OBR') requests += 1;
    if (at.name === 'MSH' && at.index > 0) {
      faults.push(structureFault('A second MSH stands in the message: two messages in one', `MSH(${at.occurrence})`));
    }
    if (at.name !== 'PID') continue;
    patients += 1;
    const path = fieldPath('PID', at.occurrence);
    // OML and OMG carry the patient again with prior results, behind an order.
    const prior = type !== 'ORM^O01' && orders > 0 && requests > 0;
    if (patients > 1 && !prior) faults.push(structureFault(`${path} is a second patient in one order message`, path));
    else if (patients === 1 && orders > 0) faults.push(structureFault(`${path} stands behind the first ORC`, path));
  }
  return faults;
}

/** Each ORC with the names of the segments behind it, up to the next. */
function groups(doc: Hl7Document): { orc: SegmentAt; names: Set<string> }[] {
  const found: { orc: SegmentAt; names: Set<string> }[] = [];
  for (const at of doc.segments) {
    if (at.name === 'ORC') found.push({ orc: at, names: new Set() });
    else found.at(-1)?.names.add(at.name);
  }
  return found;
}

/** Errors of the order groups. `found` holds names of segments seen inside others; they are not said to be missing. */
function orderGroups(doc: Hl7Document, type: string, found: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  const firstOrder = doc.segments.findIndex((at) => at.name === 'ORC');
  if (firstOrder === -1 && !found.has('ORC')) {
    const last = doc.segments.at(-1);
    const detail = `ORC is missing; ${type} needs at least one, and the message ends with ${last?.name ?? 'MSH'}`;
    faults.push(structureFault(detail, 'ORC'));
  }
  const request = doc.segments.find((at) => at.name === 'OBR' && (firstOrder === -1 || at.index < firstOrder));
  if (request !== undefined && !found.has('ORC')) {
    const path = fieldPath('OBR', request.occurrence);
    faults.push(structureFault(`${path} stands before any ORC`, path));
  }
  if (found.has('OBR')) return faults;
  for (const { orc, names } of groups(doc)) {
    const path = fieldPath('ORC', orc.occurrence);
    if (type === 'OMG^O19' && !names.has('OBR')) faults.push(structureFault(`OBR is missing behind ${path}`, 'OBR'));
    else if (doc.get(`${path}-1(1).1`) === 'NW' && !ORDER_DETAILS.some((name) => names.has(name))) {
      faults.push(structureFault(`OBR is missing behind ${path}, which places a new order`, 'OBR'));
    }
  }
  return faults;
}

/** Errors: HL7_STRUCTURE. Segments that ran together come first, because they explain what else seems missing. */
export function checkStructure(doc: Hl7Document, type: string | null): readonly Fault[] {
  const faults: Fault[] = [];
  const found = new Set<string>();
  for (const at of doc.segments) {
    const joined = runTogether(doc, at);
    if (joined === null) continue;
    faults.push(joined.fault);
    found.add(joined.name);
  }
  faults.push(...headerAndPatient(doc, type));
  if (type !== null && ORDER_TYPES.includes(type)) faults.push(...orderGroups(doc, type, found));
  return faults;
}
