'use client';
import type { DeadLetterGroup } from '@inorder/db/console';
import { Lightbulb, TriangleAlert } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { ClockTime, RelativeTime } from '../../ui/time.tsx';
import { causeOf, stageWords } from './cause.ts';

/** The chosen cause: what happened, what the operator does, and the buttons for all of it. */
export function CausePanel({ group, actions }: { group: DeadLetterGroup; actions: ReactNode }) {
  const { title, action } = causeOf(group.errorCode);
  return (
    <section aria-label="Cause" className="flex flex-col gap-3 rounded-lg border bg-surface p-4">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className="min-w-0 flex-1 basis-72">
          <h2 className="text-[0.9375rem] font-semibold">
            {title}
            {group.value !== null && (
              <>
                : <span className="font-mono">{group.value}</span>
              </>
            )}
          </h2>
          <p className="text-muted">
            <span className="font-mono text-xs">{group.errorCode}</span> {stageWords(group.stage)}
            {group.path !== null && (
              <>
                , <span className="font-mono text-xs break-all">{group.path}</span>
              </>
            )}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">{actions}</div>
      </div>
      <p className="flex items-start gap-2.5 rounded-md bg-info-soft px-3 py-2">
        <Lightbulb aria-hidden className="mt-0.5 size-4 shrink-0 text-info" />
        {action}.
      </p>
      {group.maybeDelivered > 0 && (
        <p className="flex items-start gap-2.5 rounded-md bg-warn-soft px-3 py-2">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
          {group.maybeDelivered === group.count
            ? 'Any of them may have reached the laboratory all the same.'
            : `${group.maybeDelivered} of them may have reached the laboratory all the same.`}
        </p>
      )}
      <dl className="flex flex-wrap gap-x-8 gap-y-2 text-muted">
        <Fact name="Messages">{group.count.toLocaleString('en')}</Fact>
        <Fact name="First">
          <ClockTime at={group.firstAt} />
        </Fact>
        <Fact name="Last">
          <RelativeTime at={group.lastAt} />
        </Fact>
        <Fact name={group.interfaces === 1 ? 'Interface' : `${group.interfaces} interfaces`}>
          {group.interfaceCodes.map((code, i) => (
            <span key={code}>
              {i > 0 && ', '}
              <Link href={`/interfaces/${code}`} className="font-mono text-accent hover:underline">
                {code}
              </Link>
            </span>
          ))}
          {group.interfaces > group.interfaceCodes.length &&
            ` and ${group.interfaces - group.interfaceCodes.length} more`}
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs">{name}</dt>
      <dd className="tabular text-ink">{children}</dd>
    </div>
  );
}
