/**
 * One MLLP connection, stop-and-wait: one message in flight, and a reset rather than reuse whenever it is not certain
 * whose answer comes next (G15).
 *
 * Modes: IDLE → exchange → BUSY → its answer → IDLE; from any of them → CLOSED, which is final.
 * - BUSY ends in IDLE only by an acknowledgement of the very message in flight (or by the flush, ackMode none).
 * - BUSY ends in CLOSED by time-out, abort, foreign or junk answer (we reset), or because the peer closed.
 * - IDLE ends in CLOSED by any byte that nobody asked for (we reset), by the peer, or by `closeGently`.
 *
 * **Invariant** `#inFlight !== null` exactly in BUSY; it is settled exactly once.
 * **Invariant** no byte read before a reset is ever looked at after it.
 */
import type { Socket } from 'node:net';
import type { CancelSignal, Clock } from '@inorder/core';
import type { ConnectionWatcher, PooledConnection } from '../connection-pool.ts';
import { errorCodeOf, isRefusedCertificate, resetSocket } from '../endpoint-socket.ts';
import { type Ack, echoes, readAck } from './ack.ts';
import { encodeFrame, FrameDecoder } from './framing.ts';

export interface ConnectionSettings {
  readonly ackMode: 'application' | 'commit' | 'none';
  readonly ackTimeoutMs: number;
  readonly ackBytesMax: number;
}

/** Why an exchange ended without an answer of ours. MLLP_TLS: the peer refused our certificate and took nothing. */
export type LostCode =
  | 'MLLP_ACK_TIMEOUT'
  | 'MLLP_CONNECTION_LOST'
  | 'MLLP_ACK_MISMATCH'
  | 'MLLP_ACK_JUNK'
  | 'MLLP_ACK_TOO_LARGE'
  | 'MLLP_TLS';

export type Exchange =
  | { readonly kind: 'acknowledged'; readonly ack: Ack; readonly response: Uint8Array }
  /** ackMode none: the kernel has the bytes. */
  | { readonly kind: 'flushed' }
  | {
      readonly kind: 'lost';
      readonly code: LostCode;
      /** For people: `aborted`, `ECONNRESET`, `closed by the peer`. Empty where the code says it all. */
      readonly reason: string;
      /** The last MSA-1 read, if any. */
      readonly ackCode: string | null;
      readonly response: Uint8Array | null;
    };

export interface MllpWatcher extends ConnectionWatcher {
  /** Bytes came that belong to no message in flight. `ackCode` where they are an acknowledgement. */
  unasked(ackCode: string | null): void;
}

interface InFlight {
  readonly controlId: string;
  readonly resolve: (exchange: Exchange) => void;
  readonly stopWaiting: () => void;
  /** The CA that came before the AA still waited for. */
  commit: { readonly ack: Ack; readonly response: Uint8Array } | null;
}

/** How many messages delivered by CA may still be followed by their AA on the same connection. */
const COMMITTED_REMEMBERED_MAX = 64;

export class MllpConnection implements PooledConnection {
  readonly idleMsMax = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #settings: ConnectionSettings;
  readonly #clock: Clock;
  readonly #watcher: MllpWatcher;
  readonly #decoder: FrameDecoder;
  /** Control ids delivered by CA, oldest first: an AA that follows is theirs and credits nobody. */
  readonly #committed = new Set<string>();
  #inFlight: InFlight | null = null;
  #closed = false;
  #closeReason = 'closed by the peer';
  #refusedCertificate = false;
  #answers = 0;

  /** `socket` is connected, its TLS handshake done. */
  constructor(socket: Socket, settings: ConnectionSettings, clock: Clock, watcher: MllpWatcher) {
    this.#socket = socket;
    this.#settings = settings;
    this.#clock = clock;
    this.#watcher = watcher;
    this.#decoder = new FrameDecoder(settings.ackBytesMax);
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk));
    socket.on('error', (error) => {
      this.#closeReason = errorCodeOf(error) ?? 'error';
      this.#refusedCertificate = this.#answers === 0 && isRefusedCertificate(error);
    });
    // A peer that says it is done will not answer; what is in flight is unknown from here on.
    socket.on('end', () => this.#peerClosed());
    socket.on('close', () => this.#peerClosed());
  }

  /** Idle, and not known to be closed. The peer may be closing it at this moment all the same. */
  get usable(): boolean {
    return (
      !this.#closed &&
      this.#inFlight === null &&
      !this.#socket.destroyed &&
      !this.#socket.readableEnded &&
      this.#socket.writable
    );
  }

  /** Answers read so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Sends one message and waits for its answer. Only while `usable`. From this call on bytes may have left. */
  exchange(payload: Uint8Array, controlId: string, signal: CancelSignal): Promise<Exchange> {
    if (!this.usable) throw new Error('MLLP connection is not idle');
    return new Promise((resolve) => {
      const aborted = (): void => this.#lose('MLLP_CONNECTION_LOST', 'aborted');
      const cancelTimeout = this.#clock.schedule(this.#settings.ackTimeoutMs, () => this.#timedOut());
      signal.addEventListener('abort', aborted, { once: true });
      const stopWaiting = (): void => {
        cancelTimeout();
        signal.removeEventListener('abort', aborted);
      };
      this.#decoder.forgetJunk();
      this.#inFlight = { controlId, resolve, stopWaiting, commit: null };
      this.#socket.write(encodeFrame(payload), (error) => {
        // An error closes the socket as well; that event tells the story.
        if (this.#settings.ackMode === 'none' && (error === undefined || error === null)) this.#flushed();
      });
    });
  }

  /** Ends an idle connection: what the kernel still holds is sent, then FIN. */
  closeGently(): void {
    if (this.#closed) return;
    this.#close(false);
    this.#socket.destroySoon();
  }

  #flushed(): void {
    if (this.#inFlight === null) return;
    this.#answers++;
    this.#finish({ kind: 'flushed' });
  }

  #read(chunk: Uint8Array): void {
    // Nothing is credited, so nothing can be credited wrongly; a reset could destroy what is still under way to the peer.
    if (this.#closed || this.#settings.ackMode === 'none') return;
    for (const frame of this.#decoder.push(chunk)) {
      this.#answer(frame);
      if (this.#closed) return;
    }
    if (this.#decoder.overflowed) {
      this.#unexpected('MLLP_ACK_TOO_LARGE', null, this.#decoder.leftover());
    } else if (this.#inFlight === null && this.#decoder.junkBytes > 0) {
      this.#unexpected('MLLP_ACK_JUNK', null, null);
    } else if (this.#inFlight === null && this.#decoder.insideFrame && this.#committed.size === 0) {
      this.#unexpected('MLLP_ACK_JUNK', null, null);
    }
  }

  #answer(frame: Uint8Array): void {
    const ack = readAck(frame);
    if (ack === null) {
      this.#unexpected('MLLP_ACK_JUNK', null, frame);
      return;
    }
    const inFlight = this.#inFlight;
    if (inFlight === null || !echoes(ack, inFlight.controlId)) {
      if (this.#followsCommit(ack)) this.#watcher.unasked(ack.code);
      else this.#unexpected('MLLP_ACK_MISMATCH', ack, frame);
      return;
    }
    this.#answers++;
    if (ack.code === 'CA' && this.#settings.ackMode === 'application') {
      inFlight.commit = { ack, response: frame };
      return;
    }
    if (ack.code === 'CA') this.#rememberCommit(inFlight.controlId);
    this.#finish({ kind: 'acknowledged', ack, response: frame });
  }

  #rememberCommit(controlId: string): void {
    this.#committed.add(controlId);
    for (const oldest of this.#committed) {
      if (this.#committed.size <= COMMITTED_REMEMBERED_MAX) break;
      this.#committed.delete(oldest);
    }
  }

  /** In ackMode commit a peer may send CA and later AA, AE or AR on one connection: an answer to a settled message. */
  #followsCommit(ack: Ack): boolean {
    if (ack.code.startsWith('C')) return false;
    for (const controlId of this.#committed) {
      if (echoes(ack, controlId)) return this.#committed.delete(controlId);
    }
    return false;
  }

  #unexpected(code: LostCode, ack: Ack | null, response: Uint8Array | null): void {
    if (this.#inFlight === null) {
      this.#watcher.unasked(ack?.code ?? null);
      this.#close(true);
      resetSocket(this.#socket);
      return;
    }
    this.#lose(code, '', ack, response);
  }

  #timedOut(): void {
    const saidSomething = this.#decoder.junkBytes > 0 && this.#inFlight?.commit === null;
    this.#lose(saidSomething ? 'MLLP_ACK_JUNK' : 'MLLP_ACK_TIMEOUT', '');
  }

  /** Reset first, then tell: whoever is told may send again at once. */
  #lose(code: LostCode, reason: string, ack: Ack | null = null, response: Uint8Array | null = null): void {
    const lost = this.#lost(code, reason, ack, response);
    this.#close(true);
    resetSocket(this.#socket);
    this.#finish(lost);
  }

  #peerClosed(): void {
    if (this.#closed) return;
    const code = this.#refusedCertificate ? 'MLLP_TLS' : 'MLLP_CONNECTION_LOST';
    const junk = this.#decoder.junkBytes > 0 && this.#inFlight?.commit === null;
    const lost = this.#lost(junk ? 'MLLP_ACK_JUNK' : code, this.#closeReason);
    this.#close(false);
    // Not destroySoon: nothing we still hold may reach a peer that has stopped answering.
    this.#socket.destroy();
    this.#finish(lost);
  }

  #lost(code: LostCode, reason: string, ack: Ack | null = null, response: Uint8Array | null = null): Exchange {
    const commit = this.#inFlight?.commit ?? null;
    const leftover = this.#decoder.leftover();
    return {
      kind: 'lost',
      code,
      reason,
      ackCode: (ack ?? commit?.ack)?.code ?? null,
      response: response ?? commit?.response ?? (leftover.length > 0 ? leftover : null),
    };
  }

  #finish(exchange: Exchange): void {
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    this.#inFlight = null;
    inFlight.stopWaiting();
    inFlight.resolve(exchange);
  }

  #close(byReset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher.closed(byReset);
  }
}
