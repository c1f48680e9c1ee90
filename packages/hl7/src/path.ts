/**
 * Places in a message as the field's people write them: `MSH-9.2`, `OBR-4.1`, `PID-3(2).4`, `OBX(3)-5`, `PID-3.4.2`.
 * All numbers count from 1. `[2]` may stand for `(2)`. `PV1` alone names the segment.
 */
export interface Hl7Path {
  readonly segment: string;
  /** null: not said; the first for `get`, all for `getAll`. */
  readonly occurrence: number | null;
  readonly field: number | null;
  readonly repetition: number | null;
  readonly component: number | null;
  readonly subcomponent: number | null;
}

const PATH =
  /^([A-Z][A-Z0-9]{2})(?:[([](\d{1,5})[)\]])?(?:-(\d{1,3})(?:[([](\d{1,5})[)\]])?(?:\.(\d{1,3})(?:\.(\d{1,3}))?)?)?$/;

/** Paths come from configuration and from our own code, so few differ; the rest is parsed each time. */
const cache = new Map<string, Hl7Path>();
const CACHE_MAX = 2000;

/** undefined where the text is no path. A number 0 is none. */
export function parsePath(text: string): Hl7Path | undefined {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const path = readPath(text);
  if (path !== undefined && cache.size < CACHE_MAX) cache.set(text, path);
  return path;
}

function readPath(text: string): Hl7Path | undefined {
  const match = PATH.exec(text);
  const segment = match?.[1];
  if (match === null || segment === undefined) return undefined;
  const numbers = [2, 3, 4, 5, 6].map((group) => {
    const digits = match[group];
    return digits === undefined ? null : Number(digits);
  });
  if (numbers.includes(0)) return undefined;
  const [occurrence = null, field = null, repetition = null, component = null, subcomponent = null] = numbers;
  return { segment, occurrence, field, repetition, component, subcomponent };
}

/** `OBR(2)-4.1`; the first occurrence is written without its number. */
export function fieldPath(segment: string, occurrence: number, field?: number, component?: number): string {
  const place = occurrence > 1 ? `${segment}(${occurrence})` : segment;
  return `${place}${field === undefined ? '' : `-${field}`}${component === undefined ? '' : `.${component}`}`;
}
