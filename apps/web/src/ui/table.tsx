import type { ComponentProps } from 'react';
import { cn } from './class-names.ts';

/** A plain table that scrolls sideways by itself. Give it a name: `aria-label` or a caption. */
export function Table({ className, ...props }: ComponentProps<'table'>) {
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      aria-label={props['aria-label']}
      className="scroll-slim overflow-x-auto rounded-lg border bg-surface"
    >
      <table className={cn('w-full border-collapse text-left', className)} {...props} />
    </section>
  );
}

export function Th({ className, ...props }: ComponentProps<'th'>) {
  return (
    <th
      scope="col"
      className={cn('h-8 whitespace-nowrap border-b bg-sunken px-3 text-xs font-medium text-muted', className)}
      {...props}
    />
  );
}

export function Td({ className, ...props }: ComponentProps<'td'>) {
  return <td className={cn('h-9 px-3 py-1.5 align-middle', className)} {...props} />;
}

export function Tr({ className, ...props }: ComponentProps<'tr'>) {
  return <tr className={cn('border-b last:border-b-0 hover:bg-hover', className)} {...props} />;
}
