/**
 * The simulated upstream: makes orders at a rate or in bursts, sends them, and keeps the ledger of what was taken from it.
 * What the sender refuses for the moment is offered again first, so the counters stay in order.
 */
import { Ledger } from '../lis/ledger.ts';
import { preciseNow } from '../lis/lis.ts';
import { type GeneratedOrder, OrderGenerator, type OrderOptions } from './orders.ts';
import { type SenderCounts, type SenderOptions, UpstreamSender } from './sender.ts';

export interface UpstreamOptions extends Omit<SenderOptions, 'now'> {
  readonly orders: OrderOptions;
  /** Messages per second over all interfaces; 0: only bursts. */
  readonly ratePerSecond: number;
  /** Which interface is next; default at random. */
  readonly pick?: 'random' | 'inTurn';
  /** Shared with the judge of the laboratory. Default: an own one. */
  readonly ledger?: Ledger;
  readonly now?: () => number;
}

export interface UpstreamStatus extends SenderCounts {
  readonly ratePerSecond: number;
  /** Orders of bursts not yet offered to the sender. */
  readonly burstLeft: number;
  readonly interfaces: number;
}

export interface UpstreamHandle {
  readonly ledger: Ledger;
  status(): UpstreamStatus;
  /** Messages per second; 0 pauses. Throws on a negative one. */
  setRate(ratePerSecond: number): void;
  /** So many more, as fast as they are taken. */
  burst(count: number): void;
  /** The next orders of one interface, now; those the generator does not know are not sent: false. */
  send(interfaceCode: string): GeneratedOrder | undefined;
  /** Resolves when bursts are out and everything offered is settled. */
  drained(): Promise<void>;
  /** Counter of the next order by interface code: `startCounters` of a successor. */
  counters(): Record<string, number>;
  stop(): Promise<void>;
}

const TICK_MS = 10;
/** Orders made in one turn of the event loop: a burst must not hold up settlements. */
const ORDERS_PER_TURN_MAX = 500;
/** A blocked upstream catches up with one second's worth at most. */
const CATCH_UP_S = 1;

/** Starts at once; connects by itself, again and again. */
export function startUpstream(options: UpstreamOptions): UpstreamHandle {
  const now = options.now ?? preciseNow;
  const ledger = options.ledger ?? new Ledger();
  const generator = new OrderGenerator(options.orders);
  let rate = checkedRate(options.ratePerSecond);
  let due = 0;
  let burstLeft = 0;
  let lastMs = now();
  let pending: GeneratedOrder | undefined;
  let turnDue = false;
  let stopped = false;
  let drainWaiters: (() => void)[] = [];

  const sender = new UpstreamSender({
    ...options,
    now,
    onSettled: (event) => {
      if (event.outcome === 'accepted') ledger.acknowledge(event.controlId);
      options.onSettled?.(event);
      if (burstLeft > 0 || pending !== undefined) turnSoon();
      else wakeDrained();
    },
  });

  const wakeDrained = (): void => {
    if (burstLeft > 0 || pending !== undefined || sender.counts().open > 0) return;
    for (const wake of drainWaiters.splice(0)) wake();
  };
  /** False when the sender takes nothing at the moment. */
  const offer = (order: GeneratedOrder): boolean => {
    if (order.poison !== undefined) ledger.poison(order.controlId, order.poison);
    pending = sender.offer(order) ? undefined : order;
    return pending === undefined;
  };
  const turn = (): void => {
    turnDue = false;
    if (stopped) return;
    const atMs = now();
    due = Math.min(due + ((atMs - lastMs) / 1000) * rate, Math.max(rate * CATCH_UP_S, 1));
    lastMs = atMs;
    if (pending !== undefined && !offer(pending)) return;
    for (let made = 0; made < ORDERS_PER_TURN_MAX && (due >= 1 || burstLeft > 0); made += 1) {
      if (due >= 1) due -= 1;
      else burstLeft -= 1;
      if (!offer(generator.next(Math.floor(atMs), options.pick))) return;
    }
    if (burstLeft > 0) turnSoon();
  };
  const turnSoon = (): void => {
    if (turnDue || stopped) return;
    turnDue = true;
    setImmediate(turn);
  };
  const timer = setInterval(turnSoon, TICK_MS);

  return {
    ledger,
    status: () => ({
      ...sender.counts(),
      ratePerSecond: rate,
      burstLeft,
      interfaces: options.orders.interfaces.length,
    }),
    setRate(ratePerSecond) {
      rate = checkedRate(ratePerSecond);
      due = Math.min(due, rate);
    },
    burst(count) {
      burstLeft += Math.max(0, Math.floor(count));
      turnSoon();
    },
    send(interfaceCode) {
      if (stopped || (pending !== undefined && !offer(pending))) return undefined;
      const order = generator.nextFor(interfaceCode, Math.floor(now()));
      if (order !== undefined) offer(order);
      return order;
    },
    drained() {
      if (stopped || (burstLeft === 0 && pending === undefined && sender.counts().open === 0)) return Promise.resolve();
      return new Promise((resolve) => drainWaiters.push(resolve));
    },
    counters: () => generator.counters(),
    async stop() {
      stopped = true;
      clearInterval(timer);
      await sender.stop();
      const waiters = drainWaiters;
      drainWaiters = [];
      for (const wake of waiters) wake();
    },
  };
}

function checkedRate(ratePerSecond: number): number {
  if (!Number.isFinite(ratePerSecond) || ratePerSecond < 0) throw new Error('ratePerSecond must be 0 or more');
  return ratePerSecond;
}
