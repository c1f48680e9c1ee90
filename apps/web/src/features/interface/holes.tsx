'use client';
import { CircleCheck } from 'lucide-react';
import Link from 'next/link';
import { EmptyState } from '../../ui/state.tsx';
import { useNow } from '../../ui/use-now.ts';
import { grouped } from '../lag/numbers.ts';
import { type Line, numberReason, type RibbonCell } from './ribbon.ts';
import { RIBBON_WORDS } from './ribbon-words.ts';
import { Glyph } from './sequence-ribbon.tsx';

const SHOWN = 50;

interface Hole {
  readonly first: RibbonCell;
  readonly to: number;
}

/** Neighbours of one kind and one cause are one line. */
export function joinHoles(cells: readonly RibbonCell[]): Hole[] {
  const holes: { first: RibbonCell; to: number }[] = [];
  for (const cell of cells) {
    const last = holes.at(-1);
    const same = last?.first.kind === cell.kind && last.first.facts?.errorCode === cell.facts?.errorCode;
    if (last !== undefined && same && last.to === cell.sequenceNo - 1) last.to = cell.sequenceNo;
    else holes.push({ first: cell, to: cell.sequenceNo });
  }
  return holes;
}

/** What stands between the checkpoint and an unbroken line, with the reason of each. */
export function Holes({ code, line, cells }: { code: string; line: Line; cells: readonly RibbonCell[] }) {
  const now = useNow(1000);
  const holes = joinHoles(cells);
  return (
    <section aria-labelledby="holes-title" className="min-w-0 rounded-xl border bg-surface">
      <h2 id="holes-title" className="flex items-baseline gap-2 border-b px-4 py-2.5 font-semibold">
        Not deliverable yet, or never
        <span className="tabular text-xs font-normal text-muted">above the checkpoint</span>
      </h2>
      {holes.length === 0 ? (
        <EmptyState icon={CircleCheck} title="No hole in the line" className="py-8">
          Every number above the checkpoint is ready for its turn.
        </EmptyState>
      ) : (
        <ol className="scroll-slim max-h-96 divide-y overflow-y-auto" data-testid="holes">
          {holes.slice(0, SHOWN).map(({ first, to }) => (
            <li key={first.sequenceNo} className="flex items-start gap-3 px-4 py-2">
              <Glyph kind={first.kind} className="mt-0.5 size-5 text-2xs" />
              <div className="min-w-0">
                <p className="flex flex-wrap items-baseline gap-x-2">
                  <Link
                    href={`/messages/${code}/${first.sequenceNo}`}
                    prefetch={false}
                    className="tabular font-mono text-xs font-semibold hover:underline"
                  >
                    #{first.sequenceNo}
                    {to > first.sequenceNo && ` – ${to}`}
                  </Link>
                  <span className="font-medium">{RIBBON_WORDS[first.kind].word}</span>
                  {to > first.sequenceNo && (
                    <span className="tabular text-xs text-muted">{grouped(to - first.sequenceNo + 1)} numbers</span>
                  )}
                </p>
                <p className="text-xs text-muted" suppressHydrationWarning>
                  {numberReason(first, line, now)}
                </p>
              </div>
            </li>
          ))}
          {holes.length > SHOWN && (
            <li className="px-4 py-2 text-xs text-muted">
              The first {SHOWN} of at least {grouped(holes.length)}; the others are in the sequence above.
            </li>
          )}
        </ol>
      )}
    </section>
  );
}
