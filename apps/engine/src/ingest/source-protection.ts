/**
 * Whether the broker gives each queue read here to one reader at a time. Order across a change of reader rests on that
 * (G3), and nothing in the messages tells. Asked soon after a queue is open and seldom after that, away from the way of
 * messages: no attach waits for it, one question at a time for each broker, and what cannot be asked is said to be
 * NOT_CHECKED and changes nothing.
 */
import type { Clock, Epoch, InstanceId, ProtectionVerdict, SourceId } from '@inorder/core';
import type { ConnectionDocument } from '@inorder/shared';
import type { Logger } from 'pino';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { storeSourceProtection } from '../adapters/postgres/source-protection-queries.ts';

export type BrokerDocument = Extract<ConnectionDocument, { kind: 'CONNECT' }>;

/** Of one queue: exclusive; shared, and what to set there; or unseen, and why. `checkExclusive` of packages/brokers. */
export type QueueAnswer =
  | { readonly kind: 'exclusive' }
  | { readonly kind: 'shared'; readonly setting: string }
  | { readonly kind: 'unseen'; readonly reason: string };

/** By address. Never rejects; ends soon after `signal`. */
export type AskBroker = (
  broker: BrokerDocument,
  addresses: readonly string[],
  options: { readonly signal: AbortSignal },
) => Promise<ReadonlyMap<string, QueueAnswer>>;

/** A queue that is open here. */
export interface OpenQueue {
  readonly sourceId: SourceId;
  readonly name: string;
  readonly address: string;
  /** Of the source lease. */
  readonly epoch: Epoch;
  readonly connection: { readonly connectionId: string; readonly name: string; readonly document: BrokerDocument };
}

export interface SourceProtectionOptions {
  readonly queries: Queries;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ask: AskBroker;
  /** Queues open here now, under leases of ours. */
  readonly open: () => readonly OpenQueue[];
}

/** Between two looks at what is due; a thousand queues that open together are asked about together. */
const ROUND_MS = 5_000;
/** Until a queue is asked about again. */
const AGAIN_MS = 600_000;
/** The same for one that was attached again, or whose verdict is not stored: a broker that comes and goes is not pestered. */
const SOONER_MS = 60_000;
/** For all queues of one broker; the others are NOT_CHECKED until the next time. */
const BROKER_MS_MAX = 60_000;
const BROKERS_AT_ONCE = 4;
const DETAIL_CHARS_MAX = 500;

interface Known {
  readonly verdict: ProtectionVerdict;
  readonly askedMs: number;
  sooner: boolean;
}

export class SourceProtection {
  readonly #options: SourceProtectionOptions;
  readonly #known = new Map<SourceId, Known>();
  /** Asked about now and still the queues they were; whether they were opened again meanwhile. */
  readonly #asking = new Map<SourceId, { reopened: boolean }>();
  readonly #stopped = new AbortController();
  #round: Promise<void> = Promise.resolve();
  #cancel = (): void => undefined;

  constructor(options: SourceProtectionOptions) {
    this.#options = options;
  }

  /** undefined: nobody here has asked yet. */
  verdictOf(id: SourceId): ProtectionVerdict | undefined {
    return this.#known.get(id)?.verdict;
  }

  start(): void {
    this.#schedule();
  }

  /** The queue is open, for the first time or again: behind the same address may be another queue now. */
  opened(id: SourceId): void {
    const asking = this.#asking.get(id);
    const known = this.#known.get(id);
    if (asking !== undefined) asking.reopened = true;
    else if (known !== undefined) known.sooner = true;
  }

  /** It is no longer read here, or another queue is. */
  forget(id: SourceId): void {
    this.#known.delete(id);
    this.#asking.delete(id);
  }

  /** What is asked now is given up. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#cancel();
    await this.#round;
  }

  #schedule(): void {
    if (this.#stopped.signal.aborted) return;
    this.#cancel = this.#options.clock.schedule(ROUND_MS, () => {
      this.#round = this.#look()
        .catch((error: unknown) => this.#options.logger.error({ err: error }, 'queues not looked at'))
        .finally(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const due = this.#options.open().filter(({ sourceId }) => this.#isDue(sourceId, nowMs));
    const brokers = [...Map.groupBy(due, ({ connection }) => connection.connectionId).values()];
    const worker = async (): Promise<void> => {
      for (let queues = brokers.shift(); queues !== undefined; queues = brokers.shift()) await this.#lookAt(queues);
    };
    await Promise.all(Array.from({ length: BROKERS_AT_ONCE }, worker));
  }

  #isDue(id: SourceId, nowMs: number): boolean {
    const known = this.#known.get(id);
    return known === undefined || nowMs - known.askedMs >= (known.sooner ? SOONER_MS : AGAIN_MS);
  }

  /** Queues of one broker. */
  async #lookAt(queues: readonly OpenQueue[]): Promise<void> {
    const [first] = queues;
    if (first === undefined) return;
    const { clock, ask } = this.#options;
    const askedMs = clock.monotonicMs();
    for (const { sourceId } of queues) this.#asking.set(sourceId, { reopened: false });
    const answers = await ask(first.connection.document, [...new Set(queues.map(({ address }) => address))], {
      signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(BROKER_MS_MAX)]),
    });
    const seen = queues
      .filter(({ sourceId }) => this.#asking.has(sourceId))
      .map((queue) => ({ ...queue, ...verdictOf(answers.get(queue.address)) }));
    if (this.#stopped.signal.aborted || seen.length === 0) return;
    const stored = await this.#store(seen);
    const kept = seen.filter(({ sourceId }) => this.#asking.has(sourceId));
    const news = kept.filter(({ sourceId, verdict }) => this.#known.get(sourceId)?.verdict !== verdict);
    for (const { sourceId, verdict } of kept) {
      const sooner = !stored.has(sourceId) || this.#asking.get(sourceId)?.reopened === true;
      this.#known.set(sourceId, { verdict, askedMs, sooner });
      this.#asking.delete(sourceId);
    }
    this.#tell(news);
  }

  async #store(seen: readonly Seen[]): Promise<ReadonlySet<SourceId>> {
    const { queries, instance, logger } = this.#options;
    try {
      return await storeSourceProtection(queries, instance, seen);
    } catch (error) {
      logger.warn({ code: errorCodeOf(error) }, 'what was seen of queues waits for postgres');
      return new Set();
    }
  }

  /** One line for all queues of a broker with the same news. */
  #tell(news: readonly Seen[]): void {
    const { logger } = this.#options;
    for (const [verdict, queues] of Map.groupBy(news, (each) => each.verdict)) {
      const names = queues.map(({ name }) => name);
      const fields = { connection: queues[0]?.connection.name, sources: names, count: names.length };
      const detail = queues[0]?.detail;
      if (verdict === 'NOT_PROTECTED')
        logger.warn({ ...fields, detail }, 'order not protected against a frozen reader');
      else if (verdict === 'PROTECTED') logger.info(fields, 'order protected against a frozen reader');
      else logger.info({ ...fields, detail }, 'protection against a frozen reader not checked');
    }
  }
}

type Verdict = { readonly verdict: ProtectionVerdict; readonly detail: string };
type Seen = OpenQueue & Verdict;

function verdictOf(answer: QueueAnswer | undefined): Verdict {
  if (answer?.kind === 'exclusive') return { verdict: 'PROTECTED', detail: '' };
  if (answer?.kind === 'shared') return { verdict: 'NOT_PROTECTED', detail: bounded(`Set ${answer.setting}`) };
  return { verdict: 'NOT_CHECKED', detail: bounded(answer?.reason ?? 'The broker did not say') };
}

function bounded(sentence: string): string {
  return sentence.length <= DETAIL_CHARS_MAX ? sentence : `${sentence.slice(0, DETAIL_CHARS_MAX - 1)}…`;
}
