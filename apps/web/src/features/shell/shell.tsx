'use client';
import { may } from '@inorder/shared';
import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { type ReactNode, useRef } from 'react';
import { cn } from '../../ui/class-names.ts';
import { RestoredBanner } from '../restored/restored-banner.tsx';
import { JumpBox } from './jump-box.tsx';
import { NAVIGATION, type NavigationItem } from './navigation.ts';
import type { Theme } from './theme.ts';
import { useShortcuts } from './use-shortcuts.ts';
import { UserMenu } from './user-menu.tsx';

type ShellUser = Parameters<typeof may>[0] & { readonly name: string; readonly email: string };

const ENVIRONMENT_TONES: Record<string, string> = {
  PROD: 'border-bad/40 bg-bad-soft text-bad',
  UAT: 'border-warn/40 bg-warn-soft text-warn',
};

/** The frame around every page of someone who is signed in: links above, on a phone below. */
export function Shell({
  user,
  environment,
  theme,
  children,
}: {
  user: ShellUser;
  environment: string;
  theme: Theme;
  children: ReactNode;
}) {
  useGoKeys(user);
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b bg-surface px-4 sm:px-6">
        <Link href="/lag" className="mr-3 flex items-center gap-2 font-semibold tracking-tight">
          <Mark />
          <span className="text-[0.9375rem]">Inorder</span>
          <span
            className={cn(
              'rounded border px-1 font-mono text-2xs font-medium tracking-wide',
              ENVIRONMENT_TONES[environment.toUpperCase()] ?? 'border-line-strong text-muted',
            )}
          >
            {environment.toUpperCase()}
          </span>
        </Link>
        <nav aria-label="Main" className="hidden items-center gap-0.5 sm:flex">
          {NAVIGATION.map((item) => (
            <NavigationLink key={item.href} item={item} user={user} />
          ))}
        </nav>
        <div className="ml-auto flex items-center gap-2">
          <JumpBox />
          <UserMenu name={user.name} email={user.email} role={user.role} theme={theme} />
        </div>
      </header>
      <RestoredBanner user={user} />
      <main id="main" tabIndex={-1} className="flex min-h-0 flex-1 flex-col pb-14 outline-none sm:pb-0">
        {children}
      </main>
      <nav
        aria-label="Main, below"
        className="fixed inset-x-0 bottom-0 z-30 grid h-14 auto-cols-fr grid-flow-col border-t bg-surface sm:hidden"
      >
        {NAVIGATION.map((item) => (
          <NavigationLink key={item.href} item={item} user={user} tall />
        ))}
      </nav>
    </div>
  );
}

/** `g`, then a letter within a second: to that page. */
const GO_MS = 1000;

function useGoKeys(user: ShellUser): void {
  const router = useRouter();
  const goAt = useRef(0);
  const go = (item: NavigationItem) => () => {
    if (Date.now() - goAt.current < GO_MS && may(user, item.permission)) router.push(item.href);
    goAt.current = 0;
  };
  useShortcuts({
    g: () => {
      goAt.current = Date.now();
    },
    ...Object.fromEntries(NAVIGATION.map((item) => [item.key, go(item)])),
  });
}

function NavigationLink({ item, user, tall = false }: { item: NavigationItem; user: ShellUser; tall?: boolean }) {
  const pathname = usePathname();
  const here = [item.href, ...(item.also ?? [])].some((path) => pathname === path || pathname.startsWith(`${path}/`));
  const permitted = may(user, item.permission);
  const Icon = item.icon;
  const look = tall
    ? 'flex flex-col items-center justify-center gap-0.5 text-2xs font-medium'
    : 'flex h-8 items-center gap-1.5 rounded-md px-2.5 font-medium';
  const content = (
    <>
      <Icon aria-hidden className={tall ? 'size-5' : 'size-4'} strokeWidth={here ? 2.25 : 2} />
      {item.label}
    </>
  );
  if (!permitted) {
    return (
      <span className={cn(look, 'text-faint')} title={`Needs the right ${item.permission}`}>
        {content}
        <span className="sr-only">(needs the right {item.permission})</span>
      </span>
    );
  }
  return (
    <Link
      href={item.href}
      aria-current={here ? 'page' : undefined}
      className={cn(look, here ? (tall ? 'text-accent' : 'bg-accent-soft text-accent') : 'text-muted hover:text-ink')}
    >
      {content}
    </Link>
  );
}

/** Three bars in a row, the last not there yet. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg aria-hidden="true" viewBox="0 0 32 32" className={cn('size-6', className)}>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <rect x="6" y="8" width="4" height="16" rx="2" className="fill-accent-ink" />
      <rect x="14" y="8" width="4" height="16" rx="2" className="fill-accent-ink" />
      <rect x="22" y="8" width="4" height="16" rx="2" className="fill-accent-ink" opacity=".45" />
    </svg>
  );
}
