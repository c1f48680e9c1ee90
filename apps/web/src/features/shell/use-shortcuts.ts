'use client';
import { useEffect, useRef, useSyncExternalStore } from 'react';

const STORAGE_KEY = 'inorder-shortcuts';
const listeners = new Set<() => void>();

/** Single keys can be switched off (WCAG 2.1.4); kept in this browser. */
export function useShortcutsEnabled(): [boolean, (enabled: boolean) => void] {
  const enabled = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => localStorage.getItem(STORAGE_KEY) !== 'off',
    () => true,
  );
  const setEnabled = (next: boolean) => {
    localStorage.setItem(STORAGE_KEY, next ? 'on' : 'off');
    for (const listener of listeners) listener();
  };
  return [enabled, setEnabled];
}

/** Key → what it does. None fire while someone types, with a modifier held, or while a dialog is open. */
export function useShortcuts(keys: Readonly<Record<string, () => void>>): void {
  const [enabled] = useShortcutsEnabled();
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    if (!enabled) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (
        target?.closest('input, textarea, select, [contenteditable], [role="dialog"], [role="menu"], [role="listbox"]')
      )
        return;
      const act = latest.current[event.key];
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [enabled]);
}
