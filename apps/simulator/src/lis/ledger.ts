/** What the upstream handed over and was told `accepted` for: the set that must arrive (G1), known poison apart. */
import { type OrderKey, parseControlId } from '../messages/control-id.ts';
import { CounterSet } from './counter-set.ts';

/** Counters by interface code and run. */
export class KeySet {
  readonly #byRun = new Map<string, RunCounters>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: OrderKey): boolean {
    const name = nameOf(key.code, key.run);
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
    return this.of(key.code, key.run)?.has(key.counter) ?? false;
  }

  of(code: string, run: string): CounterSet | undefined {
    return this.#byRun.get(nameOf(code, run))?.counters;
  }

  runs(): Iterable<RunCounters> {
    return this.#byRun.values();
  }

  clear(): void {
    this.#byRun.clear();
    this.#size = 0;
  }
}

interface RunCounters {
  readonly code: string;
  readonly run: string;
  readonly counters: CounterSet;
}

/** No code and no run holds a dot. */
const nameOf = (code: string, run: string): string => `${code}.${run}`;

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
