/** Opens one connection to a laboratory system within `connectTimeoutMs`. Until it is open no byte of a message has left. */
import type { Socket } from 'node:net';
import type { CancelSignal, Clock } from '@inorder/core';
import {
  type ConnectFault,
  connectFault,
  type Endpoint,
  errorCodeOf,
  openSocket,
  readyEvent,
  resetSocket,
} from './endpoint-socket.ts';

export type Connected =
  | { readonly ok: true; readonly socket: Socket }
  | { readonly ok: false; readonly fault: ConnectFault; readonly reason: string };

export async function connect(
  endpoint: Endpoint,
  connectTimeoutMs: number,
  clock: Clock,
  signal: CancelSignal,
): Promise<Connected> {
  let socket: Socket;
  try {
    socket = openSocket(endpoint);
  } catch (error) {
    return { ok: false, fault: 'TLS', reason: `unusable TLS settings ${errorCodeOf(error) ?? ''}`.trimEnd() };
  }
  return new Promise((resolve) => {
    let tcpOpen = false;
    let lastError: unknown = null;
    const settle = (outcome: Connected): void => {
      cancelTimeout();
      signal.removeEventListener('abort', aborted);
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
      // A socket given up still reports the error of its own reset.
      if (!outcome.ok) socket.on('error', () => undefined);
      resolve(outcome);
    };
    const giveUp = (fault: ConnectFault, reason: string): void => {
      settle({ ok: false, fault, reason });
      resetSocket(socket);
    };
    const aborted = (): void => giveUp('CONNECT', 'aborted');
    const failed = (error: Error): void => {
      lastError = error;
    };
    const closed = (): void =>
      settle({
        ok: false,
        fault: lastError === null && tcpOpen ? 'TLS' : connectFault(socket, lastError),
        reason: errorCodeOf(lastError) ?? 'closed by the peer',
      });
    const cancelTimeout = clock.schedule(connectTimeoutMs, () =>
      giveUp(tcpOpen ? 'TLS' : 'CONNECT', `not open within ${connectTimeoutMs} ms`),
    );
    socket.on('connect', () => {
      tcpOpen = true;
    });
    socket.on('error', failed);
    socket.on('close', closed);
    socket.once(readyEvent(endpoint), () => settle({ ok: true, socket }));
    signal.addEventListener('abort', aborted, { once: true });
  });
}
