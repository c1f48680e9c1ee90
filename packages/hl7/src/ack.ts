/** Acknowledgements: what a laboratory system's answer says, and the answer a simulated one gives. */
import { type Fault, fault } from '@inorder/core';
import { escapeText } from './escape.ts';
import { type Hl7Document, parseHl7, type SegmentAt } from './parse.ts';
import { fieldPath } from './path.ts';

export const ACK_CODES = ['AA', 'AE', 'AR', 'CA', 'CE', 'CR'] as const;
export type AckCode = (typeof ACK_CODES)[number];

export interface AckError {
  /** ERR-2 (or ERR-1 before v2.5) as a path: `PID-3.1`; null where none is given. */
  readonly location: string | null;
  /** ERR-3.1 (or ERR-1.4.1): table 0357; '' where none is given. */
  readonly code: string;
  /** ERR-4: I, W, E, F; '' where none is given. */
  readonly severity: string;
}

export type ParsedAck =
  | {
      ok: true;
      /** MSA-1. */
      code: AckCode;
      /** MSA-2: the control id of the message it answers. '' where the sender left it empty. */
      controlId: string;
      /** MSA-3. Others wrote it and it may hold patient data: payload store only (G18). */
      text: string;
      errors: readonly AckError[];
    }
  | { ok: false; fault: Fault };

/** At most this many ERR repetitions are read. */
const ERRORS_MAX = 100;

function isAckCode(text: string): text is AckCode {
  return (ACK_CODES as readonly string[]).includes(text);
}

/** `PID^1^3^2^1` (ERL) as `PID-3(2).1`; null where the parts are no place. */
function location(parts: readonly string[], withRepetition: boolean): string | null {
  const [segment = '', occurrence = '', field = '', fourth = '', fifth = ''] = parts;
  if (!/^[A-Z][A-Z0-9]{2}$/.test(segment)) return null;
  const number = (text: string) => (/^\d{1,3}$/.test(text) && Number(text) > 0 ? Number(text) : undefined);
  const place = fieldPath(segment, number(occurrence) ?? 1, number(field));
  if (number(field) === undefined || !withRepetition) return place;
  const repetition = number(fourth) ?? 1;
  return `${place}${repetition > 1 ? `(${repetition})` : ''}${number(fifth) === undefined ? '' : `.${number(fifth)}`}`;
}

/** Only what looks like a code of a table may go into texts people read outside the payload. */
function codeOnly(text: string): string {
  return /^[A-Za-z0-9_.-]{1,20}$/.test(text) ? text : '';
}

function errorsOf(doc: Hl7Document, at: SegmentAt): AckError[] {
  const severity = codeOnly(doc.get(`ERR(${at.occurrence})-4.1`));
  const code = codeOnly(doc.get(`ERR(${at.occurrence})-3.1`));
  if (code !== '' || doc.field(at, 2) !== '') {
    const places = doc.repetitions(at, 2).map((each) => location(doc.components(each), true));
    return places.map((place) => ({ location: place, code, severity }));
  }
  return doc.repetitions(at, 1).flatMap((each) => {
    const parts = doc.components(each);
    if (each === '') return [];
    return [{ location: location(parts, false), code: codeOnly(doc.subcomponents(parts[3] ?? '')[0] ?? ''), severity }];
  });
}

/** Reads an answer, framed or not. Errors: MLLP_ACK_JUNK where it is no acknowledgement. */
export function parseAck(bytes: Uint8Array): ParsedAck {
  const junk = (detail: string, path: string): ParsedAck => ({
    ok: false,
    fault: fault('MLLP_ACK_JUNK', detail, { path }),
  });
  const parsed = parseHl7(bytes);
  if (!parsed.ok) return junk('The answer is not an HL7 message', parsed.fault.path ?? 'MSH');
  const doc = parsed.message;
  if (doc.named('MSA').length !== 1) return junk('The answer does not hold exactly one MSA segment', 'MSA');
  const code = doc.get('MSA-1.1').trim().toUpperCase();
  if (!isAckCode(code)) return junk('MSA-1 is not a code of table 0008', 'MSA-1');
  const errors = doc.named('ERR').flatMap((at) => errorsOf(doc, at));
  const controlId = doc.get('MSA-2.1').trim();
  return { ok: true, code, controlId, text: doc.get('MSA-3.1'), errors: errors.slice(0, ERRORS_MAX) };
}

export interface AckOptions {
  readonly code: AckCode;
  /** MSH-10 of the answer itself. */
  readonly controlId: string;
  /** MSH-7 of the answer, epoch milliseconds; written in UTC. */
  readonly at: number;
  /** MSA-3. */
  readonly text?: string;
  /** ERR segments: code of table 0357, and where as segment, occurrence, field. */
  readonly errors?: readonly {
    code: string;
    severity?: string;
    segment?: string;
    occurrence?: number;
    field?: number;
  }[];
  /** MSA-2 instead of the request's MSH-10: to play a system that answers wrongly. */
  readonly answers?: string;
}

function timestamp(at: number): string {
  return `${new Date(at)
    .toISOString()
    .replace(/[-:T]|\.\d+Z$/g, '')
    .slice(0, 14)}+0000`;
}

/** An answer to a message: sender and receiver swapped, its delimiters, version and processing id kept. */
export function buildAck(request: Hl7Document, options: AckOptions): Uint8Array {
  const { delimiters } = request;
  const header = request.segments[0];
  const raw = (field: number): string => (header === undefined ? '' : request.field(header, field));
  const text = (value: string): string => escapeText(value, delimiters);
  const join = (fields: readonly string[]): string => fields.join(delimiters.field);
  const event = request.get('MSH-9.2');
  const type = ['ACK', ...(event === '' ? [] : [text(event)])].join(delimiters.component);
  const own = [text(options.controlId), raw(11), raw(12)];
  const [code, id] = [options.code, options.answers ?? request.get('MSH-10')];
  const lines = [
    join(['MSH', raw(2), raw(5), raw(6), raw(3), raw(4), timestamp(options.at), '', type, ...own]),
    join(['MSA', code, text(id), ...(options.text === undefined ? [] : [text(options.text)])]),
    ...(options.errors ?? []).map((error) => {
      const place = [error.segment ?? '', String(error.occurrence ?? 1), String(error.field ?? '')];
      const where = error.segment === undefined ? '' : place.join(delimiters.component);
      return join(['ERR', '', where, text(error.code), text(error.severity ?? 'E')]);
    }),
  ];
  return Buffer.from(lines.map((line) => `${line}\r`).join(''), 'utf8');
}
