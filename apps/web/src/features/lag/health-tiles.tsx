'use client';
import { TONE_TEXT } from '../../ui/badge.tsx';
import { cn } from '../../ui/class-names.ts';
import { HEALTHS, type Health } from './health.ts';
import { HEALTH_WORDS } from './lane-words.ts';
import { grouped } from './numbers.ts';

/** How many lanes have each health; a click shows only those. */
export function HealthTiles({
  counts,
  chosen,
  onChoose,
}: {
  counts: readonly number[];
  chosen: readonly Health[];
  onChoose: (health: Health) => void;
}) {
  return (
    <fieldset className="scroll-slim -mx-4 flex snap-x gap-2 overflow-x-auto px-4 pb-1 sm:mx-0 sm:grid sm:grid-cols-7 sm:overflow-visible sm:px-0 sm:pb-0">
      <legend className="sr-only">Show by health</legend>
      {HEALTHS.map((health, position) => {
        const { word, icon: Icon, tone, meaning } = HEALTH_WORDS[health];
        const count = counts[position] ?? 0;
        const pressed = chosen.includes(health);
        return (
          <button
            key={health}
            type="button"
            aria-pressed={pressed}
            title={meaning}
            data-testid={`health-tile-${health}`}
            onClick={() => onChoose(health)}
            className={cn(
              'flex min-w-24 shrink-0 snap-start flex-col items-start gap-1 rounded-lg border bg-surface px-3 py-2 text-left transition-colors hover:border-line-strong sm:min-w-0',
              pressed && 'border-accent bg-accent-soft ring-1 ring-accent ring-inset hover:border-accent',
            )}
          >
            <span
              className={cn(
                'inline-flex items-center gap-1.5 text-xs font-medium',
                count === 0 && !pressed ? 'text-faint' : TONE_TEXT[tone],
              )}
            >
              <Icon aria-hidden className="size-3.5" strokeWidth={2.25} />
              {word}
            </span>
            <span
              className={cn(
                'tabular text-xl leading-6 font-semibold tracking-tight',
                count === 0 ? 'text-faint' : 'text-ink',
              )}
            >
              {grouped(count)}
            </span>
          </button>
        );
      })}
    </fieldset>
  );
}
