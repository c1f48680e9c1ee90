/**
 * What may stand in a log line of engine and console: few fields, short values, no message content (G18, G19). A rule of
 * the log itself, so that one careless line does not undo it.
 */

/** Fields that are never shown, at any depth, whatever they hold. */
const HIDDEN =
  /^(payload|raw|body|bytes|content|text|request|response|params|parameters|values|properties|headers|cookie|authorization|.*(secret|password|token|apikey|api_key|secretkey))$/i;
/** Segments of HL7 v2, a FHIR resource, or XML of a message, wherever they stand in the value. */
const LOOKS_LIKE_A_MESSAGE =
  /\b(MSH|PID|PD1|NK1|PV1|PV2|IN1|GT1|ORC|OBR|OBX|SPM|NTE|MSA|ERR|BHS|FHS)[|^]|"?resourceType"?\s*:|<(ClinicalDocument|Bundle|Patient|ServiceRequest)\b/i;
/** base64 or hex of something longer than a key or an id. */
const LONG_RUN = /[A-Za-z0-9+/_=-]{80,}/;
const PASSWORD_IN_URL = /\/\/([^:/@\s]*):[^@/\s]+@/g;

const STRING_CHARS_MAX = 256;
const KEYS_MAX = 40;
const ITEMS_MAX = 20;
const DEPTH_MAX = 4;
const FRAMES_MAX = 6;

/** The fields of one log line, made safe and small. */
export function boundedFields(fields: object): Record<string, unknown> {
  return boundedObject(fields, 1);
}

/**
 * Of an error: its name, its code, where it was thrown. Not its message, which quotes what it was given: Postgres names
 * the key, a parser the text. The text of an error of ours is not lost: logs say in constant words what happened.
 */
export function boundedError(error: Error): Record<string, unknown> {
  const shown: Record<string, unknown> = { type: error.name };
  for (const field of ['code', 'errno', 'syscall', 'address', 'port', 'severity', 'routine'] as const) {
    const value: unknown = Reflect.get(error, field);
    if (typeof value === 'string' || typeof value === 'number') shown[field] = boundedValue(value, DEPTH_MAX);
  }
  // Frames only: the lines before them repeat the message.
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  if (frames.length > 0) shown['stack'] = frames.slice(0, FRAMES_MAX).map((frame) => frame.trim().slice(0, 160));
  return shown;
}

/** The sentence of a log line: constant by convention, and bounded where somebody forgot. */
export function boundedSentence(text: string): string {
  return boundedText(text);
}

function boundedValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return boundedText(value);
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return boundedError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH_MAX) return Array.isArray(value) ? `[${value.length} items]` : '[object]';
  if (value instanceof Set) return boundedList([...value], depth);
  if (value instanceof Map) return `[${value.size} entries]`;
  return Array.isArray(value) ? boundedList(value, depth) : boundedObject(value, depth + 1);
}

function boundedList(list: readonly unknown[], depth: number): unknown[] {
  const shown = list.slice(0, ITEMS_MAX).map((item) => boundedValue(item, depth + 1));
  return list.length > ITEMS_MAX ? [...shown, `[${list.length - ITEMS_MAX} more]`] : shown;
}

function boundedObject(object: object, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  let keys = 0;
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue;
    keys += 1;
    if (keys > KEYS_MAX) break;
    shown[boundedText(key).slice(0, 64)] = HIDDEN.test(key) && value !== null ? '[hidden]' : boundedValue(value, depth);
  }
  if (keys > KEYS_MAX) shown['more'] = '[fields left out]';
  return shown;
}

function boundedText(text: string): string {
  // What is cut off need not be looked at; what is kept is looked at with what follows it.
  const near = text.slice(0, 4 * STRING_CHARS_MAX);
  if (LOOKS_LIKE_A_MESSAGE.test(near) || LONG_RUN.test(near)) return `[${text.length} characters hidden]`;
  const shown = near.replace(PASSWORD_IN_URL, '//$1:***@');
  return shown.length <= STRING_CHARS_MAX ? shown : `${shown.slice(0, STRING_CHARS_MAX)}… (${text.length} characters)`;
}

/** The part of pino's `logger[level](…)` that is passed on. */
export type LogArguments = readonly [fields: object, sentence: string];

/**
 * Whatever a log call was given, as fields and a sentence. pino alone would make a sentence of an error's message where
 * the call has none, and fill `%s` with further arguments.
 */
export function boundedCall(args: readonly unknown[]): LogArguments {
  const [first, second] = args;
  if (typeof first === 'string') return [{}, boundedSentence(first)];
  const sentence = typeof second === 'string' ? boundedSentence(second) : 'said nothing';
  if (first instanceof Error) return [{ err: boundedError(first) }, sentence];
  return [typeof first === 'object' && first !== null ? boundedFields(first) : {}, sentence];
}
