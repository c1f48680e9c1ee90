/**
 * A message's bytes as they may leave the server: masked, unless the caller has checked `phi.reveal` and written the
 * audit (G17, G18). Whatever cannot be parsed cannot be masked field by field, so nothing of it is shown masked.
 */
import type { PayloadFormat } from '@inorder/core';
import {
  type DisplayNode,
  type DisplayTree,
  displayTree,
  type FhirDocument,
  fieldPath,
  Hl7Document,
  parseFhir,
  parseHl7,
} from '@inorder/hl7';

export interface PayloadView {
  readonly format: PayloadFormat;
  readonly revealed: boolean;
  readonly bytes: number;
  /** The message as a tree; null where the bytes are no message. */
  readonly tree: DisplayTree | null;
  /** As it stands in the message, a segment a line; null for what has no lines to show. */
  readonly lines: readonly RawLine[] | null;
  /** Why there is no tree. */
  readonly unreadable: string | null;
  /** First bytes of what has no tree, as a hex dump; only when revealed. */
  readonly hex: string | null;
}

export interface RawLine {
  readonly segment: string;
  readonly text: string;
}

type Document = Hl7Document | FhirDocument;

const HEX_BYTES_MAX = 4096;
const LINE_LENGTH_MAX = 20_000;

export function payloadView(format: PayloadFormat, bytes: Buffer, revealed: boolean): PayloadView {
  const parsed = parsePayload(format, bytes);
  const base = { format, revealed, bytes: bytes.length };
  if (!parsed.ok) {
    return { ...base, tree: null, lines: null, unreadable: parsed.why, hex: revealed ? hexDump(bytes) : null };
  }
  const tree = displayTree(parsed.document, { unmask: revealed });
  return { ...base, tree, lines: linesOf(parsed.document, tree, bytes, revealed), unreadable: null, hex: null };
}

/** What came back on a send: an HL7 acknowledgement, or JSON over HTTP, whatever was sent. */
export function answerView(bytes: Buffer, revealed: boolean): PayloadView {
  const view = payloadView('HL7V2', bytes, revealed);
  return view.tree === null && parsePayload('FHIR_JSON', bytes).ok ? payloadView('FHIR_JSON', bytes, revealed) : view;
}

export function parsePayload(
  format: PayloadFormat,
  bytes: Buffer,
): { readonly ok: true; readonly document: Document } | { readonly ok: false; readonly why: string } {
  if (format === 'HL7V2') {
    const parsed = parseHl7(bytes);
    return parsed.ok ? { ok: true, document: parsed.message } : { ok: false, why: parsed.fault.code };
  }
  const parsed = parseFhir(bytes);
  return parsed.ok ? { ok: true, document: parsed.document } : { ok: false, why: parsed.fault.code };
}

function linesOf(document: Document, tree: DisplayTree, bytes: Buffer, revealed: boolean): RawLine[] | null {
  if (document instanceof Hl7Document) return hl7Lines(document, tree);
  // Masked JSON would have to be written anew; the tree shows the same.
  if (!revealed) return null;
  const text = JSON.stringify(JSON.parse(bytes.toString('utf8')), null, 2);
  return text.split('\n').map((line) => ({ segment: '', text: line }));
}

/** The segments as written, each hidden field replaced by what the tree shows of it. */
function hl7Lines(document: Hl7Document, tree: DisplayTree): RawLine[] {
  const { field: separator } = document.delimiters;
  return tree.nodes.flatMap((node, index) => {
    const at = document.segments[index];
    if (at === undefined) return [];
    const shown = new Map(node.children.map((child) => [child.path, child]));
    const fields = [at.name];
    for (let number = at.name === 'MSH' ? 2 : 1; number <= document.fieldCount(at); number++) {
      const raw = document.field(at, number);
      const child = shown.get(fieldPath(at.name, at.occurrence, number));
      if (raw === '') fields.push('');
      // Left out of a tree that is too large: then it is hidden here as well.
      else if (child === undefined) fields.push('…');
      else fields.push(hidesAny(child) ? rewritten(child, document, 'component') : raw);
    }
    return [{ segment: at.name, text: fields.join(separator).slice(0, LINE_LENGTH_MAX) }];
  });
}

function hidesAny(node: DisplayNode): boolean {
  return node.masked || node.children.some(hidesAny);
}

/** A field written from its nodes: `(2)` is a repetition, `.2` a component or below it a subcomponent. */
function rewritten(node: DisplayNode, document: Hl7Document, level: 'component' | 'subcomponent'): string {
  if (node.children.length === 0) return node.value ?? '';
  const { repetition, component, subcomponent } = document.delimiters;
  const repeats = node.children[0]?.path.endsWith(')') ?? false;
  const parts: string[] = [];
  for (const child of node.children) {
    const position = Number(/(\d+)\)?$/.exec(child.path)?.[1] ?? 1);
    parts[position - 1] = rewritten(child, document, repeats ? 'component' : 'subcomponent');
  }
  const separator = repeats ? repetition : level === 'component' ? component : (subcomponent ?? component);
  return Array.from(parts, (part) => part ?? '').join(separator);
}

function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let offset = 0; offset < Math.min(bytes.length, HEX_BYTES_MAX); offset += 16) {
    const row = bytes.subarray(offset, offset + 16);
    const hex = row.toString('hex').replaceAll(/(..)/g, '$1 ').padEnd(49);
    lines.push(
      `${offset.toString(16).padStart(6, '0')}  ${hex} ${row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.')}`,
    );
  }
  return lines.join('\n');
}
