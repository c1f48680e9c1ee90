'use client';
import { Select as Base } from '@base-ui/react/select';
import { Check, ChevronDown } from 'lucide-react';
import { cn } from './class-names.ts';
import { useLandmark } from './landmark.ts';

export interface SelectOption<T extends string> {
  readonly value: T;
  readonly label: string;
}

/** One of a few. `label` names it to screen readers; show a visible label beside it where there is room. */
export function Select<T extends string>({
  label,
  value,
  options,
  onValueChange,
  className,
  disabled,
}: {
  label: string;
  value: T;
  options: readonly SelectOption<T>[];
  onValueChange: (value: T) => void;
  className?: string;
  disabled?: boolean;
}) {
  const [landmark, trigger] = useLandmark();
  return (
    <Base.Root
      items={options.map((option) => ({ value: option.value, label: option.label }))}
      value={value}
      onValueChange={(next) => next !== null && onValueChange(next)}
      disabled={disabled ?? false}
    >
      <Base.Trigger
        ref={trigger}
        aria-label={label}
        className={cn(
          'inline-flex h-8 items-center justify-between gap-2 rounded-md border border-line-strong bg-surface px-2.5 text-left hover:bg-hover disabled:opacity-50',
          className,
        )}
      >
        <Base.Value className="truncate" />
        <Base.Icon>
          <ChevronDown aria-hidden className="size-4 text-faint" />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal container={landmark} className="absolute">
        <Base.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50">
          <Base.Popup className="scroll-slim max-h-80 min-w-(--anchor-width) overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-pop outline-none">
            {options.map((option) => (
              <Base.Item
                key={option.value}
                value={option.value}
                className="flex h-8 items-center gap-2 rounded-md pr-3 pl-2 outline-none select-none data-highlighted:bg-hover"
              >
                <span className="grid size-4 place-items-center">
                  <Base.ItemIndicator>
                    <Check aria-hidden className="size-3.5" />
                  </Base.ItemIndicator>
                </span>
                <Base.ItemText>{option.label}</Base.ItemText>
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
