'use client';
import type { DeadLetterGroup } from '@inorder/db/console';
import type { ReactNode } from 'react';
import { cn } from '../../ui/class-names.ts';
import { RelativeTime } from '../../ui/time.tsx';
import { causeOf, stageWords } from './cause.ts';

/** Causes with their counts; the chosen one filters the list beside it. */
export function CauseList({
  groups,
  total,
  partial,
  chosen,
  onChoose,
}: {
  groups: readonly DeadLetterGroup[];
  total: number;
  partial: boolean;
  chosen: string | null;
  onChoose: (signature: string | null) => void;
}) {
  return (
    <nav aria-label="Causes" className="flex flex-col gap-1.5">
      <CauseButton current={chosen === null} onClick={() => onChoose(null)}>
        <span className="flex items-baseline justify-between gap-3">
          <span className="font-medium">All causes</span>
          <Count value={total} more={partial} />
        </span>
      </CauseButton>
      {groups.map((group) => (
        <CauseButton
          key={group.signature}
          // On a phone the list of messages comes right below the chosen cause.
          className={chosen === null || chosen === group.signature ? undefined : 'max-lg:hidden'}
          current={chosen === group.signature}
          onClick={() => onChoose(group.signature)}
        >
          <span className="flex items-start justify-between gap-3">
            <span className="font-medium text-balance">{causeOf(group.errorCode).title}</span>
            <Count value={group.count} />
          </span>
          {(group.value !== null || group.path !== null) && (
            <span className="flex flex-wrap gap-1 font-mono text-xs">
              {group.value !== null && <span className="rounded bg-bad-soft px-1 text-bad">{group.value}</span>}
              {group.path !== null && <span className="rounded bg-sunken px-1 break-all text-muted">{group.path}</span>}
            </span>
          )}
          <span className="text-xs text-muted">
            {stageWords(group.stage)} ·{' '}
            {group.interfaces === 1 ? group.interfaceCodes[0] : `${group.interfaces} interfaces`} · last{' '}
            <RelativeTime at={group.lastAt} />
          </span>
        </CauseButton>
      ))}
    </nav>
  );
}

function Count({ value, more = false }: { value: number; more?: boolean }) {
  return (
    <span className="tabular font-semibold">
      {value.toLocaleString('en')}
      {more && '+'}
    </span>
  );
}

function CauseButton({
  current,
  className,
  onClick,
  children,
}: {
  current: boolean;
  className?: string | undefined;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      aria-current={current ? 'true' : undefined}
      onClick={onClick}
      className={cn(
        'flex flex-col gap-1 rounded-lg border px-3 py-2 text-left transition-colors',
        current ? 'border-accent bg-accent-soft/50' : 'bg-surface hover:border-line-strong',
        className,
      )}
    >
      {children}
    </button>
  );
}
