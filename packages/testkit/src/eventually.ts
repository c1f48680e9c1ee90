/** Waiting for a condition that nobody signals, such as what another process writes to Postgres: by looking, with an end. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Patience {
  /** Default 20,000. */
  readonly withinMs?: number;
  /** Between two looks; default 40. */
  readonly everyMs?: number;
  /** What to say of the state when it did not come about. */
  readonly shown?: () => unknown;
}

/**
 * Looks until `probe` gives something other than undefined, null or false, and gives that back. A probe that throws has
 * seen nothing yet. @throws naming `what` when the time is over, with the last thing thrown as its cause.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  patience: Patience = {},
): Promise<T> {
  const { withinMs = 20_000, everyMs = 40, shown } = patience;
  const untilMs = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await probe();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= untilMs) {
      const state = shown === undefined ? '' : `; ${JSON.stringify(await shown())}`;
      throw new Error(`not within ${withinMs} ms: ${what}${state}`, { cause });
    }
    await delay(everyMs);
  }
}
