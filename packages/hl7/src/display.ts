/** A message as the console draws it: a tree with names, masked on the server unless the caller has seen to the right. */
import type { FhirDocument } from './fhir.ts';
import { isObject, type JsonObject, type JsonValue, RawNumber } from './json.ts';
import { hidesElement, hidesField, hidesResource, maskText } from './mask.ts';
import { fieldName, SEGMENT_NAMES } from './names.ts';
import { Hl7Document, type SegmentAt } from './parse.ts';
import { fieldPath } from './path.ts';

/** One line of the tree. Leaves have a value and no children; the others children and no value. */
export interface DisplayNode {
  /** `OBX(3)-5.1`, or `ServiceRequest.code.coding[0].code`. */
  readonly path: string;
  /** The standard's name of the segment or field; '' where it has none here. */
  readonly name: string;
  readonly value: string | null;
  /** True on a leaf whose value is hidden. */
  readonly masked: boolean;
  readonly children: readonly DisplayNode[];
}

export interface DisplayTree {
  readonly format: 'HL7V2' | 'FHIR_JSON';
  readonly nodes: readonly DisplayNode[];
  /** True where the message has more than `nodesMax` places; the rest is left out. */
  readonly truncated: boolean;
}

export interface DisplayOptions {
  /** True shows patient data; the caller has checked the right and written the audit (G17). Default false. */
  readonly unmask?: boolean;
  readonly nodesMax?: number;
}

const NODES_MAX = 20_000;

class Budget {
  #left: number;
  truncated = false;

  constructor(nodesMax: number) {
    this.#left = nodesMax;
  }

  take(): boolean {
    if (this.#left > 0) {
      this.#left -= 1;
      return true;
    }
    this.truncated = true;
    return false;
  }
}

function leaf(path: string, name: string, value: string, hidden: boolean): DisplayNode {
  const masked = hidden && value !== '';
  return { path, name, value: masked ? maskText(value) : value, masked, children: [] };
}

function branch(path: string, name: string, children: readonly DisplayNode[]): DisplayNode {
  return { path, name, value: null, masked: false, children };
}

/** A level of the tree below one text: parts that are empty are left out, a single part stands for its parent. */
function level(
  parts: readonly string[],
  parent: { path: string; name: string },
  separator: string,
  budget: Budget,
  below: (text: string, path: string, name: string) => DisplayNode,
): DisplayNode {
  if (parts.length <= 1) return below(parts[0] ?? '', parent.path, parent.name);
  const children: DisplayNode[] = [];
  for (const [index, part] of parts.entries()) {
    if (part === '' || !budget.take()) continue;
    const path = separator === '(' ? `${parent.path}(${index + 1})` : `${parent.path}.${index + 1}`;
    children.push(below(part, path, ''));
  }
  return branch(parent.path, parent.name, children);
}

function fieldNode(doc: Hl7Document, at: SegmentAt, field: number, hidden: boolean, budget: Budget): DisplayNode {
  const parent = { path: fieldPath(at.name, at.occurrence, field), name: fieldName(at.name, field) };
  if (at.name === 'MSH' && field <= 2) return leaf(parent.path, parent.name, doc.field(at, field), hidden);
  const show = (text: string, path: string, name: string) => leaf(path, name, doc.unescape(text), hidden);
  return level(doc.repetitions(at, field), parent, '(', budget, (repetition, path, name) =>
    level(doc.components(repetition), { path, name }, '.', budget, (component, inner, innerName) =>
      level(doc.subcomponents(component), { path: inner, name: innerName }, '.', budget, show),
    ),
  );
}

function hl7Nodes(doc: Hl7Document, unmask: boolean, budget: Budget): DisplayNode[] {
  const nodes: DisplayNode[] = [];
  for (const at of doc.segments) {
    if (!budget.take()) break;
    const valueType = at.name === 'OBX' ? doc.field(at, 2) : '';
    const children: DisplayNode[] = [];
    for (let field = 1; field <= doc.fieldCount(at); field += 1) {
      const raw = doc.field(at, field);
      if (raw === '' || !budget.take()) continue;
      const hidden = !unmask && hidesField(at.name, field, valueType, raw);
      children.push(fieldNode(doc, at, field, hidden, budget));
    }
    const name = Object.hasOwn(SEGMENT_NAMES, at.name) ? (SEGMENT_NAMES[at.name] ?? '') : '';
    nodes.push(branch(fieldPath(at.name, at.occurrence), name, children));
  }
  return nodes;
}

/** Keys come from the sender: one that is no element name may hold anything, so it is hidden too. */
function elementName(key: string, unmask: boolean): string {
  return unmask || /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(key) ? key : maskText(key);
}

function jsonNode(value: JsonValue, path: string, name: string, hidden: boolean, walk: JsonWalk): DisplayNode {
  if (Array.isArray(value)) {
    const entries = [...value.entries()].filter(() => walk.budget.take());
    return branch(
      path,
      name,
      entries.map(([index, each]) => jsonNode(each, `${path}[${index}]`, '', hidden, walk)),
    );
  }
  if (isObject(value)) return branch(path, name, jsonChildren(value, path, hidden, walk));
  const text = value instanceof RawNumber ? value.source : value === null ? '' : String(value);
  return leaf(path, name, text, hidden);
}

interface JsonWalk {
  readonly unmask: boolean;
  readonly budget: Budget;
}

function jsonChildren(object: JsonObject, path: string, hidden: boolean, walk: JsonWalk): DisplayNode[] {
  const type = object['resourceType'];
  const known = type === undefined || (typeof type === 'string' && !hidesResource(type));
  // A coding's display is the code's text; any other display may be a person's name.
  const coding = 'code' in object;
  const children: DisplayNode[] = [];
  for (const [key, value] of Object.entries(object)) {
    if (!walk.budget.take()) break;
    const typeName = key === 'resourceType' && typeof value === 'string' && /^[A-Z][A-Za-z]{1,40}$/.test(value);
    const plainName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(key);
    const hide =
      !walk.unmask &&
      !typeName &&
      (hidden || !known || !plainName || hidesElement(key) || (key === 'display' && !coding));
    const name = elementName(key, walk.unmask);
    children.push(jsonNode(value, `${path}.${name}`, name, hide, walk));
  }
  return children;
}

/** Masked by default; never fails; bounded by `nodesMax` (20,000). */
export function displayTree(doc: Hl7Document | FhirDocument, options: DisplayOptions = {}): DisplayTree {
  const unmask = options.unmask === true;
  const budget = new Budget(options.nodesMax ?? NODES_MAX);
  if (doc instanceof Hl7Document) {
    const nodes = hl7Nodes(doc, unmask, budget);
    return { format: 'HL7V2', nodes, truncated: budget.truncated };
  }
  const type = doc.resource['resourceType'] === 'Bundle' ? 'Bundle' : 'ServiceRequest';
  const nodes = jsonChildren(doc.resource, type, false, { unmask, budget });
  return { format: 'FHIR_JSON', nodes, truncated: budget.truncated };
}
