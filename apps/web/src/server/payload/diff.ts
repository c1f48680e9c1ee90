/** What the stages changed, by field path and not by line. */
import type { PayloadFormat } from '@inorder/core';
import { type DisplayNode, displayTree } from '@inorder/hl7';
import { parsePayload } from './view.ts';

export interface FieldChange {
  readonly path: string;
  /** The standard's name of the nearest named place above; '' where there is none. */
  readonly name: string;
  /** null: the place was not there. Masked as the views are. */
  readonly before: string | null;
  readonly after: string | null;
  readonly masked: boolean;
}

const CHANGES_MAX = 500;

/** Compares what was said and shows what may be shown: a change under a mask is seen as one. null when either is no message. */
export function fieldChanges(
  format: PayloadFormat,
  raw: Buffer,
  processed: Buffer,
  revealed: boolean,
): FieldChange[] | null {
  const before = parsePayload(format, raw);
  const after = parsePayload(format, processed);
  if (!before.ok || !after.ok) return null;
  const leaves = (document: typeof before.document, unmask: boolean) =>
    leavesOf(displayTree(document, { unmask }).nodes, '');
  const [wasSaid, isSaid] = [leaves(before.document, true), leaves(after.document, true)];
  const [wasShown, isShown] = [leaves(before.document, revealed), leaves(after.document, revealed)];
  const paths = [...new Set([...wasSaid.keys(), ...isSaid.keys()])];
  return paths
    .filter((path) => wasSaid.get(path)?.value !== isSaid.get(path)?.value)
    .slice(0, CHANGES_MAX)
    .map((path) => {
      const [was, is] = [wasShown.get(path), isShown.get(path)];
      return {
        path,
        name: is?.name ?? was?.name ?? '',
        before: was?.value ?? null,
        after: is?.value ?? null,
        masked: (is?.masked ?? false) || (was?.masked ?? false),
      };
    });
}

interface Leaf {
  readonly value: string;
  readonly name: string;
  readonly masked: boolean;
}

function leavesOf(nodes: readonly DisplayNode[], name: string, into = new Map<string, Leaf>()): Map<string, Leaf> {
  for (const node of nodes) {
    const named = node.name === '' ? name : node.name;
    if (node.children.length === 0) into.set(node.path, { value: node.value ?? '', name: named, masked: node.masked });
    else leavesOf(node.children, named, into);
  }
  return into;
}
