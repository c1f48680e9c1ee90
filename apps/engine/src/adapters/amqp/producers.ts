/**
 * Who produces into which source at our own listener: one link at a time unless the source says `many` (G3), because
 * two producers have no order between them.
 */
import type { SourceId, SourceStatus } from '@inorder/core';

export interface LinkError {
  readonly condition: string;
  readonly description: string;
}

/** A link that was let in. `close` tells its client why. */
export interface Producer {
  readonly peer: string;
  /** Container id and link name: the same link, attached again. */
  readonly identity: string;
  readonly close: (error: LinkError) => void;
}

export class Producers {
  readonly #holders = new Map<SourceId, Set<Producer>>();
  readonly #onStatus: (status: SourceStatus) => void;

  constructor(onStatus: (status: SourceStatus) => void) {
    this.#onStatus = onStatus;
  }

  /** @returns why not, where one holds it already. */
  admit(sourceId: SourceId, mode: 'one' | 'many', producer: Producer): LinkError | undefined {
    const holders = this.#holders.get(sourceId) ?? new Set();
    // A client that reconnects before we notice that its old connection is dead takes its own link back (AMQP 1.0 §2.6.1).
    for (const holder of [...holders]) {
      if (holder.identity === producer.identity) {
        holder.close({ condition: 'amqp:link:stolen', description: 'The same link was attached again' });
      }
    }
    const [first] = holders;
    if (mode === 'one' && first !== undefined) {
      return {
        condition: 'amqp:resource-locked',
        description: `Another producer (${first.peer}) is attached to this address; set producers to "many" if order between them does not matter`,
      };
    }
    holders.add(producer);
    this.#holders.set(sourceId, holders);
    this.#onStatus(this.#status(sourceId, holders));
    return undefined;
  }

  /** Idempotent. */
  leave(sourceId: SourceId, producer: Producer): void {
    const holders = this.#holders.get(sourceId);
    if (holders?.delete(producer)) this.#onStatus(this.#status(sourceId, holders));
  }

  revoke(sourceId: SourceId, error: LinkError): void {
    for (const producer of [...(this.#holders.get(sourceId) ?? [])]) producer.close(error);
  }

  statuses(): SourceStatus[] {
    return Array.from(this.#holders, ([sourceId, holders]) => this.#status(sourceId, holders));
  }

  closeAll(detail: string): void {
    for (const sourceId of this.#holders.keys()) this.#onStatus({ sourceId, state: 'CLOSED', detail });
    this.#holders.clear();
  }

  #status(sourceId: SourceId, holders: ReadonlySet<Producer>): SourceStatus {
    if (holders.size === 0) return { sourceId, state: 'CONNECTING', detail: 'Waiting for a producer to attach' };
    const [first] = holders;
    const detail =
      holders.size === 1 ? `Producer ${first?.peer ?? ''} is attached` : `${holders.size} producers are attached`;
    return { sourceId, state: 'OPEN', detail };
  }
}
