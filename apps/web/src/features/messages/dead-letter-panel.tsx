'use client';
import { CircleHelp, Lightbulb } from 'lucide-react';
import Link from 'next/link';
import { Badge } from '../../ui/badge.tsx';
import { ClockTime } from '../../ui/time.tsx';
import { causeOf, stageWords } from '../dead-letters/cause.ts';
import type { Message } from './journey.ts';

/** What was wrong with it, all of it, and what to do. */
export function DeadLetterPanel({ dead, mayRead }: { dead: NonNullable<Message['deadLetter']>; mayRead: boolean }) {
  const { title, action } = causeOf(dead.errorCode);
  const faults = dead.faults.length > 1 ? dead.faults : [];
  return (
    <section aria-label="Dead letter" className="flex flex-col gap-3 rounded-lg border border-bad/30 bg-surface p-4">
      <div className="flex flex-wrap items-start gap-2">
        <div className="min-w-0 flex-1 basis-64">
          <h2 className="text-[0.9375rem] font-semibold">
            {title}
            {dead.value !== null && (
              <>
                : <span className="font-mono">{dead.value}</span>
              </>
            )}
          </h2>
          <p className="text-muted">
            <Link
              href={`/dlq?signature=${encodeURIComponent(dead.signature)}`}
              className="font-mono text-xs text-accent hover:underline"
            >
              {dead.errorCode}
            </Link>{' '}
            {stageWords(dead.stage)}
            {dead.path !== null && (
              <>
                , <span className="font-mono text-xs break-all">{dead.path}</span>
              </>
            )}
            , <ClockTime at={dead.createdAt} />, after {dead.attempts === 1 ? 'one try' : `${dead.attempts} tries`}
          </p>
        </div>
        {dead.maybeDelivered && (
          <Badge tone="warn" icon={CircleHelp}>
            maybe delivered
          </Badge>
        )}
        {dead.resolution !== null && <Badge tone="good">{dead.resolution.toLowerCase()}</Badge>}
      </div>
      {mayRead && dead.detail !== '' && <p>{dead.detail}</p>}
      {faults.length > 0 && (
        <ol aria-label="All faults" className="flex flex-col gap-1">
          {faults.map((fault, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes and a fault may come twice
            <li key={i} className="flex flex-wrap gap-x-2 border-l-2 border-bad/40 pl-3">
              {fault.path !== null && <span className="font-mono text-xs leading-5">{fault.path}</span>}
              <span>{fault.detail}</span>
            </li>
          ))}
        </ol>
      )}
      <p className="flex items-start gap-2.5 rounded-md bg-info-soft px-3 py-2">
        <Lightbulb aria-hidden className="mt-0.5 size-4 shrink-0 text-info" />
        {action}.
      </p>
    </section>
  );
}
