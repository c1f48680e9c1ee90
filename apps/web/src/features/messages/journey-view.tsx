'use client';
import { Ban, Check, Ellipsis, X } from 'lucide-react';
import { cn } from '../../ui/class-names.ts';
import { ClockTime } from '../../ui/time.tsx';
import type { JourneyStep } from './journey.ts';

const LOOK = {
  done: { icon: Check, dot: 'bg-good text-surface', line: 'bg-good', word: 'done' },
  here: { icon: Ellipsis, dot: 'bg-info text-surface', line: 'bg-line', word: 'here now' },
  failed: { icon: X, dot: 'bg-bad text-surface', line: 'bg-line', word: 'failed' },
  skipped: { icon: Ban, dot: 'bg-sunken text-faint', line: 'bg-line', word: 'not reached' },
  ahead: { icon: null, dot: 'border-2 border-line-strong bg-surface', line: 'bg-line', word: 'ahead' },
} as const;

/** received → validated → enriched → routed → delivered. Across where there is room, down on a phone. */
export function JourneyView({ steps }: { steps: readonly JourneyStep[] }) {
  return (
    <ol aria-label="Way through the stages" className="flex flex-col sm:flex-row">
      {steps.map((step, i) => {
        const { icon: Icon, dot, line, word } = LOOK[step.state];
        const last = i === steps.length - 1;
        const behind = !last && step.state === 'done';
        return (
          <li
            key={step.name}
            className={cn('relative flex min-h-12 gap-3 sm:min-h-0 sm:flex-col sm:gap-1.5', !last && 'sm:flex-1')}
          >
            {!last && (
              <span
                aria-hidden
                className={cn(
                  'absolute top-5 bottom-0 left-[0.6875rem] w-0.5 sm:top-[0.6875rem] sm:right-0 sm:bottom-auto sm:left-6 sm:h-0.5 sm:w-auto',
                  behind ? line : 'bg-line',
                )}
              />
            )}
            <span className={cn('relative grid size-6 shrink-0 place-items-center rounded-full', dot)}>
              {Icon && <Icon aria-hidden className="size-3.5" strokeWidth={3} />}
            </span>
            <span className="pb-3 sm:pb-0">
              <span className={cn('font-medium', (step.state === 'ahead' || step.state === 'skipped') && 'text-muted')}>
                {step.name}
              </span>
              <span className="sr-only">: {word}</span>
              {(step.at !== null || step.note !== null) && (
                <span className="block text-xs text-muted">
                  {step.at !== null && <ClockTime at={step.at} />}
                  {step.at !== null && step.note !== null && ' · '}
                  {step.note !== null && (
                    <span className={step.state === 'failed' ? 'font-mono text-bad break-all' : undefined}>
                      {step.note}
                    </span>
                  )}
                </span>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
