'use client';
import { Menu } from '@base-ui/react/menu';
import { Check, CircleUserRound, LogOut, Monitor, Moon, Sun } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { useLandmark } from '../../ui/landmark.ts';
import { THEME_COOKIE, type Theme } from './theme.ts';

const THEME_ITEMS = [
  { value: 'system', label: 'As the system', icon: Monitor },
  { value: 'light', label: 'Light', icon: Sun },
  { value: 'dark', label: 'Dark', icon: Moon },
] as const;

const YEAR_SECONDS = 31_536_000;

function applyTheme(theme: Theme) {
  document.documentElement.dataset['theme'] = theme;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API does not exist on plain HTTP
  document.cookie = `${THEME_COOKIE}=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
}

async function signOut() {
  await fetch('/api/auth/sign-out', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  window.location.assign('/sign-in');
}

const ITEM = 'flex h-8 items-center gap-2 rounded-md px-2 outline-none select-none data-highlighted:bg-hover';

export function UserMenu({ name, email, role, theme }: { name: string; email: string; role: string; theme: Theme }) {
  const [current, setCurrent] = useState(theme);
  const [landmark, trigger] = useLandmark();
  return (
    <Menu.Root>
      <Menu.Trigger
        ref={trigger}
        render={<Button variant="ghost" size="icon" aria-label={`Account of ${name} and theme`} />}
      >
        <CircleUserRound aria-hidden />
      </Menu.Trigger>
      <Menu.Portal container={landmark} className="absolute">
        <Menu.Positioner sideOffset={6} align="end" className="z-50">
          <Menu.Popup className="w-60 rounded-lg border border-line bg-raised p-1 shadow-pop outline-none">
            <div className="px-2 py-1.5">
              <p className="truncate font-medium">{name}</p>
              <p className="truncate text-xs text-muted">
                {email} · {role}
              </p>
            </div>
            <Menu.Separator className="my-1 h-px bg-line" />
            <Menu.RadioGroup
              value={current}
              onValueChange={(value: Theme) => {
                setCurrent(value);
                applyTheme(value);
              }}
            >
              {THEME_ITEMS.map(({ value, label, icon: Icon }) => (
                <Menu.RadioItem key={value} value={value} closeOnClick={false} className={ITEM}>
                  <Icon aria-hidden className="size-4 text-muted" />
                  <span className="flex-1">{label}</span>
                  <Menu.RadioItemIndicator>
                    <Check aria-hidden className="size-4" />
                  </Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.Separator className="my-1 h-px bg-line" />
            <Menu.Item onClick={() => void signOut()} className={ITEM}>
              <LogOut aria-hidden className="size-4 text-muted" />
              Sign out
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
