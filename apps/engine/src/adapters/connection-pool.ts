/**
 * At most `connectionsMax` connections to one laboratory system, kept open between sends and shared by its lanes; a
 * connection carries one message at a time. MLLP and HTTP differ in the connection, not in this.
 */
import type { Socket } from 'node:net';
import type { CancelSignal, Clock } from '@inorder/core';
import { connect } from './connect.ts';
import type { ConnectFault, Endpoint } from './endpoint-socket.ts';
import { Slots } from './slots.ts';

export interface PooledConnection {
  /** Nothing is in flight on it and it is not known to be closed. */
  readonly usable: boolean;
  /** Answers read so far. */
  readonly answers: number;
  /** How long the peer is known to keep it open when idle; Infinity where it said nothing. */
  readonly idleMsMax: number;
  /** FIN after what is still to be sent. Nothing where it is closed already. */
  closeGently(): void;
}

export interface ConnectionWatcher {
  /** Once, when the connection can no longer be used. `byReset`: it was us, and the peer got RST. */
  closed(byReset: boolean): void;
}

export interface PoolSettings {
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  readonly idleCloseMs: number;
}

/** Gauges of one destination; `reset` only grows. */
export interface DestinationStats {
  /** Connections that are open, idle or not. */
  readonly open: number;
  /** Sends that hold a connection or are opening one; at most `connectionsMax`. */
  readonly busy: number;
  /** Sends that wait for a connection. */
  readonly waiting: number;
  /** Connections we reset: time-out, abort, foreign or unasked answer. */
  readonly reset: number;
}

/** Why nothing was sent. */
export interface Unsent {
  readonly fault: ConnectFault;
  /** For people: a system code such as ECONNREFUSED, or a few words. */
  readonly reason: string;
}

export class ConnectionPool<C extends PooledConnection> {
  readonly #endpoint: Endpoint;
  readonly #settings: PoolSettings;
  readonly #clock: Clock;
  readonly #wrap: (socket: Socket, watcher: ConnectionWatcher) => C;
  readonly #slots: Slots;
  /** Idle connections and what cancels their close; the one used last is at the end, so that a surplus grows old. */
  readonly #idle = new Map<C, () => void>();
  #open = 0;
  #resets = 0;

  /** `wrap` makes a connection of a socket that is ready to be written to. */
  constructor(
    endpoint: Endpoint,
    settings: PoolSettings,
    clock: Clock,
    wrap: (socket: Socket, watcher: ConnectionWatcher) => C,
  ) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#clock = clock;
    this.#wrap = wrap;
    this.#slots = new Slots(settings.connectionsMax);
  }

  stats(): DestinationStats {
    return { open: this.#open, busy: this.#slots.busy, waiting: this.#slots.waiting, reset: this.#resets };
  }

  /** Waits for a connection, first come first served, and lends it to `send`; or says why there is none. */
  async use<T>(signal: CancelSignal, send: (connection: C) => Promise<T>): Promise<T | Unsent> {
    const grant = await this.#slots.acquire(signal);
    if (grant === 'closed') return { fault: 'CONNECT', reason: 'the destination is closed' };
    if (grant === 'aborted') return { fault: 'CONNECT', reason: 'aborted' };
    try {
      const connection = this.#takeIdle() ?? (await this.#connect(signal));
      if ('fault' in connection) return connection;
      try {
        return signal.aborted ? { fault: 'CONNECT', reason: 'aborted' } : await send(connection);
      } finally {
        await this.#giveBack(connection);
      }
    } finally {
      this.#slots.release();
    }
  }

  /** Refuses who waits and who comes, closes what is idle; resolves when what is under way has ended. */
  async close(): Promise<void> {
    const drained = this.#slots.close();
    for (const connection of [...this.#idle.keys()]) connection.closeGently();
    await drained;
  }

  #takeIdle(): C | null {
    for (const [connection, keep] of [...this.#idle].reverse()) {
      keep();
      this.#idle.delete(connection);
      if (connection.usable) return connection;
      connection.closeGently();
    }
    return null;
  }

  async #connect(signal: CancelSignal): Promise<C | Unsent> {
    const connected = await connect(this.#endpoint, this.#settings.connectTimeoutMs, this.#clock, signal);
    if (!connected.ok) return connected;
    this.#open++;
    const connection: C = this.#wrap(connected.socket, {
      closed: (byReset) => {
        this.#open--;
        if (byReset) this.#resets++;
        this.#idle.get(connection)?.();
        this.#idle.delete(connection);
      },
    });
    return connection;
  }

  /**
   * Some peers close after every answer. Their FIN comes right behind the answer, so a connection that has answered once
   * is shown to the event loop's next poll before anyone may write on it; one that has answered twice is known to stay.
   */
  async #giveBack(connection: C): Promise<void> {
    if (connection.usable && connection.answers < 2) {
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
    const idleMs = Math.min(this.#settings.idleCloseMs, connection.idleMsMax);
    if (connection.usable && idleMs > 0 && !this.#slots.closed) {
      this.#idle.set(
        connection,
        this.#clock.schedule(idleMs, () => connection.closeGently()),
      );
    } else {
      connection.closeGently();
    }
  }
}
