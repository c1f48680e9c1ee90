/**
 * Synthetic orders: NW, XO and CA on shared placer numbers, each with the upstream's own counter as its control id. The
 * same options and times give the same orders; no clock and no randomness of its own.
 */
import { formatControlId } from '../messages/control-id.ts';
import type { AnswerMark } from '../messages/order-reading.ts';
import { CATALOGUE, UNKNOWN_CODES } from './catalogue.ts';
import { Chance } from './chance.ts';
import { writeFhirOrder } from './fhir-order.ts';
import { type Hl7Dialect, writeHl7Order } from './hl7-order.ts';
import { inventOrderer, inventPatient, type OrderControl, type PlacedOrder } from './order-content.ts';

export type Dialect = Hl7Dialect | 'FHIR';

export interface OrderInterface {
  /** Interface code. */
  readonly code: string;
  /** Absent: one of the four HL7 v2 dialects for each message. */
  readonly dialect?: Dialect;
}

/** Shares of all messages, 0 to 1. */
export interface PoisonShare {
  /** The code table does not know the test. */
  readonly unknownCode?: number;
  /** The laboratory refuses it: the message carries `mark`. */
  readonly nackCode?: number;
  /** Default AE without ERR-3. */
  readonly mark?: AnswerMark;
}

export interface OrderOptions {
  readonly seed: number;
  readonly interfaces: readonly [OrderInterface, ...OrderInterface[]];
  /** Put into every control id, `^[A-Za-z0-9]{1,16}$`: a restarted upstream repeats no id. Default: none. */
  readonly run?: string;
  /** Counter of the next message by interface code; default 1. */
  readonly startCounters?: Readonly<Record<string, number>>;
  readonly poison?: PoisonShare;
}

export interface GeneratedOrder {
  readonly interfaceCode: string;
  readonly controlId: string;
  readonly control: OrderControl;
  readonly placerNumber: string;
  readonly dialect: Dialect;
  readonly poison: 'unknownCode' | 'nackCode' | undefined;
  readonly body: string;
}

interface Desk {
  readonly plan: OrderInterface;
  counter: number;
  /** Orders that may still be changed or cancelled, newest last. */
  readonly open: PlacedOrder[];
}

const DIALECTS: readonly [Hl7Dialect, ...Hl7Dialect[]] = ['ORM-2.3', 'ORM-2.5.1', 'OML-2.5.1', 'OMG-2.5.1'];
/** Open orders kept for each interface: with 25,000 of them this bounds the generator's memory. */
const OPEN_MAX = 4;
const CHANGE_SHARE = 0.15;
const CANCEL_SHARE = 0.1;
const URGENT_SHARE = 0.1;
const COLLECTED_BEFORE_MS_MAX = 3_600_000;
const RUN = /^[A-Za-z0-9]{1,16}$/;

export class OrderGenerator {
  readonly #options: OrderOptions;
  readonly #chance: Chance;
  readonly #desks: Desk[];
  readonly #byCode: ReadonlyMap<string, Desk>;
  #turn = 0;

  /** Throws on a run that no control id can carry. */
  constructor(options: OrderOptions) {
    if (options.run !== undefined && !RUN.test(options.run)) throw new Error('run must be 1 to 16 letters and digits');
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.#desks = options.interfaces.map((plan) => ({
      plan,
      counter: options.startCounters?.[plan.code] ?? 1,
      open: [],
    }));
    this.#byCode = new Map(this.#desks.map((desk) => [desk.plan.code, desk]));
  }

  /** The next order of one interface; undefined if the generator does not know it. */
  nextFor(code: string, atMs: number): GeneratedOrder | undefined {
    const desk = this.#byCode.get(code);
    return desk === undefined ? undefined : this.#write(desk, atMs);
  }

  /** The next order of any interface: at random, or each in turn. */
  next(atMs: number, how: 'random' | 'inTurn' = 'random'): GeneratedOrder {
    const at = how === 'random' ? this.#chance.below(this.#desks.length) : this.#turn++ % this.#desks.length;
    const desk = this.#desks[at];
    if (desk === undefined) throw new Error('the generator was made without interfaces');
    return this.#write(desk, atMs);
  }

  /** Counter of the next message by interface code, to be given to a successor as `startCounters`. */
  counters(): Record<string, number> {
    return Object.fromEntries(this.#desks.map(({ plan, counter }) => [plan.code, counter]));
  }

  #write(desk: Desk, atMs: number): GeneratedOrder {
    const { code } = desk.plan;
    const controlId = formatControlId({ code, run: this.#options.run ?? '', counter: desk.counter });
    desk.counter += 1;
    const { control, placed: known } = this.#choose(desk, atMs);
    const poison = this.#choosePoison();
    const placed = poison === 'unknownCode' ? this.#withUnknownTest(known) : known;
    const dialect = desk.plan.dialect ?? this.#chance.pick(DIALECTS);
    const content = {
      interfaceCode: code,
      controlId,
      control,
      urgent: this.#chance.happens(URGENT_SHARE),
      placed,
      mark: poison === 'nackCode' ? (this.#options.poison?.mark ?? { code: 'AE' as const }) : undefined,
      atMs,
    };
    const body = dialect === 'FHIR' ? writeFhirOrder(content) : writeHl7Order(content, dialect);
    return { interfaceCode: code, controlId, control, placerNumber: placed.placerNumber, dialect, poison, body };
  }

  #choose(desk: Desk, atMs: number): { control: OrderControl; placed: PlacedOrder } {
    const draw = this.#chance.next();
    const at = this.#chance.below(Math.max(desk.open.length, 1));
    const open = desk.open[at];
    if (open !== undefined && draw < CANCEL_SHARE) {
      desk.open.splice(at, 1);
      return { control: 'CA', placed: open };
    }
    if (open !== undefined && draw < CANCEL_SHARE + CHANGE_SHARE) return { control: 'XO', placed: open };
    const run = this.#options.run === undefined ? '' : `-${this.#options.run}`;
    const placed: PlacedOrder = {
      placerNumber: `PL-${desk.plan.code}${run}-${desk.counter - 1}`,
      patient: inventPatient(this.#chance),
      test: this.#chance.pick(CATALOGUE),
      orderer: inventOrderer(this.#chance),
      collectedAtMs: atMs - this.#chance.below(COLLECTED_BEFORE_MS_MAX),
    };
    desk.open.push(placed);
    if (desk.open.length > OPEN_MAX) desk.open.shift();
    return { control: 'NW', placed };
  }

  #choosePoison(): GeneratedOrder['poison'] {
    const { unknownCode = 0, nackCode = 0 } = this.#options.poison ?? {};
    const draw = this.#chance.next();
    if (draw < unknownCode) return 'unknownCode';
    return draw < unknownCode + nackCode ? 'nackCode' : undefined;
  }

  #withUnknownTest(placed: PlacedOrder): PlacedOrder {
    return { ...placed, test: { ...placed.test, code: this.#chance.pick(UNKNOWN_CODES), name: 'New test' } };
  }
}

/** `count` orders; `atMs` gives the instant of the n-th, from 0. */
export function* generateOrders(
  options: OrderOptions,
  count: number,
  atMs: (n: number) => number,
): Generator<GeneratedOrder> {
  const generator = new OrderGenerator(options);
  for (let n = 0; n < count; n += 1) yield generator.next(atMs(n));
}
