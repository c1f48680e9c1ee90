/**
 * JSON that comes out as it went in: a decimal such as `2.50` keeps its digits (FHIR calls them significant), which
 * plain JSON.parse loses.
 */
export type JsonValue = null | boolean | number | string | RawNumber | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** A number whose text JavaScript would not write the same way. */
export class RawNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawNumber);
}

/** The value where it is text, else ''. */
export function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** In V8 since Node 22, not yet in the language's type library. */
type SourceReviver = (key: string, value: JsonValue, context: { source?: string }) => JsonValue;
type RawJson = { rawJSON(source: string): unknown };

/** Deeper nesting than any resource has; it bounds every walk over the tree. */
const DEPTH_MAX = 64;

function depthOf(source: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < source.length; at += 1) {
    const char = source.charCodeAt(at);
    if (quoted) {
      if (char === 0x5c) at += 1;
      else if (char === 0x22) quoted = false;
    } else if (char === 0x22) quoted = true;
    else if (char === 0x7b || char === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (char === 0x7d || char === 0x5d) depth -= 1;
  }
  return deepest;
}

/** undefined where it is not JSON, or nested deeper than 64. */
export function parseJson(source: string): JsonValue | undefined {
  if (depthOf(source) > DEPTH_MAX) return undefined;
  const keepDigits: SourceReviver = (_key, value, context) =>
    typeof value === 'number' && context.source !== undefined && String(value) !== context.source
      ? new RawNumber(context.source)
      : value;
  try {
    return JSON.parse(source, keepDigits as (key: string, value: unknown) => unknown) as JsonValue;
  } catch {
    return undefined;
  }
}

export function writeJson(value: JsonValue): string {
  const raw = JSON as unknown as RawJson;
  return JSON.stringify(value, (_key, each: unknown) => (each instanceof RawNumber ? raw.rawJSON(each.source) : each));
}
