'use client';
import { cn } from '../../ui/class-names.ts';
import { visible } from './payload-tree.tsx';
import type { SeenView } from './seen.ts';

const SEGMENT_TONES: Readonly<Record<string, string>> = {
  MSH: 'text-accent',
  MSA: 'text-accent',
  ERR: 'text-bad',
  PID: 'text-hold',
  PV1: 'text-hold',
  ORC: 'text-good',
  OBR: 'text-good',
  OBX: 'text-info',
  NTE: 'text-warn',
};

/** The message as written, a segment a line; what is hidden keeps its separators. */
export function PayloadRaw({ view }: { view: SeenView }) {
  if (view.lines === null) {
    return (
      <p className="rounded-lg border bg-surface px-3 py-2 text-muted">
        JSON is shown as a tree while patient data is hidden.
      </p>
    );
  }
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      aria-label="Message as written"
      className="scroll-slim overflow-x-auto rounded-lg border bg-surface py-2 font-mono text-xs leading-5"
    >
      {view.lines.map((line, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of one text, in their order
        <div key={i} className="flex gap-3 px-3 hover:bg-hover">
          <span aria-hidden className="tabular w-6 shrink-0 text-right text-faint select-none">
            {i + 1}
          </span>
          <span className="whitespace-pre-wrap break-all">
            <b className={cn('font-semibold', SEGMENT_TONES[line.segment])}>{line.segment}</b>
            {visible(line.text.slice(line.segment.length))}
          </span>
        </div>
      ))}
    </section>
  );
}
