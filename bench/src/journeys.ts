/**
 * The way of each message from the JMS sender's hand to the laboratory's answer, by the one clock of this process, which
 * runs both ends. Messages made as poison are left out: they are not meant to arrive.
 */
import {
  type AnsweredEvent,
  type Ledger,
  parseControlId,
  type ReceivedEvent,
  type SentEvent,
  type SettledEvent,
} from '@inorder/simulator';
import { type Summary, summarise } from './percentile.ts';

interface Journey {
  /** Empty until it arrives. */
  endpoint: string;
  readonly sentAtMs: number;
  acceptedAtMs: number | undefined;
  receivedAtMs: number | undefined;
  answeredAtMs: number | undefined;
}

export interface SlowMessage {
  readonly controlId: string;
  readonly endpoint: string;
  /** Seconds into the measured spell. */
  readonly atSeconds: number;
  readonly acceptedMs: number | null;
  readonly receivedMs: number | null;
  readonly answeredMs: number;
}

export interface JourneyReport {
  /** JMS in → settled `accepted`. Milliseconds, as the others. */
  readonly accepted: Summary;
  /** JMS in → whole at the laboratory. */
  readonly received: Summary;
  /** JMS in → the laboratory's positive answer was written: the figure that has a budget. */
  readonly answered: Summary;
  readonly slowest: readonly SlowMessage[];
}

/** Messages sent before a laboratory was back and answered after. */
export interface Backlog {
  readonly messages: number;
  /** From its return to the first and the last of these answers; 0 where there are none. */
  readonly firstMs: number;
  readonly lastMs: number;
}

const SLOWEST_MAX = 10;

export class Journeys {
  readonly #ledger: () => Ledger | undefined;
  readonly #byId = new Map<string, Journey>();
  #fromMs = Number.POSITIVE_INFINITY;

  constructor(ledger: () => Ledger | undefined) {
    this.#ledger = ledger;
  }

  /** Messages sent from now on are measured; those before warmed the engine up. */
  begin(nowMs: number): void {
    this.#byId.clear();
    this.#fromMs = nowMs;
  }

  /** What is sent from now on is not. */
  end(): void {
    this.#fromMs = Number.POSITIVE_INFINITY;
  }

  /** Measured messages that were answered positively. */
  get delivered(): number {
    let count = 0;
    for (const journey of this.#byId.values()) if (journey.answeredAtMs !== undefined) count += 1;
    return count;
  }

  readonly onSent = ({ controlId, tries, atMs }: SentEvent): void => {
    // A second try counts from the first.
    if (tries !== 1 || atMs < this.#fromMs || this.#isPoison(controlId)) return;
    this.#byId.set(controlId, {
      endpoint: '',
      sentAtMs: atMs,
      acceptedAtMs: undefined,
      receivedAtMs: undefined,
      answeredAtMs: undefined,
    });
  };

  readonly onSettled = ({ controlId, outcome, atMs }: SettledEvent): void => {
    const journey = this.#byId.get(controlId);
    if (journey !== undefined && outcome === 'accepted') journey.acceptedAtMs ??= atMs;
  };

  readonly onReceived = ({ controlId, endpoint, atMs }: ReceivedEvent): void => {
    const journey = this.#byId.get(controlId);
    if (journey === undefined) return;
    journey.endpoint = endpoint;
    journey.receivedAtMs ??= atMs;
  };

  readonly onAnswered = ({ controlId, code, atMs }: AnsweredEvent): void => {
    const journey = this.#byId.get(controlId);
    if (journey !== undefined && code === 'AA') journey.answeredAtMs ??= atMs;
  };

  backlog(endpoint: string, backAtMs: number): Backlog {
    let [messages, firstMs, lastMs] = [0, Number.POSITIVE_INFINITY, 0];
    for (const journey of this.#byId.values()) {
      const { answeredAtMs } = journey;
      if (journey.endpoint !== endpoint || answeredAtMs === undefined) continue;
      if (journey.sentAtMs >= backAtMs || answeredAtMs < backAtMs) continue;
      messages += 1;
      firstMs = Math.min(firstMs, answeredAtMs - backAtMs);
      lastMs = Math.max(lastMs, answeredAtMs - backAtMs);
    }
    return { messages, firstMs: messages === 0 ? 0 : firstMs, lastMs };
  }

  /** Of messages that went to laboratories for which `isMeant` holds. */
  report(isMeant: (endpoint: string) => boolean = () => true): JourneyReport {
    const journeys = [...this.#byId].filter(([, journey]) => isMeant(journey.endpoint));
    const sinceSent = (pick: (journey: Journey) => number | undefined): Summary =>
      summarise(journeys.flatMap(([, journey]) => elapsed(journey, pick(journey)) ?? []));
    const [first] = journeys;
    const startMs = first?.[1].sentAtMs ?? 0;
    const slowest = journeys
      .flatMap(([controlId, journey]): SlowMessage[] => {
        const answeredMs = elapsed(journey, journey.answeredAtMs);
        if (answeredMs === null) return [];
        return [
          {
            controlId,
            endpoint: journey.endpoint,
            atSeconds: (journey.sentAtMs - startMs) / 1000,
            acceptedMs: elapsed(journey, journey.acceptedAtMs),
            receivedMs: elapsed(journey, journey.receivedAtMs),
            answeredMs,
          },
        ];
      })
      .toSorted((a, b) => b.answeredMs - a.answeredMs)
      .slice(0, SLOWEST_MAX);
    return {
      accepted: sinceSent((journey) => journey.acceptedAtMs),
      received: sinceSent((journey) => journey.receivedAtMs),
      answered: sinceSent((journey) => journey.answeredAtMs),
      slowest,
    };
  }

  #isPoison(controlId: string): boolean {
    const key = parseControlId(controlId);
    const ledger = this.#ledger();
    if (key === undefined || ledger === undefined) return false;
    return ledger.neverExpected.has(key) || ledger.refusalExpected.has(key);
  }
}

function elapsed(journey: Journey, atMs: number | undefined): number | null {
  return atMs === undefined ? null : atMs - journey.sentAtMs;
}
