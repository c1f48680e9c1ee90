'use client';
import { ArrowRight } from 'lucide-react';
import { cn } from '../../ui/class-names.ts';
import { visible } from './payload-tree.tsx';
import type { SeenBundle } from './seen.ts';

/** What the stages changed, place by place. */
export function PayloadDiff({ changes }: { changes: NonNullable<SeenBundle['changes']> }) {
  if (changes.length === 0)
    return <p className="rounded-lg border bg-surface px-3 py-2 text-muted">The same in every field.</p>;
  return (
    <ul aria-label="Changes" className="flex flex-col divide-y rounded-lg border bg-surface">
      {changes.map((change) => (
        <li
          key={change.path}
          className="grid gap-x-4 gap-y-0.5 px-3 py-2 sm:grid-cols-[minmax(8rem,14rem)_minmax(0,1fr)]"
        >
          <span>
            <span className="font-mono text-xs break-all">{change.path}</span>
            <span className="block truncate text-xs text-muted">{change.name}</span>
          </span>
          <span className="flex flex-wrap items-center gap-2 font-mono break-all">
            <Side value={change.before} tone="bg-bad-soft text-bad" absent="not there" />
            <ArrowRight aria-label="became" className="size-3.5 shrink-0 text-faint" />
            <Side value={change.after} tone="bg-good-soft text-good" absent="removed" />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Side({ value, tone, absent }: { value: string | null; tone: string; absent: string }) {
  if (value === null) return <span className="font-sans text-muted">{absent}</span>;
  return (
    <span className={cn('rounded px-1', tone)}>
      {value === '' ? <span className="font-sans">empty</span> : visible(value)}
    </span>
  );
}
