/**
 * An HL7 v2 message as the stages need it, on top of medplum's parser. What medplum leaves to its caller and this file
 * does: framing and line ends, character sets, MSH-2 of any length, batches, escapes, text that is not HL7 at all.
 * Invariant: nothing here throws for any bytes, and bytes nobody set come out as they came in.
 */
import { type Fault, fault } from '@inorder/core';
import { Hl7Context, Hl7Field, Hl7Message, type Hl7Segment } from '@medplum/core';
import { type Charset, canEncode, decode, encode } from './charset.ts';
import { type Delimiters, escapeText, unescapeText } from './escape.ts';
import { controlByteFault, joinSegments, splitSegments, unframe } from './framing.ts';
import { type Hl7Path, parsePath } from './path.ts';

/** Stand-ins where MSH-2 names no escape or subcomponent character; Unicode says no text holds them. */
const NO_ESCAPE = '\ufffe';
const NO_SUBCOMPONENT = '\uffff';

/** More than any order has; it bounds every walk over the segments. */
const SEGMENTS_MAX = 20_000;

/** One segment and where it stands. */
export interface SegmentAt {
  readonly name: string;
  /** From 1, among segments of the same name. */
  readonly occurrence: number;
  /** From 0, in the message. */
  readonly index: number;
  readonly segment: Hl7Segment;
}

export class Hl7Document {
  readonly delimiters: Delimiters;
  readonly charset: Charset;
  readonly #message: Hl7Message;
  #segments: readonly SegmentAt[] | undefined;
  #texts: (readonly string[] | undefined)[] = [];
  readonly #byName = new Map<string, SegmentAt[]>();

  constructor(lines: readonly string[], delimiters: Delimiters, charset: Charset) {
    this.delimiters = delimiters;
    this.charset = charset;
    const context = new Hl7Context(
      '\r',
      delimiters.field,
      delimiters.component,
      delimiters.repetition,
      delimiters.escape ?? NO_ESCAPE,
      delimiters.subcomponent ?? NO_SUBCOMPONENT,
    );
    this.#message = new Hl7Message([...lines], context);
  }

  get segments(): readonly SegmentAt[] {
    this.#segments ??= this.#message.segments.map((segment, index) => {
      const same = this.#byName.get(segment.name) ?? [];
      const at = { name: segment.name, occurrence: same.length + 1, index, segment };
      same.push(at);
      this.#byName.set(segment.name, same);
      return at;
    });
    return this.#segments;
  }

  /** Segments of one name, in their order: the nth is at n − 1. */
  named(name: string): readonly SegmentAt[] {
    return this.segments.length === 0 ? [] : (this.#byName.get(name) ?? []);
  }

  /** Text of a field with all its repetitions, as it stands in the message; '' where there is none. */
  field(at: SegmentAt, field: number): string {
    // MSH-1 is the separator itself, so the split text of MSH is one behind.
    if (at.name !== 'MSH') return this.fieldTexts(at)[field] ?? '';
    return field === 1 ? this.delimiters.field : (this.fieldTexts(at)[field - 1] ?? '');
  }

  /** How many fields the segment is written with; MSH-1 counts. */
  fieldCount(at: SegmentAt): number {
    return this.fieldTexts(at).length - (at.name === 'MSH' ? 0 : 1);
  }

  /** The segment's text split at the field separator; the name is first. Kept, because every check reads it again. */
  fieldTexts(at: SegmentAt): readonly string[] {
    this.#texts[at.index] ??= at.segment.toString().split(this.delimiters.field);
    return this.#texts[at.index] ?? [];
  }

  /** Value at the path, unescaped; '' where there is none or the path is none. See {@link getAll}. */
  get(path: string): string {
    return this.getAll(path)[0] ?? '';
  }

  /**
   * Values of every segment occurrence and field repetition the path leaves open, in their order, empty ones left out.
   * A component or subcomponent comes unescaped; a whole repetition (`MSH-9`), and a component that has subcomponents,
   * comes as it is written, because unescaped it would be ambiguous. A bare segment name gives the segment's text.
   */
  getAll(path: string): readonly string[] {
    const parsed = parsePath(path);
    return parsed === undefined ? [] : this.valuesAt(parsed);
  }

  valuesAt(path: Hl7Path): readonly string[] {
    const values: string[] = [];
    const all = this.named(path.segment);
    for (const at of path.occurrence === null ? all : all.slice(path.occurrence - 1, path.occurrence)) {
      if (path.field === null) values.push(at.segment.toString());
      else values.push(...this.#repetitionValues(at, path.field, path));
    }
    return values.filter((value) => value !== '');
  }

  /** Repetitions of a field, as written; one empty one where the field is absent. */
  repetitions(at: SegmentAt, field: number): readonly string[] {
    const text = this.field(at, field);
    const whole = (at.name === 'MSH' && field <= 2) || !text.includes(this.delimiters.repetition);
    return whole ? [text] : text.split(this.delimiters.repetition);
  }

  /** Components of one repetition, as written. */
  components(repetition: string): readonly string[] {
    return repetition.split(this.delimiters.component);
  }

  /** Subcomponents of one component, as written. */
  subcomponents(component: string): readonly string[] {
    const separator = this.delimiters.subcomponent;
    return separator === null || !component.includes(separator) ? [component] : component.split(separator);
  }

  unescape(raw: string): string {
    return unescapeText(raw, this.delimiters, this.charset);
  }

  canEncode(text: string): boolean {
    return canEncode(text, this.charset);
  }

  /**
   * Writes one value, escaped. What the path leaves open is the first; without a component the first component of a
   * repetition emptied before. false, and nothing changed: no such segment, MSH-1 or MSH-2, no path, or a character
   * the message's set lacks.
   */
  set(path: string, value: string): boolean {
    const parsed = parsePath(path);
    if (parsed === undefined || parsed.field === null || !this.canEncode(value)) return false;
    const at = this.named(parsed.segment)[(parsed.occurrence ?? 1) - 1];
    if (at === undefined || (at.name === 'MSH' && parsed.field <= 2)) return false;
    if (parsed.subcomponent !== null && this.delimiters.subcomponent === null) return false;
    const escaped = escapeText(value, this.delimiters);
    this.#texts[at.index] = undefined;
    if (this.#field(at.segment, parsed.field) === undefined) at.segment.setField(parsed.field, '');
    const field = this.#field(at.segment, parsed.field);
    if (field === undefined) return false;
    const repetition = (parsed.repetition ?? 1) - 1;
    if (parsed.component === null && repetition < field.components.length) field.components[repetition] = [''];
    const subcomponent = parsed.subcomponent === null ? undefined : parsed.subcomponent - 1;
    return field.setComponent(parsed.component ?? 1, escaped, subcomponent, repetition);
  }

  /** A value as it is written into a component. */
  escape(value: string): string {
    return escapeText(value, this.delimiters);
  }

  /** Writes one repetition from components as they are written (see {@link escape}). false as for {@link set}. */
  setComponents(path: string, components: readonly string[]): boolean {
    const parsed = parsePath(path);
    if (parsed === undefined || parsed.field === null || !components.every((each) => this.canEncode(each)))
      return false;
    if (!this.set(`${parsed.segment}(${parsed.occurrence ?? 1})-${parsed.field}(${parsed.repetition ?? 1})`, '')) {
      return false;
    }
    const at = this.named(parsed.segment)[(parsed.occurrence ?? 1) - 1];
    const field = at === undefined ? undefined : this.#field(at.segment, parsed.field);
    if (at !== undefined) this.#texts[at.index] = undefined;
    components.forEach((each, index) => {
      field?.setComponent(index + 1, each, undefined, (parsed.repetition ?? 1) - 1);
    });
    return field !== undefined;
  }

  /** Text as delivered: each segment ended by CR. */
  toText(): string {
    return joinSegments(this.#message.toString().split('\r'));
  }

  /** Bytes as delivered, in the character set they came in. */
  toBytes(): Uint8Array {
    return encode(this.toText(), this.charset);
  }

  #field(segment: Hl7Segment, field: number): Hl7Field | undefined {
    // Typed as always there; past the end of the segment it is not.
    const found: Hl7Field | undefined = segment.getField(field);
    return found instanceof Hl7Field ? found : undefined;
  }

  #repetitionValues(at: SegmentAt, field: number, path: Hl7Path): string[] {
    const all = this.repetitions(at, field);
    const chosen = path.repetition === null ? all : all.slice(path.repetition - 1, path.repetition);
    return chosen.map((repetition) => {
      if (path.component === null) return repetition;
      const component = this.components(repetition)[path.component - 1] ?? '';
      const parts = this.subcomponents(component);
      if (path.subcomponent === null) return parts.length > 1 ? component : this.unescape(component);
      return this.unescape(parts[path.subcomponent - 1] ?? '');
    });
  }
}

export type ParsedHl7 = { ok: true; message: Hl7Document } | { ok: false; fault: Fault };

function refuse(code: Fault['code'], detail: string, path: string): ParsedHl7 {
  return { ok: false, fault: fault(code, detail, { path }) };
}

type Delimited = { ok: true; delimiters: Delimiters } | { ok: false; fault: Fault };

/** Delimiters of MSH-1 and MSH-2: component and repetition at least, all different, none a letter, digit or blank. */
function readDelimiters(header: string): Delimited {
  const bad = (detail: string, path: string, code: Fault['code'] = 'HL7_ENCODING_CHARACTERS'): Delimited => ({
    ok: false,
    fault: fault(code, detail, { path }),
  });
  const field = header.charAt(3);
  if (field === '') return bad('MSH-1, the field separator, is missing', 'MSH-1', 'HL7_MSH_FIELD_MISSING');
  if (!/^[!-/:-@[-`{-~]$/.test(field)) return bad('MSH-1, the field separator, is no punctuation character', 'MSH-1');
  const text = header.slice(4).split(field, 1)[0] ?? '';
  if (text === '') return bad('MSH-2, the encoding characters, is empty', 'MSH-2', 'HL7_MSH_FIELD_MISSING');
  if (!/^[!-/:-@[-`{-~]+$/.test(text)) return bad('MSH-2 holds something else than punctuation characters', 'MSH-2');
  if (text.length < 2 || text.length > 5) {
    return bad(`MSH-2 holds ${text.length} characters; 4 are usual, 2 to 5 can be read`, 'MSH-2');
  }
  if (new Set(text).size !== text.length) return bad('MSH-2 names one character twice', 'MSH-2');
  const [component = '', repetition = '', mark = null, subcomponent = null] = text;
  return { ok: true, delimiters: { field, component, repetition, escape: mark, subcomponent } };
}

function batchOrNoise(text: string): ParsedHl7 | null {
  if (text.trim() === '')
    return refuse('HL7_NOT_PARSEABLE', 'The message is empty; it has to begin with MSH and its MSH-1', 'MSH-1');
  if (/^(?:FHS|BHS)[^A-Za-z0-9\s]/.test(text)) {
    return refuse('HL7_BATCH', `The text begins with ${text.slice(0, 3)}: a batch, not one message`, text.slice(0, 3));
  }
  if (!text.startsWith('MSH')) {
    const control = controlByteFault(text.slice(0, 64));
    if (control !== null) return { ok: false, fault: control };
    return refuse('HL7_NOT_PARSEABLE', 'The text does not begin with an MSH segment', 'MSH-1');
  }
  return null;
}

/** Errors: HL7_NOT_PARSEABLE, HL7_BATCH, HL7_CHARSET, HL7_ENCODING_CHARACTERS, HL7_MSH_FIELD_MISSING, HL7_STRUCTURE. */
export function parseHl7(raw: Uint8Array): ParsedHl7 {
  const framed = unframe(raw);
  const decoded = decode(framed.bytes, framed.mark);
  if (!decoded.ok) {
    // Bytes that are no message at all are said to be that, whatever their character set.
    const start = Buffer.from(framed.bytes.subarray(0, 64)).toString('latin1');
    const wide = framed.mark === 'utf-16le' || framed.mark === 'utf-16be';
    return (wide ? null : batchOrNoise(start)) ?? decoded;
  }
  const text = decoded.text;
  const noise = batchOrNoise(text);
  if (noise !== null) return noise;
  const control = controlByteFault(text);
  if (control !== null) return { ok: false, fault: control };
  const lines = splitSegments(text);
  const delimited = readDelimiters(lines[0] ?? '');
  if (!delimited.ok) return delimited;
  if (lines.length > SEGMENTS_MAX) {
    return refuse('HL7_STRUCTURE', `The message has ${lines.length} segments; ${SEGMENTS_MAX} are read`, 'MSH');
  }
  const { field } = delimited.delimiters;
  const stray = lines.findIndex((line) => !/^[A-Z][A-Z0-9]{2}/.test(line) || (line.length > 3 && line[3] !== field));
  if (stray > 0) {
    const before = lines[stray - 1]?.slice(0, 3) ?? 'MSH';
    const occurrence = lines.slice(0, stray).filter((line) => line.startsWith(before)).length;
    const where = occurrence > 1 ? `${before}(${occurrence})` : before;
    const detail = `Line ${stray + 1}, after ${where}, does not begin with a segment name; a line break inside a field looks like this`;
    return refuse('HL7_STRUCTURE', detail, where);
  }
  return { ok: true, message: new Hl7Document(lines, delimited.delimiters, decoded.charset) };
}
