/** Synthetic orders; no person, site or vendor in them exists. */
import { type Hl7Document, parseHl7 } from '../src/index.ts';

export const MSH = 'MSH|^~\\&|ORDERS|NORTH|LAB|CENTRAL|20260102030405||OML^O21^OML_O21|CTL0001|P|2.5.1';
export const PID = 'PID|1||MRN0001^^^NORTH^MR||Example^Alpha||19700101|F';
export const ORC = 'ORC|NW|PLC0001^ORDERS';
export const OBR = 'OBR|1|PLC0001^ORDERS||GLU^Glucose^L';

export const ORDER: readonly string[] = [MSH, PID, ORC, OBR];

export const RULES = {
  messageTypes: ['ORM^O01', 'OML^O21', 'OMG^O19'],
  processingIds: ['P'],
  required: [],
};

export function bytes(lines: readonly string[] | string, encoding: BufferEncoding = 'utf8'): Uint8Array {
  const text = typeof lines === 'string' ? lines : lines.map((line) => `${line}\r`).join('');
  return Buffer.from(text, encoding);
}

/** The parsed message; the test fails where it is none. */
export function parsed(lines: readonly string[] | string, encoding: BufferEncoding = 'utf8'): Hl7Document {
  const result = parseHl7(bytes(lines, encoding));
  if (!result.ok) throw new Error(`not parsed: ${result.fault.code} ${result.fault.path} ${result.fault.detail}`);
  return result.message;
}

/** The message with one field of its first segment of that name set to other text, delimiters and all. */
export function withField(lines: readonly string[], segment: string, field: number, text: string): string[] {
  return lines.map((line) => {
    if (!line.startsWith(segment)) return line;
    const fields = line.split('|');
    const index = segment === 'MSH' ? field - 1 : field;
    while (fields.length <= index) fields.push('');
    fields[index] = text;
    return fields.join('|');
  });
}
