/**
 * One outcome per tick. rhea gathers the dispositions of a tick and does not compare the first two of a run: accept
 * and release in one tick leave as one range "accepted", and the released message is lost. So outcomes of a session
 * wait in a queue; a run of equal ones goes out in one turn of the event loop, the next run in the next turn.
 *
 * States: `tickOutcome` undefined = nothing written this turn; else only that outcome may join until `setImmediate`.
 * rhea writes on `process.nextTick`, that is, always before the immediate.
 */
import type { Disposition } from '@inorder/core';
import type { RheaDelivery } from './rhea-internals.ts';

interface Waiting {
  readonly delivery: RheaDelivery;
  readonly disposition: Disposition;
  readonly written: () => void;
}

/** Condition of a rejection that the peer sees; the code comes in the description and in `info`. */
const REJECTED_CONDITION = 'amqp:not-allowed';

export class SettlementQueue {
  #waiting: Waiting[] = [];
  #tickOutcome: string | undefined;
  #ended = false;

  /** `written` is called once the outcome is handed to rhea; never after `end`. */
  settle(delivery: RheaDelivery, disposition: Disposition, written: () => void): void {
    if (this.#ended) return;
    this.#waiting.push({ delivery, disposition, written });
    this.#flush();
  }

  /** The session is gone: what waits is worth nothing. @returns how many outcomes were dropped. */
  end(): number {
    this.#ended = true;
    const dropped = this.#waiting.length;
    this.#waiting = [];
    return dropped;
  }

  #flush(): void {
    let count = 0;
    for (const { delivery, disposition, written } of this.#waiting) {
      const key = outcomeKey(disposition);
      if (this.#tickOutcome === undefined) this.#openTick(key);
      else if (this.#tickOutcome !== key) break;
      count += 1;
      write(delivery, disposition);
      written();
      if (this.#ended) return;
    }
    if (count > 0) this.#waiting = this.#waiting.slice(count);
  }

  #openTick(key: string): void {
    this.#tickOutcome = key;
    setImmediate(() => {
      this.#tickOutcome = undefined;
      this.#flush();
    });
  }
}

/** Rejections differ by their reason: the range would carry the first one's. */
function outcomeKey(disposition: Disposition): string {
  return disposition.kind === 'reject' ? `reject ${disposition.code} ${disposition.description}` : disposition.kind;
}

function write(delivery: RheaDelivery, disposition: Disposition): void {
  switch (disposition.kind) {
    case 'accept':
      delivery.accept();
      return;
    case 'release':
      delivery.release();
      return;
    case 'reject':
      delivery.reject({
        condition: REJECTED_CONDITION,
        description: `${disposition.code}: ${disposition.description}`,
      });
      return;
  }
}
