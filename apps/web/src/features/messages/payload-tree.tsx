'use client';
import type { DisplayNode, DisplayTree } from '@inorder/hl7';
import { ChevronRight } from 'lucide-react';
import { cn } from '../../ui/class-names.ts';
import { writeClipboard } from '../../ui/clipboard.ts';

/** Segments as foldable groups, each field with its path, the standard's name and its value. */
export function PayloadTree({ tree, changed }: { tree: DisplayTree; changed: ReadonlySet<string> }) {
  return (
    <div className="flex flex-col divide-y rounded-lg border bg-surface">
      {tree.nodes.map((node) =>
        node.children.length > 0 ? (
          <details key={node.path} open className="group">
            <summary className="flex min-h-8 cursor-pointer list-none items-center gap-2 px-3 select-none hover:bg-hover">
              <ChevronRight aria-hidden className="size-3.5 text-faint transition-transform group-open:rotate-90" />
              <span className="font-mono font-semibold">{node.path}</span>
              <span className="truncate text-muted">{node.name}</span>
            </summary>
            <ul className="pb-1.5">
              {node.children.map((child) => (
                <Node key={child.path} node={child} depth={0} changed={changed} />
              ))}
            </ul>
          </details>
        ) : (
          <ul key={node.path} className="py-1">
            <Node node={node} depth={-1} changed={changed} />
          </ul>
        ),
      )}
      {tree.truncated && (
        <p className="px-3 py-2 text-muted">The message is larger than is shown here; the rest is left out.</p>
      )}
    </div>
  );
}

function Node({ node, depth, changed }: { node: DisplayNode; depth: number; changed: ReadonlySet<string> }) {
  const isChanged = changed.has(node.path);
  return (
    <>
      <li className={cn('flex items-baseline gap-3 px-3 py-0.5 hover:bg-hover', isChanged && 'bg-accent-soft/60')}>
        <button
          type="button"
          title="Copy the path"
          onClick={() => void writeClipboard(node.path)}
          style={{ paddingLeft: `${1.375 + Math.max(0, depth) * 0.75}rem` }}
          className="w-36 shrink-0 text-left font-mono text-xs break-all text-muted hover:text-accent sm:w-44"
        >
          {node.path}
        </button>
        <span className="w-48 shrink-0 truncate text-muted max-md:hidden" title={node.name}>
          {node.name}
        </span>
        {node.children.length === 0 && <Value node={node} />}
        {isChanged && <span className="ml-auto text-2xs font-medium text-accent">changed</span>}
      </li>
      {node.children.map((child) => (
        <Node key={child.path} node={child} depth={depth + 1} changed={changed} />
      ))}
    </>
  );
}

function Value({ node }: { node: DisplayNode }) {
  if (node.masked) {
    return (
      <span className="min-w-0 rounded bg-hold-soft px-1 font-mono break-all text-hold" title="Hidden: patient data">
        {node.value}
        <span className="sr-only"> (hidden)</span>
      </span>
    );
  }
  return <span className="min-w-0 font-mono break-all whitespace-pre-wrap">{visible(node.value ?? '')}</span>;
}

/** Control characters as their Unicode pictures, so that none hides. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, (char) =>
    char === '\u007f' ? '␡' : String.fromCharCode(0x2400 + char.charCodeAt(0)),
  );
}
