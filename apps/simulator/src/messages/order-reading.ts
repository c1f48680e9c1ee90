/**
 * What the simulated laboratory reads of an order, and no more: header, control id, the mark that asks for a refusal.
 * Written apart from the engine's own reading, so that a bug there cannot hide here.
 */

/** Codes of HL7 table 0008. */
export type AckCode = 'AA' | 'AE' | 'AR' | 'CA' | 'CE' | 'CR';

/** Asks the simulated laboratory for this answer; stands in NTE-3 (or a FHIR note), where enrichment leaves it alone. */
export interface AnswerMark {
  readonly code: AckCode;
  /** ERR-3, such as 103; absent: none. */
  readonly errorCode?: string;
}

export interface ReceivedOrder {
  readonly kind: 'HL7V2' | 'FHIR_JSON';
  /** MSH-10, or the resource's id; empty when there is none. */
  readonly controlId: string;
  readonly mark: AnswerMark | undefined;
  /** Of HL7 v2 only: what an acknowledgement has to repeat. */
  readonly header: Header | undefined;
}

export interface Header {
  readonly fieldSeparator: string;
  readonly encodingCharacters: string;
  readonly sendingApplication: string;
  readonly sendingFacility: string;
  readonly receivingApplication: string;
  readonly receivingFacility: string;
  readonly triggerEvent: string;
  readonly processingId: string;
  readonly version: string;
}

/** System of the FHIR identifier that carries the upstream's control id. */
export const CONTROL_ID_SYSTEM = 'urn:inorder:simulator:control-id';

const MARK = /^SIM:(AA|AE|AR|CA|CE|CR)(?::(\d{1,3}))?$/;

/** Text of a mark, as it stands in the message. */
export function formatMark(mark: AnswerMark): string {
  return mark.errorCode === undefined ? `SIM:${mark.code}` : `SIM:${mark.code}:${mark.errorCode}`;
}

function parseMark(text: string): AnswerMark | undefined {
  const found = MARK.exec(text.trim());
  if (found === null) return undefined;
  const code = found[1] as AckCode; // the expression allows nothing else
  return found[2] === undefined ? { code } : { code, errorCode: found[2] };
}

/** undefined for what is neither HL7 v2 nor a FHIR resource in JSON. */
export function readOrder(content: Buffer): ReceivedOrder | undefined {
  const text = content.toString('utf8');
  return text.startsWith('MSH') ? readHl7(text) : readFhir(text);
}

function readHl7(text: string): ReceivedOrder | undefined {
  const separator = text.charAt(3);
  if (separator === '' || separator === '\r') return undefined;
  const segments = text.split(/[\r\n]+/);
  const msh = (segments[0] ?? '').split(separator);
  // MSH-1 is the separator itself, so MSH-n stands at n - 1.
  const field = (n: number): string => msh[n - 1] ?? '';
  const component = field(2).charAt(0);
  let mark: AnswerMark | undefined;
  for (const segment of segments) {
    if (segment.startsWith(`NTE${separator}`)) mark ??= parseMark(segment.split(separator)[3] ?? '');
  }
  return {
    kind: 'HL7V2',
    controlId: field(10),
    mark,
    header: {
      fieldSeparator: separator,
      encodingCharacters: field(2),
      sendingApplication: field(3),
      sendingFacility: field(4),
      receivingApplication: field(5),
      receivingFacility: field(6),
      triggerEvent: component === '' ? '' : (field(9).split(component)[1] ?? ''),
      processingId: field(11),
      version: field(12),
    },
  };
}

function readFhir(text: string): ReceivedOrder | undefined {
  let resource: unknown;
  try {
    resource = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(resource) || typeof resource['resourceType'] !== 'string') return undefined;
  const requests = serviceRequests(resource);
  const id = typeof resource['id'] === 'string' ? resource['id'] : '';
  const named = [resource, ...requests].map(controlIdentifier).find((value) => value !== undefined);
  const notes = requests.flatMap((request) => (Array.isArray(request['note']) ? request['note'] : []));
  const marks = notes.map((note) =>
    isRecord(note) && typeof note['text'] === 'string' ? parseMark(note['text']) : undefined,
  );
  return {
    kind: 'FHIR_JSON',
    controlId: named ?? id,
    mark: marks.find((mark) => mark !== undefined),
    header: undefined,
  };
}

function serviceRequests(resource: Record<string, unknown>): readonly Record<string, unknown>[] {
  if (resource['resourceType'] === 'ServiceRequest') return [resource];
  const entries = Array.isArray(resource['entry']) ? resource['entry'] : [];
  return entries
    .map((entry) => (isRecord(entry) ? entry['resource'] : undefined))
    .filter(isRecord)
    .filter((entry) => entry['resourceType'] === 'ServiceRequest');
}

function controlIdentifier(resource: Record<string, unknown>): string | undefined {
  const identifiers = Array.isArray(resource['identifier']) ? resource['identifier'] : [resource['identifier']];
  for (const identifier of identifiers) {
    if (!isRecord(identifier) || identifier['system'] !== CONTROL_ID_SYSTEM) continue;
    if (typeof identifier['value'] === 'string') return identifier['value'];
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
