import { Inbox, LockKeyhole, type LucideIcon, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from './class-names.ts';

interface StateProps {
  readonly title: ReactNode;
  readonly children?: ReactNode;
  /** Buttons or links: the way out. */
  readonly action?: ReactNode;
  readonly icon?: LucideIcon;
  readonly className?: string;
}

function State({ title, children, action, icon: Icon = Inbox, className, tone }: StateProps & { tone: string }) {
  return (
    <div className={cn('flex flex-col items-center gap-2 px-6 py-12 text-center', className)}>
      <span className={cn('mb-1 grid size-10 place-items-center rounded-full', tone)}>
        <Icon aria-hidden className="size-5" />
      </span>
      <p className="text-sm font-medium">{title}</p>
      {children && <div className="max-w-md text-muted">{children}</div>}
      {action && <div className="mt-2 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

/** Nothing is there, and that is no fault: say what would be here and how it gets here. */
export function EmptyState(props: StateProps) {
  return <State {...props} tone="bg-calm-soft text-calm" />;
}

/** It could not be shown: say what happened and what to do. */
export function ErrorState({ icon = TriangleAlert, ...props }: StateProps) {
  return (
    <div role="alert">
      <State icon={icon} {...props} tone="bg-bad-soft text-bad" />
    </div>
  );
}

/** It is there, but not for this user: name the right that is missing. */
export function DeniedState({
  permission,
  ...props
}: Omit<StateProps, 'title'> & { permission: string; title?: ReactNode }) {
  return (
    <State
      icon={LockKeyhole}
      {...props}
      title={props.title ?? 'You may not see this'}
      tone="bg-hold-soft text-hold"
      action={
        props.action ?? (
          <span className="text-muted">
            Ask an administrator for <code className="font-mono text-xs text-ink">{permission}</code>.
          </span>
        )
      }
    />
  );
}
