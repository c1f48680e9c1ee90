import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from './class-names.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'hold' | 'info' | 'calm' | 'accent';

/** Written out, so that Tailwind finds the class names. */
export const TONE_SOFT: Record<Tone, string> = {
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  hold: 'bg-hold-soft text-hold',
  info: 'bg-info-soft text-info',
  calm: 'bg-calm-soft text-calm',
  accent: 'bg-accent-soft text-accent',
};

export const TONE_TEXT: Record<Tone, string> = {
  good: 'text-good',
  warn: 'text-warn',
  bad: 'text-bad',
  hold: 'text-hold',
  info: 'text-info',
  calm: 'text-calm',
  accent: 'text-accent',
};

/** A word with its colour, and an icon where the colour means something: never colour alone. */
export function Badge({
  tone = 'calm',
  icon: Icon,
  children,
  className,
  title,
}: {
  tone?: Tone;
  icon?: LucideIcon | undefined;
  children: ReactNode;
  className?: string;
  title?: string | undefined;
}) {
  return (
    <span
      title={title}
      className={cn(
        'inline-flex h-5 max-w-full items-center gap-1 whitespace-nowrap rounded px-1.5 text-xs font-medium',
        TONE_SOFT[tone],
        className,
      )}
    >
      {Icon && <Icon aria-hidden className="size-3.5 shrink-0" strokeWidth={2.25} />}
      {children}
    </span>
  );
}
