/**
 * How the console ends.
 *
 * SERVING. At SIGTERM or SIGINT it is DRAINING: `/readyz` says 503 and everything is still answered, for INORDER_DRAIN_MS,
 * so that whoever sends people here sends them elsewhere first. Then it is CLOSING: live streams end (their readers come
 * back, elsewhere or here), Next takes no more connections, finishes the requests it has and ends the process, at most
 * CLOSE_MS_MAX later. A second signal ends the drain.
 *
 * Next would close at the signal itself, and wait for streams that never end. Its handlers are there before
 * `instrumentation.ts` is called; they are kept and called when the drain is over.
 */
import { env } from '../../env.ts';
import { log } from '../log.ts';

/** deploy/ and `inorder up` give longer than this and INORDER_DRAIN_MS together. */
const CLOSE_MS_MAX = 5000;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

interface Stop {
  serving: boolean;
  readonly closing: AbortController;
}

// The server's start and its routes are bundles of their own.
const holder = globalThis as typeof globalThis & { inorderStop?: Stop };

function state(): Stop {
  holder.inorderStop ??= { serving: true, closing: new AbortController() };
  return holder.inorderStop;
}

/** false from the first signal on. */
export function isServing(): boolean {
  return state().serving;
}

/** Ends when streams have to. */
export function closing(): AbortSignal {
  return state().closing.signal;
}

/** Called once, when the server starts. @throws where the settings are not usable. */
export function stopInOrder(): void {
  const drainMs = env().INORDER_DRAIN_MS;
  for (const signal of SIGNALS) {
    const closers = process.listeners(signal);
    process.removeAllListeners(signal);
    process.on(signal, () => {
      const close = (): void => {
        if (closing().aborted) return;
        state().closing.abort();
        setTimeout(() => {
          log().error({}, 'console did not close in time and ends');
          process.exit(1);
        }, CLOSE_MS_MAX).unref();
        for (const each of closers) each(signal);
      };
      if (!isServing()) return close();
      state().serving = false;
      log().info({ drainMs }, 'console stops');
      setTimeout(close, drainMs);
    });
  }
}
