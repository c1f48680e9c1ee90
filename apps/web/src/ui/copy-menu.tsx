'use client';
import { Menu } from '@base-ui/react/menu';
import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { Button } from './button.tsx';
import { writeClipboard } from './clipboard.ts';
import { useLandmark } from './landmark.ts';

export interface CopyItem {
  readonly label: string;
  readonly text: string | (() => string);
}

/** What can be taken from here: link, CLI line, JSON … */
export function CopyMenu({ items, label = 'Copy' }: { items: readonly CopyItem[]; label?: string }) {
  const [copied, setCopied] = useState<string | null>(null);
  const [landmark, trigger] = useLandmark();
  const copy = async (item: CopyItem) => {
    const done = await writeClipboard(typeof item.text === 'string' ? item.text : item.text());
    setCopied(done ? item.label : null);
    setTimeout(() => setCopied(null), 1500);
  };
  return (
    <Menu.Root>
      <Menu.Trigger ref={trigger} render={<Button variant="secondary" />}>
        {copied === null ? <Copy aria-hidden /> : <Check aria-hidden />}
        <span aria-live="polite">{copied === null ? label : 'Copied'}</span>
      </Menu.Trigger>
      <Menu.Portal container={landmark} className="absolute">
        <Menu.Positioner sideOffset={4} align="end" className="z-50">
          <Menu.Popup className="min-w-56 max-w-[90vw] rounded-lg border border-line bg-raised p-1 shadow-pop outline-none">
            {items.map((item) => (
              <Menu.Item
                key={item.label}
                onClick={() => void copy(item)}
                className="flex min-h-8 flex-col justify-center rounded-md px-2.5 py-1 outline-none select-none data-highlighted:bg-hover"
              >
                <span>{item.label}</span>
                {typeof item.text === 'string' && (
                  <span className="truncate font-mono text-2xs text-muted">{item.text}</span>
                )}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
