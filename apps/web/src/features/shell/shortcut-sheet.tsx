'use client';
import { Dialog } from '../../ui/dialog.tsx';
import { Switch } from '../../ui/switch.tsx';
import { useShortcutsEnabled } from './use-shortcuts.ts';

export interface ShortcutHelp {
  readonly keys: readonly string[];
  readonly does: string;
}

export function ShortcutSheet({
  open,
  onOpenChange,
  shortcuts,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  shortcuts: readonly ShortcutHelp[];
}) {
  const [enabled, setEnabled] = useShortcutsEnabled();
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keyboard" className="sm:w-[26rem]">
      <dl className="flex flex-col gap-2">
        {shortcuts.map((shortcut) => (
          <div key={shortcut.does} className="flex items-center justify-between gap-4">
            <dt>{shortcut.does}</dt>
            <dd className="flex gap-1">
              {shortcut.keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <div className="mt-4 flex items-center justify-between border-t pt-4">
        <span>Single-key shortcuts</span>
        <Switch label="Single-key shortcuts" checked={enabled} onCheckedChange={setEnabled} />
      </div>
    </Dialog>
  );
}
