'use client';
import { durationText } from '@inorder/core';
import { useNow } from './use-now.ts';

/** ISO 8601 in the reader's own offset, to the second: `2026-03-01T09:12:04+01:00`. */
export function isoWithOffset(date: Date): string {
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const pad = (value: number) => String(Math.floor(Math.abs(value))).padStart(2, '0');
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  return `${local}${sign}${pad(offset / 60)}:${pad(offset % 60)}`;
}

/** "4 min ago", the exact instant as its title; ages by itself. */
export function RelativeTime({ at, className }: { at: Date | string | number; className?: string }) {
  const now = useNow(1000);
  const date = new Date(at);
  const age = now - date.getTime();
  const text = age < 0 ? `in ${durationText(-age)}` : age < 1500 ? 'now' : `${durationText(age)} ago`;
  return (
    <time dateTime={date.toISOString()} title={isoWithOffset(date)} className={className} suppressHydrationWarning>
      {text}
    </time>
  );
}

/** `09:12:04` today, `1 Mar 09:12:04` otherwise; the exact instant as its title. */
export function ClockTime({ at, className }: { at: Date | string | number; className?: string }) {
  const date = new Date(at);
  const today = new Date().toDateString() === date.toDateString();
  const clock = date.toLocaleTimeString('en-GB');
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return (
    <time dateTime={date.toISOString()} title={isoWithOffset(date)} className={className} suppressHydrationWarning>
      {today ? clock : `${day} ${clock}`}
    </time>
  );
}
