/** What the upstream handed over and was told `accepted` for: the set that must arrive (G1), known poison apart. */
import { type OrderKey, parseControlId } from '../messages/control-id.ts';
import { CounterSet } from './counter-set.ts';

/** Counters by interface code and run. */
export class KeySet {
  readonly #byRun = new Map<string, { readonly code: string; readonly run: string; readonly counters: CounterSet }>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: OrderKey): boolean {
    const name = `${key.code}.${key.run}`;
    let entry = this.#byRun.get(name);
    if (entry === undefined) {
      entry = { code: key.code, run: key.run, counters: new CounterSet() };
      this.#byRun.set(name, entry);
    }
    const added = entry.counters.add(key.counter);
    if (added) this.#size += 1;
    return added;
  }

  has(key: OrderKey): boolean {
    return this.#byRun.get(`${key.code}.${key.run}`)?.counters.has(key.counter) ?? false;
  }

  *keys(): Generator<OrderKey> {
    for (const { code, run, counters } of this.#byRun.values()) {
      for (const counter of counters.values()) yield { code, run, counter };
    }
  }
}

export class Ledger {
  readonly acknowledged = new KeySet();
  /** Made to fail before the lab sees them (an unknown code): not expected to arrive. */
  readonly neverExpected = new KeySet();
  /** Made to be refused by the lab: expected to arrive, not to be taken. */
  readonly refusalExpected = new KeySet();

  acknowledge(controlId: string): void {
    const key = parseControlId(controlId);
    if (key !== undefined) this.acknowledged.add(key);
  }

  /** `unknownCode` never arrives; `nackCode` arrives and is refused. */
  poison(controlId: string, kind: 'unknownCode' | 'nackCode'): void {
    const key = parseControlId(controlId);
    if (key !== undefined) (kind === 'unknownCode' ? this.neverExpected : this.refusalExpected).add(key);
  }
}
