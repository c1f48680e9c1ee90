/**
 * What becomes of one message at the simulated laboratory, whatever wire it came on: judged on arrival, its course asked
 * of the switches, taken or refused, told to whoever listens.
 */
import { parseControlId } from '../messages/control-id.ts';
import { type AckCode, type AnswerMark, type ReceivedOrder, readOrder } from '../messages/order-reading.ts';
import type { Judge } from './judge.ts';
import type { Course, Switches } from './switches.ts';

/** What an endpoint has counted since the start or the last reset. */
export interface EndpointCounts {
  received: number;
  taken: number;
  refused: number;
  unreadable: number;
  /** Answers that were handed to the network in full. */
  answered: number;
  /** A message of an interface came while an older one of it waited for its answer on an open connection. */
  overlaps: number;
  connectionsAccepted: number;
}

export const emptyCounts = (): EndpointCounts => ({
  received: 0,
  taken: 0,
  refused: 0,
  unreadable: 0,
  answered: 0,
  overlaps: 0,
  connectionsAccepted: 0,
});

/** One message came in. `atMs` is the reception's clock. */
export interface ReceivedEvent {
  readonly endpoint: string;
  readonly controlId: string;
  readonly atMs: number;
}

/** One answer was handed to the network. */
export interface AnsweredEvent extends ReceivedEvent {
  readonly code: AckCode | undefined;
}

export interface ReceptionOptions {
  readonly judge: Judge;
  readonly switches: Switches;
  /** Milliseconds since 1970; fractions are welcome. */
  readonly now: () => number;
  readonly onReceived?: (event: ReceivedEvent) => void;
  readonly onAnswered?: (event: AnsweredEvent) => void;
}

/** What the endpoint shall do now. */
export interface Handling {
  readonly controlId: string;
  readonly order: ReceivedOrder | undefined;
  readonly course: Course;
  readonly verdict: AnswerMark;
  /** MSA-2 of the answer. */
  readonly answeredId: string;
}

const UNREADABLE: AnswerMark = { code: 'AR', errorCode: '100' };
const ALREADY_THERE: AnswerMark = { code: 'AR', errorCode: '205' };

export class Reception {
  readonly #options: ReceptionOptions;
  /** Interface code → messages whose answer is due on an open connection. */
  readonly #waiting = new Map<string, Set<Handling>>();
  #connections = 0;

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  now(): number {
    return this.#options.now();
  }

  /** Ordinal of a connection just opened. */
  nextConnection(): number {
    this.#connections += 1;
    return this.#connections;
  }

  receive(content: Buffer, endpoint: string, connection: number, counts: EndpointCounts): Handling {
    const { judge, switches, onReceived } = this.#options;
    counts.received += 1;
    const order = readOrder(content);
    const controlId = order?.controlId ?? '';
    if (order === undefined) counts.unreadable += 1;
    const code = parseControlId(controlId)?.code ?? '';
    const known = judge.hasTaken(controlId);
    judge.arrived({ controlId, connection });
    onReceived?.({ endpoint, controlId, atMs: this.now() });

    const course = switches.courseOf({ endpoint, code, controlId });
    const verdict = order === undefined ? UNREADABLE : verdictOf(order, course, known);
    const isPositive = verdict.code === 'AA' || verdict.code === 'CA';
    const takes = isPositive && course.wire?.kind !== 'hang';
    if (takes) judge.taken(controlId);
    counts[takes ? 'taken' : 'refused'] += 1;
    const answeredId = course.answer?.kind === 'wrongId' ? course.answer.controlId : controlId;
    const handling: Handling = { controlId, order, course, verdict, answeredId };
    this.#await(code, handling, counts);
    return handling;
  }

  /** The answer left, or never will: the connection ended. */
  finished(handling: Handling, endpoint: string, counts: EndpointCounts, answered: boolean): void {
    const code = parseControlId(handling.controlId)?.code ?? '';
    const waiting = this.#waiting.get(code);
    waiting?.delete(handling);
    if (waiting?.size === 0) this.#waiting.delete(code);
    if (!answered) return;
    counts.answered += 1;
    const { onAnswered } = this.#options;
    onAnswered?.({ endpoint, controlId: handling.controlId, atMs: this.now(), code: handling.verdict.code });
  }

  #await(code: string, handling: Handling, counts: EndpointCounts): void {
    const waiting = this.#waiting.get(code) ?? new Set();
    if ([...waiting].some((other) => other.controlId !== handling.controlId)) counts.overlaps += 1;
    waiting.add(handling);
    this.#waiting.set(code, waiting);
  }
}

function verdictOf(order: ReceivedOrder, course: Course, known: boolean): AnswerMark {
  const answer = course.answer;
  if (answer?.kind === 'alreadyThere' && known) return ALREADY_THERE;
  if (answer?.kind === 'answer') {
    return answer.errorCode === undefined ? { code: answer.code } : { code: answer.code, errorCode: answer.errorCode };
  }
  return order.mark ?? { code: 'AA' };
}
