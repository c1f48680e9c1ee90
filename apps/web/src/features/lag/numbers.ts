import { durationText } from '@inorder/core';

const GROUPED = new Intl.NumberFormat('en-GB');
const RATE = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });

/** 12,345 */
export function grouped(value: number): string {
  return GROUPED.format(value);
}

/** A rate per minute: one decimal below ten, none above. */
export function rateText(perMinute: number): string {
  return perMinute >= 10 ? GROUPED.format(Math.round(perMinute)) : RATE.format(perMinute);
}

/** "▲ +14/min", "▼ −90/min", or null where nothing moves. */
export function trendText(perMinute: number): string | null {
  if (perMinute === 0) return null;
  return perMinute > 0 ? `▲ +${grouped(perMinute)}/min` : `▼ −${grouped(-perMinute)}/min`;
}

/** "drains in 4 min", "does not drain"; null at lag 0. */
export function drainsText(lag: number, minutes: number | null): string | null {
  if (lag === 0) return null;
  return minutes === null ? 'does not drain' : `drains in ${durationText(minutes * 60_000)}`;
}
