/**
 * What one address still has to send, in order. No I/O.
 *
 * Per interface: *flowing* (waiting messages are sent as they come), or *rewinding* after a release: nothing more of this
 * interface is sent until everything of it in flight has ended; then what came back goes out first, in its order.
 */

/** One message on its way, the same object from first to last try. */
export interface Parcel {
  readonly interfaceCode: string;
  readonly controlId: string;
  readonly body: string;
  /** JMS message id, `ID:<uuid>`; the same on every try. */
  readonly messageId: string;
  /** Place among all messages of the sender. */
  readonly ordinal: number;
  tries: number;
}

interface Flow {
  inFlight: number;
  rewinding: boolean;
  /** Came back, or met a rewinding flow before it was sent. */
  readonly held: Parcel[];
  acceptedUpTo: number;
}

export class SendQueue {
  /** Sent again before everything else; the next one is last. */
  #returned: Parcel[] = [];
  #fresh: Parcel[] = [];
  #freshAt = 0;
  readonly #flows = new Map<string, Flow>();
  readonly #inFlight = new Set<Parcel>();
  #held = 0;
  #inversions = 0;

  /** Messages not yet settled, sent or not. */
  get size(): number {
    return this.waiting + this.#inFlight.size;
  }

  get waiting(): number {
    return this.#returned.length + this.#fresh.length - this.#freshAt + this.#held;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** How often the receiver gave a message back and accepted a later one of its interface: its doing, not ours. */
  get inversions(): number {
    return this.#inversions;
  }

  push(parcel: Parcel): void {
    this.#fresh.push(parcel);
  }

  /** The next to send, now in flight; undefined if there is none at present. */
  take(): Parcel | undefined {
    for (let parcel = this.#pull(); parcel !== undefined; parcel = this.#pull()) {
      const flow = this.#flowOf(parcel.interfaceCode);
      if (flow.rewinding) {
        flow.held.push(parcel);
        this.#held += 1;
        continue;
      }
      flow.inFlight += 1;
      this.#inFlight.add(parcel);
      return parcel;
    }
    return undefined;
  }

  /** It has its end: accepted or rejected. */
  ended(parcel: Parcel, accepted: boolean): void {
    if (!this.#inFlight.delete(parcel)) return;
    const flow = this.#flowOf(parcel.interfaceCode);
    flow.inFlight -= 1;
    if (accepted) {
      if (flow.held.some((other) => other.ordinal < parcel.ordinal)) this.#inversions += 1;
      flow.acceptedUpTo = Math.max(flow.acceptedUpTo, parcel.ordinal);
    }
    this.#settle(parcel.interfaceCode, flow);
  }

  /** The receiver gave it back. */
  released(parcel: Parcel): void {
    if (!this.#inFlight.delete(parcel)) return;
    const flow = this.#flowOf(parcel.interfaceCode);
    flow.inFlight -= 1;
    if (flow.acceptedUpTo > parcel.ordinal) this.#inversions += 1;
    flow.rewinding = true;
    flow.held.push(parcel);
    this.#held += 1;
    this.#settle(parcel.interfaceCode, flow);
  }

  /** The link is gone: everything in flight is to be sent again, in its order. */
  rewindAll(): void {
    const back = [...this.#inFlight];
    this.#inFlight.clear();
    for (const flow of this.#flows.values()) {
      back.push(...flow.held);
      this.#held -= flow.held.length;
    }
    this.#flows.clear();
    this.#putBack(back);
  }

  #settle(code: string, flow: Flow): void {
    if (flow.inFlight > 0) return;
    // Nothing of it is under way: the flow's memory has served, and 25,000 idle ones would only take room.
    this.#flows.delete(code);
    this.#held -= flow.held.length;
    if (flow.held.length > 0) this.#putBack(flow.held);
  }

  #putBack(parcels: readonly Parcel[]): void {
    this.#returned.push(...parcels);
    this.#returned.sort((a, b) => b.ordinal - a.ordinal);
  }

  #pull(): Parcel | undefined {
    const returned = this.#returned.pop();
    if (returned !== undefined) return returned;
    const parcel = this.#fresh[this.#freshAt];
    if (parcel === undefined) return undefined;
    this.#freshAt += 1;
    if (this.#freshAt === this.#fresh.length) {
      this.#fresh = [];
      this.#freshAt = 0;
    } else if (this.#freshAt > 4096) {
      this.#fresh = this.#fresh.slice(this.#freshAt);
      this.#freshAt = 0;
    }
    return parcel;
  }

  #flowOf(code: string): Flow {
    let flow = this.#flows.get(code);
    if (flow === undefined) {
      flow = { inFlight: 0, rewinding: false, held: [], acceptedUpTo: -1 };
      this.#flows.set(code, flow);
    }
    return flow;
  }
}
