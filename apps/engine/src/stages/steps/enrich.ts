/**
 * Second stage: looks local codes up and writes the standard ones beside them.
 *
 * HL7: the standard code goes into the first triplet (`OBR-4.1` to `.3`), because that is where a laboratory system
 * reads the test; the local one moves to the alternate (`.4` to `.6`), where the standard wants equivalents. An
 * alternate that stands there already moves on to the second alternate (`.10` to `.12`, CWE from v2.7; older receivers
 * ignore extra components). Versions of the coding systems move along (`.7`, `.8`, `.13`). Nothing is lost: with three
 * codes there already, the message fails. A field that names the target system in any triplet has its standard code
 * and is left alone, so a second run changes nothing.
 *
 * FHIR: a coding is put in front of the others; none is taken away.
 */
import { type Fault, fault } from '@inorder/core';
import { type FhirDocument, fieldPath, type Hl7Document, isObject, type JsonObject, parsePath } from '@inorder/hl7';
import type { EnrichRule } from '@inorder/shared';
import { type CodeTables, type CodeTarget, failed, type StageStep } from './step.ts';

type Found = { ok: true; target: CodeTarget | null } | { ok: false; fault: Fault };

/** Table 0396 names to FHIR systems. */
const FHIR_SYSTEMS: Readonly<Record<string, string>> = {
  LN: 'http://loinc.org',
  SCT: 'http://snomed.info/sct',
  C4: 'http://www.ama-assn.org/go/cpt',
  UCUM: 'http://unitsofmeasure.org',
};

/** Longest code a table may hold; a longer value is no code and is not repeated in a fault. */
const CODE_LENGTH_MAX = 80;

/** A message as broken as it likes gets at most about this many faults. */
const FAULTS_MAX = 100;

function look(tables: CodeTables, rule: EnrichRule, code: string, path: string): Found {
  const found = tables.lookup(rule.codeTable, code);
  if (found === 'TABLE_MISSING') {
    const detail = `The code table ${rule.codeTable} does not exist`;
    return { ok: false, fault: fault('ENRICH_TABLE_MISSING', detail, { path, table: rule.codeTable }) };
  }
  if (found !== undefined) return { ok: true, target: found };
  if (rule.onUnknown === 'keep') return { ok: true, target: null };
  const value = code.length <= CODE_LENGTH_MAX ? code : null;
  const detail = `${path} holds ${value === null ? 'a code' : `code ${value}`}, which table ${rule.codeTable} does not know`;
  return { ok: false, fault: fault('ENRICH_CODE_UNKNOWN', detail, { path, table: rule.codeTable, value }) };
}

/** Where components go, as [from, to]: the alternate to the second alternate, the first triplet to the alternate. */
const TO_SECOND_ALTERNATE: readonly (readonly [number, number])[] = [
  [4, 10],
  [5, 11],
  [6, 12],
  [8, 13],
];
const TO_ALTERNATE: readonly (readonly [number, number])[] = [
  [1, 4],
  [2, 5],
  [3, 6],
  [7, 8],
];

function writeTriplet(doc: Hl7Document, base: string, written: string, target: CodeTarget): Fault | null {
  // As written, not unescaped: moving a text must not change it.
  const parts = [...doc.components(written)];
  const holds = (from: number, to: number) => parts.slice(from - 1, to).some((part) => part !== '');
  const move = (pairs: readonly (readonly [number, number])[]) => {
    for (const [from, to] of pairs) {
      const value = parts[from - 1] ?? '';
      parts[from - 1] = '';
      while (parts.length < to) parts.push('');
      parts[to - 1] = value;
    }
  };
  if (holds(4, 6)) {
    if (holds(10, 12)) {
      const detail = `${base} holds three codes already; there is no room for the standard one`;
      return fault('STAGE_FAILED', detail, { path: base });
    }
    move(TO_SECOND_ALTERNATE);
  }
  move(TO_ALTERNATE);
  parts[0] = doc.escape(target.target);
  // A display the message's character set lacks is left out: the code says it all.
  parts[1] = doc.canEncode(target.display) ? doc.escape(target.display) : '';
  parts[2] = doc.escape(target.targetSystem);
  while (parts.at(-1) === '') parts.pop();
  if (doc.setComponents(base, parts)) return null;
  const detail = 'The standard code does not fit the character set of the message';
  return fault('HL7_CHARSET', detail, { path: base });
}

function enrichHl7(doc: Hl7Document, rule: EnrichRule, tables: CodeTables): Fault[] {
  const path = parsePath(rule.field);
  if (path === undefined || path.field === null) {
    const detail = 'The enrichment rule names no field';
    return [fault('CONFIG_INVALID', detail, { table: rule.codeTable })];
  }
  const faults: Fault[] = [];
  for (const at of doc.named(path.segment)) {
    if (faults.length >= FAULTS_MAX) break;
    if (path.occurrence !== null && path.occurrence !== at.occurrence) continue;
    for (const [index, written] of doc.repetitions(at, path.field).entries()) {
      const repetition = index + 1;
      const place = fieldPath(at.name, at.occurrence, path.field);
      const base = `${at.name}(${at.occurrence})-${path.field}(${repetition})`;
      const code = doc.get(`${base}.1`).trim();
      if (code === '' || code === '""') continue;
      const named = repetition === 1 ? `${place}.1` : `${place}(${repetition}).1`;
      const problem = enrichField(doc, base, named, { rule, tables, code, written });
      if (problem !== null) faults.push(problem);
    }
  }
  return faults;
}

interface FieldWork {
  readonly rule: EnrichRule;
  readonly tables: CodeTables;
  readonly code: string;
  /** The repetition as it stands. */
  readonly written: string;
}

function enrichField(doc: Hl7Document, base: string, named: string, work: FieldWork): Fault | null {
  const found = look(work.tables, work.rule, work.code, named);
  // What the table does not know may be the standard code already; every table we know of targets LOINC by default.
  const systems = [3, 6, 12].map((component) => doc.get(`${base}.${component}`));
  if (!found.ok) {
    return found.fault.code === 'ENRICH_CODE_UNKNOWN' && systems.includes('LN') ? null : found.fault;
  }
  if (found.target === null || systems.includes(found.target.targetSystem)) return null;
  return writeTriplet(doc, base, work.written, found.target);
}

function fhirSystem(targetSystem: string): string | null {
  const known = Object.hasOwn(FHIR_SYSTEMS, targetSystem) ? FHIR_SYSTEMS[targetSystem] : undefined;
  return known ?? (/^(?:https?:\/\/|urn:)/.test(targetSystem) ? targetSystem : null);
}

function enrichFhir(doc: FhirDocument, rule: EnrichRule, tables: CodeTables): Fault[] {
  // The rule's default is HL7's; an order's test is the element `code`.
  const element = /^[A-Z]/.test(rule.field) ? 'code' : rule.field;
  const faults: Fault[] = [];
  for (const order of doc.orders) {
    const concept = order.resource[element];
    const codings = isObject(concept) && Array.isArray(concept['coding']) ? concept['coding'] : null;
    const coded = (codings ?? []).filter(
      (each): each is JsonObject => isObject(each) && typeof each['code'] === 'string',
    );
    if (codings === null || coded.some((each) => each['system'] === FHIR_SYSTEMS['LN'])) continue;
    let firstFault: Fault | null = null;
    let written = false;
    for (const coding of coded) {
      const path = `${order.path}.${element}.coding[${codings.indexOf(coding)}].code`;
      const found = look(tables, rule, String(coding['code']), path);
      if (!found.ok) firstFault ??= found.fault;
      if (!found.ok || found.target === null) continue;
      const system = fhirSystem(found.target.targetSystem);
      written = true;
      if (system !== null && coded.some((each) => each['system'] === system)) break;
      const display = found.target.display;
      const standard = { ...(system === null ? {} : { system }), code: found.target.target };
      codings.unshift(display === '' ? standard : { ...standard, display });
      doc.touch();
      break;
    }
    if (!written && firstFault !== null) faults.push(firstFault);
  }
  return faults;
}

export const enrich: StageStep = {
  name: 'ENRICH',
  run(context) {
    const { order, tables } = context;
    if (order === null) return context;
    const faults = context.input.document.enrich.flatMap((rule) =>
      order.format === 'HL7V2' ? enrichHl7(order.doc, rule, tables) : enrichFhir(order.doc, rule, tables),
    );
    const [first] = faults;
    return first === undefined ? context : failed(context, 'ENRICH', first, faults);
  },
};
