/** Health words, worst first: the order tiles, filters and sorting share. Judged on the server (`server/live/health.ts`). */
export const HEALTHS = ['STOPPED', 'GAP', 'STALLED', 'BREACH', 'SLOW', 'QUIET', 'OK'] as const;
export type Health = (typeof HEALTHS)[number];
