/**
 * Judges order, loss and repeats by the upstream's own counter alone, as the laboratory saw the messages come in. It
 * shares no code with the engine, so that a bug there cannot hide here (G4, G9).
 *
 * A message's place is (run, counter); runs count in the order first seen. Highest = the highest place so far.
 *
 * | arrives                                              | verdict                                                |
 * |------------------------------------------------------|--------------------------------------------------------|
 * | above the highest                                    | in order; places jumped over stay open until judged    |
 * | the highest again                                    | head repeat, allowed (G9)                              |
 * | below, seen, on an older connection than the highest | straggler: the network was late, allowed, counted (G9) |
 * | below, seen, else                                    | regression: a violation                                |
 * | below, never seen                                    | out of order: a violation                              |
 * | any that an operator's replay announced              | late replay, allowed once an announcement (G14)        |
 *
 * With `ownRun` every other run is an older one, also when it is first seen late: a replay from before a restart.
 *
 * Stragglers are told from regressions only with `stragglersByConnection`. An engine that wrongly sent an old number on a
 * connection it kept open would pass for one, so it is off except where a fault that makes stragglers was set (chaos).
 */
import { formatControlId, type OrderKey, parseControlId } from '../messages/control-id.ts';
import { CounterSet } from './counter-set.ts';
import type { Ledger } from './ledger.ts';

export interface JudgeOptions {
  /** How many of the last control ids are kept for each interface. Default 100. */
  readonly recentMax?: number;
  /** Bound of memory, in pieces of 1,024 counters over all interfaces. Default 1,000,000 (about 300 MB). */
  readonly piecesMax?: number;
  /** What must arrive. Without it `missing` is judged by gaps. */
  readonly ledger?: Ledger;
  /** Read a lower repeat on a connection older than the highest's as a straggler. Default false: a regression. */
  readonly stragglersByConnection?: boolean;
  /** Poison of the ledger may come late without an announcement: for a demonstration where people replay by hand. */
  readonly poisonMayReturn?: boolean;
  /** The run of the upstream at hand. Default: the run seen last is the newest. */
  readonly ownRun?: string;
}

export interface Arrival {
  readonly controlId: string;
  /** Ordinal of the connection, in order of opening. */
  readonly connection?: number;
}

export type Verdict = 'inOrder' | 'headRepeat' | 'straggler' | 'regression' | 'outOfOrder' | 'lateReplay' | 'foreign';

/** One finding of a kind that is a violation, kept for people: at most `EXAMPLES_MAX`. */
export interface Example {
  readonly verdict: 'regression' | 'outOfOrder';
  readonly controlId: string;
  /** The highest when it came. */
  readonly after: string;
}

export interface InterfaceReport {
  readonly received: number;
  readonly distinct: number;
  readonly repeats: number;
  readonly headRepeats: number;
  readonly stragglers: number;
  readonly regressions: number;
  readonly outOfOrder: number;
  readonly lateReplays: number;
  readonly gaps: number;
}

export interface JudgeReport extends InterfaceReport {
  /** Acknowledged to the upstream and never seen (poison apart); without a ledger, the gaps. In-flight ones count too. */
  readonly missing: number;
  readonly missingBy: 'acknowledged' | 'gaps';
  readonly missingExamples: readonly string[];
  /** Seen but never taken with a positive answer, expected refusals apart. */
  readonly notTaken: number;
  /** outOfOrder + regressions. */
  readonly orderViolations: number;
  readonly violationExamples: readonly Example[];
  /** Ids the upstream did not make; judged by nobody. */
  readonly foreign: number;
  readonly interfaces: number;
  /** False when the memory bound was met: then the figures are a lower bound. */
  readonly complete: boolean;
  readonly perInterface?: Readonly<Record<string, InterfaceReport>>;
}

interface Run {
  readonly name: string;
  readonly seen: CounterSet;
  readonly taken: CounterSet;
  lowest: number;
  highest: number;
}

interface Counts {
  received: number;
  repeats: number;
  headRepeats: number;
  stragglers: number;
  regressions: number;
  outOfOrder: number;
  lateReplays: number;
}

interface Track {
  readonly code: string;
  readonly runs: Map<string, Run>;
  readonly runOrder: Run[];
  readonly counts: Counts;
  readonly recent: string[];
  recentNext: number;
  highestConnection: number | undefined;
}

export const EXAMPLES_MAX = 20;
const RUNS_MAX = 1000;
const ANNOUNCED_MAX = 100_000;
const VIOLATIONS_KEPT_MAX = 10_000;

export class Judge {
  readonly #options: Required<Omit<JudgeOptions, 'ledger' | 'ownRun'>>;
  readonly #ownRun: string | undefined;
  readonly #ledger: Ledger | undefined;
  #tracks = new Map<string, Track>();
  #announced = new Map<string, number>();
  #examples: Example[] = [];
  /** The last violations, by control id: an explanation may come after them. */
  #violations = new Map<string, { readonly counts: Counts; readonly as: 'outOfOrder' | 'regressions' }>();
  #foreign = 0;
  #pieces = 0;
  #complete = true;

  constructor(options: JudgeOptions = {}) {
    const { ledger, ownRun, ...rest } = options;
    this.#options = {
      recentMax: 100,
      piecesMax: 1_000_000,
      poisonMayReturn: false,
      stragglersByConnection: false,
      ...rest,
    };
    this.#ledger = ledger;
    this.#ownRun = ownRun;
  }

  /** A message came in, before it is answered. */
  arrived(arrival: Arrival): Verdict {
    const key = parseControlId(arrival.controlId);
    if (key === undefined) {
      this.#foreign += 1;
      return 'foreign';
    }
    const track = this.#trackOf(key.code);
    track.counts.received += 1;
    this.#remember(track, arrival.controlId);
    const run = this.#runOf(track, key.run);
    if (run === undefined) return 'foreign';
    const verdict = this.#judge(track, run, key, arrival);
    this.#note(run, key.counter);
    return verdict;
  }

  /** The laboratory took it and said, or meant to say, so. */
  taken(controlId: string): void {
    const key = parseControlId(controlId);
    if (key === undefined) return;
    const run = this.#tracks.get(key.code)?.runs.get(key.run);
    if (run?.seen.has(key.counter) === true) run.taken.add(key.counter);
  }

  hasTaken(controlId: string): boolean {
    const key = parseControlId(controlId);
    return key !== undefined && (this.#tracks.get(key.code)?.runs.get(key.run)?.taken.has(key.counter) ?? false);
  }

  /** An operator ordered it again: its next late arrival is no violation (G14). */
  announceReplay(controlId: string): void {
    if (this.#announced.size >= ANNOUNCED_MAX) return;
    this.#announced.set(controlId, (this.#announced.get(controlId) ?? 0) + 1);
  }

  /** As `announceReplay`, told after it came: a violation that it counted as is taken back. */
  explainReplay(controlId: string): void {
    const violation = this.#violations.get(controlId);
    if (violation === undefined) return;
    this.#violations.delete(controlId);
    violation.counts[violation.as] -= 1;
    violation.counts.lateReplays += 1;
    this.#examples = this.#examples.filter((example) => example.controlId !== controlId);
  }

  /** The last control ids of an interface, oldest first, repeats included. */
  received(code: string, limit = this.#options.recentMax): readonly string[] {
    const track = this.#tracks.get(code);
    if (track === undefined) return [];
    const inOrder = [...track.recent.slice(track.recentNext), ...track.recent.slice(0, track.recentNext)];
    return limit <= 0 ? [] : inOrder.slice(-limit);
  }

  /** Forgets what came, and what was acknowledged until now: it is not expected any more. Poison stays known. */
  reset(): void {
    this.#ledger?.acknowledged.clear();
    this.#tracks = new Map();
    this.#announced = new Map();
    this.#examples = [];
    this.#violations = new Map();
    this.#foreign = 0;
    this.#pieces = 0;
    this.#complete = true;
  }

  report(options: { readonly perInterface?: boolean } = {}): JudgeReport {
    const total: InterfaceReport = [...this.#tracks.values()].map(interfaceReport).reduce(sum, NOTHING);
    const missing = this.#missing(total.gaps);
    return {
      ...total,
      ...missing,
      notTaken: this.#notTaken(),
      orderViolations: total.outOfOrder + total.regressions,
      violationExamples: [...this.#examples],
      foreign: this.#foreign,
      interfaces: this.#tracks.size,
      complete: this.#complete,
      ...(options.perInterface === true
        ? { perInterface: Object.fromEntries([...this.#tracks].map(([code, track]) => [code, interfaceReport(track)])) }
        : {}),
    };
  }

  #judge(track: Track, run: Run, key: OrderKey, arrival: Arrival): Verdict {
    const counts = track.counts;
    const known = run.seen.has(key.counter);
    if (known) counts.repeats += 1;
    const newest = track.runOrder.at(-1);
    const isNewestRun = run === newest;
    if (isNewestRun && key.counter > run.highest) {
      track.highestConnection = arrival.connection;
      return 'inOrder';
    }
    if (isNewestRun && key.counter === run.highest) {
      counts.headRepeats += 1;
      track.highestConnection = arrival.connection;
      return 'headRepeat';
    }
    if (this.#isAnnounced(arrival.controlId, key)) {
      counts.lateReplays += 1;
      return 'lateReplay';
    }
    if (known && this.#options.stragglersByConnection && isOlder(arrival.connection, track.highestConnection)) {
      counts.stragglers += 1;
      return 'straggler';
    }
    const verdict = known ? 'regression' : 'outOfOrder';
    const as = known ? 'regressions' : 'outOfOrder';
    counts[as] += 1;
    if (this.#violations.size < VIOLATIONS_KEPT_MAX) this.#violations.set(arrival.controlId, { counts, as });
    if (this.#examples.length < EXAMPLES_MAX) {
      const after = newest === undefined ? '' : `${newest.name === '' ? '' : `${newest.name}.`}${newest.highest}`;
      this.#examples.push({ verdict, controlId: arrival.controlId, after });
    }
    return verdict;
  }

  #isAnnounced(controlId: string, key: OrderKey): boolean {
    const left = this.#announced.get(controlId);
    if (left !== undefined) {
      if (left === 1) this.#announced.delete(controlId);
      else this.#announced.set(controlId, left - 1);
      return true;
    }
    if (!this.#options.poisonMayReturn || this.#ledger === undefined) return false;
    return this.#ledger.neverExpected.has(key) || this.#ledger.refusalExpected.has(key);
  }

  #note(run: Run, counter: number): void {
    if (this.#pieces >= this.#options.piecesMax) {
      this.#complete = false;
    } else {
      const before = run.seen.pieces;
      run.seen.add(counter);
      this.#pieces += run.seen.pieces - before;
    }
    run.highest = Math.max(run.highest, counter);
    run.lowest = Math.min(run.lowest, counter);
  }

  #remember(track: Track, controlId: string): void {
    if (this.#options.recentMax <= 0) return;
    if (track.recent.length < this.#options.recentMax) {
      track.recent.push(controlId);
      return;
    }
    track.recent[track.recentNext] = controlId;
    track.recentNext = (track.recentNext + 1) % this.#options.recentMax;
  }

  #trackOf(code: string): Track {
    let track = this.#tracks.get(code);
    if (track === undefined) {
      track = {
        code,
        runs: new Map(),
        runOrder: [],
        counts: { ...NO_COUNTS },
        recent: [],
        recentNext: 0,
        highestConnection: undefined,
      };
      this.#tracks.set(code, track);
    }
    return track;
  }

  #runOf(track: Track, name: string): Run | undefined {
    const known = track.runs.get(name);
    if (known !== undefined) return known;
    if (track.runOrder.length >= RUNS_MAX) {
      this.#complete = false;
      return undefined;
    }
    const run: Run = {
      name,
      seen: new CounterSet(),
      taken: new CounterSet(),
      lowest: Number.POSITIVE_INFINITY,
      highest: 0,
    };
    track.runs.set(name, run);
    const isOlder = name !== this.#ownRun && track.runOrder.at(-1)?.name === this.#ownRun;
    track.runOrder.splice(isOlder ? -1 : track.runOrder.length, 0, run);
    return run;
  }

  #missing(gaps: number): Pick<JudgeReport, 'missing' | 'missingBy' | 'missingExamples'> {
    const ledger = this.#ledger;
    if (ledger === undefined) return { missing: gaps, missingBy: 'gaps', missingExamples: [] };
    let missing = 0;
    const missingExamples: string[] = [];
    for (const { code, run, counters } of ledger.acknowledged.runs()) {
      const seen = this.#tracks.get(code)?.runs.get(run)?.seen;
      for (const counter of counters.without(seen, ledger.neverExpected.of(code, run))) {
        missing += 1;
        if (missingExamples.length < EXAMPLES_MAX) missingExamples.push(formatControlId({ code, run, counter }));
      }
    }
    return { missing, missingBy: 'acknowledged', missingExamples };
  }

  #notTaken(): number {
    let count = 0;
    for (const track of this.#tracks.values()) {
      for (const run of track.runOrder) {
        const refused = this.#ledger?.refusalExpected.of(track.code, run.name);
        for (const _ of run.seen.without(run.taken, refused)) count += 1;
      }
    }
    return count;
  }
}

const NO_COUNTS: Readonly<Counts> = {
  received: 0,
  repeats: 0,
  headRepeats: 0,
  stragglers: 0,
  regressions: 0,
  outOfOrder: 0,
  lateReplays: 0,
};
const NOTHING: InterfaceReport = { ...NO_COUNTS, distinct: 0, gaps: 0 };

function interfaceReport(track: Track): InterfaceReport {
  let distinct = 0;
  let gaps = 0;
  for (const run of track.runOrder) {
    distinct += run.seen.size;
    if (run.highest > 0) gaps += run.highest - run.lowest + 1 - run.seen.size;
  }
  return { ...track.counts, distinct, gaps };
}

function sum(a: InterfaceReport, b: InterfaceReport): InterfaceReport {
  return {
    received: a.received + b.received,
    distinct: a.distinct + b.distinct,
    repeats: a.repeats + b.repeats,
    headRepeats: a.headRepeats + b.headRepeats,
    stragglers: a.stragglers + b.stragglers,
    regressions: a.regressions + b.regressions,
    outOfOrder: a.outOfOrder + b.outOfOrder,
    lateReplays: a.lateReplays + b.lateReplays,
    gaps: a.gaps + b.gaps,
  };
}

const isOlder = (connection: number | undefined, than: number | undefined): boolean =>
  connection !== undefined && than !== undefined && connection < than;
