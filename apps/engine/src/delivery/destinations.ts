/** The endpoints of this instance: connectors opened on first use, each with its breaker and what it said last. */
import type {
  CancelSignal,
  Clock,
  DeliveryRequest,
  DeliveryResult,
  DestinationId,
  ErrorCode,
  MessageId,
} from '@inorder/core';
import { errorClass } from '@inorder/core';
import type { Logger } from 'pino';
import type { DestinationSettings, MeasuredDestination } from '../adapters/destination.ts';
import { errorCodeOf } from '../adapters/postgres/database.ts';
import { Breaker } from './breaker.ts';
import type { Incidents } from './incidents.ts';
import type { DeliverySettings } from './settings.ts';

export interface DestinationConfig extends DestinationSettings {
  readonly destinationId: DestinationId;
  readonly name: string;
}

export interface DestinationsOptions<Waiter> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  readonly incidents: Pick<Incidents, 'open' | 'close'>;
  /** undefined = not configured (any more). */
  readonly find: (id: DestinationId) => DestinationConfig | undefined;
  /** Reads the configuration again. @throws where Postgres is away. */
  readonly refresh: () => Promise<void>;
  readonly open: (settings: DestinationSettings) => MeasuredDestination;
  /** Lets a waiter try; false where it has nothing to send to this destination now. */
  readonly wake: (waiter: Waiter, id: DestinationId) => boolean;
}

export class Destinations<Waiter> {
  private readonly options: DestinationsOptions<Waiter>;
  private readonly endpoints = new Map<DestinationId, Endpoint<Waiter>>();

  constructor(options: DestinationsOptions<Waiter>) {
    this.options = options;
  }

  get(id: DestinationId): Endpoint<Waiter> {
    const known = this.endpoints.get(id);
    if (known !== undefined) return known;
    const made = new Endpoint(id, this.options);
    this.endpoints.set(id, made);
    return made;
  }

  name(id: DestinationId): string {
    return this.options.find(id)?.name ?? id;
  }

  /** Every endpoint used so far, for metrics. */
  states(): { readonly name: string; readonly isDown: boolean; readonly connections: number }[] {
    return [...this.endpoints.values()].map((e) => ({
      name: e.name,
      isDown: e.breaker.isOpen,
      connections: e.connections,
    }));
  }

  /** Addresses, credentials and times hold from the next send on. */
  configured(): void {
    for (const endpoint of this.endpoints.values()) endpoint.configured();
  }

  async close(): Promise<void> {
    await Promise.all([...this.endpoints.values()].map((e) => e.close()));
  }
}

export class Endpoint<Waiter> {
  readonly id: DestinationId;
  readonly breaker: Breaker<Waiter>;
  private readonly options: DestinationsOptions<Waiter>;
  private connector: { readonly settings: DestinationSettings; readonly sends: MeasuredDestination } | undefined;
  /** The last answer, and the last one to another message than that. */
  private lastAnswer: { readonly messageId: MessageId; readonly at: number } | undefined;
  private answerBefore: { readonly messageId: MessageId; readonly at: number } | undefined;
  private failedRun: { readonly code: ErrorCode; readonly count: number } | undefined;

  constructor(id: DestinationId, options: DestinationsOptions<Waiter>) {
    this.id = id;
    this.options = options;
    this.breaker = new Breaker<Waiter>({
      clock: options.clock,
      probeMs: options.settings.breakerProbeMs,
      probeMsMax: options.settings.breakerProbeMsMax,
      wake: (waiter) => options.wake(waiter, id),
      onOpen: (code, detail) => options.incidents.open('ENDPOINT_DOWN', 'DESTINATION', this.name, `${code}: ${detail}`),
      onClose: () => options.incidents.close('ENDPOINT_DOWN', 'DESTINATION', this.name),
    });
  }

  get name(): string {
    return this.options.find(this.id)?.name ?? this.id;
  }

  /** Open ones, idle or not. */
  get connections(): number {
    return this.connector?.sends.stats().open ?? 0;
  }

  /**
   * Sends once for a lane and keeps the books. What has not left by settings that were changed meanwhile leaves by the new
   * ones, and says nothing about either endpoint. Never rejects.
   */
  async deliver(
    waiter: Waiter,
    request: DeliveryRequest,
    signal: CancelSignal,
  ): Promise<{ readonly result: DeliveryResult; readonly retryAt: number }> {
    const connector = this.open() ?? (await this.lookAgain());
    if (connector === 'storeAway') {
      this.breaker.leave(waiter);
      const detail = `destination ${this.name} is not known here, and the configuration cannot be read`;
      const result = { ok: false, code: 'STORE_UNAVAILABLE', detail, ackCode: null, response: null } as const;
      return { result, retryAt: this.options.clock.wallMs() };
    }
    if (connector === undefined) {
      const detail = `destination ${this.name} is not configured`;
      const result = { ok: false, code: 'ROUTE_DESTINATION_MISSING', detail, ackCode: null, response: null } as const;
      this.breaker.leave(waiter);
      return { result, retryAt: this.options.clock.wallMs() };
    }
    const result = await connector.deliver(request, signal);
    const unsent = !result.ok && !signal.aborted && errorClass(result.code) === 'endpoint';
    if (unsent && this.connector?.sends !== connector) return this.deliver(waiter, request, signal);
    const retryAt = this.keepBooks(request.messageId, result, signal.aborted);
    if (signal.aborted) this.breaker.leave(waiter);
    else if (!result.ok) this.breaker.unanswered(waiter, result.code, result.detail);
    return { result, retryAt };
  }

  /** When it last answered a message other than this one. */
  lastAnswerToOther(id: MessageId): number | null {
    const last = this.lastAnswer?.messageId === id ? this.answerBefore : this.lastAnswer;
    return last?.at ?? null;
  }

  /** Numbers in a row, over all lanes here, that ended FAILED with this code (G20). */
  failedRunOf(code: ErrorCode): number {
    return this.failedRun?.code === code ? this.failedRun.count : 0;
  }

  countFailed(code: ErrorCode): void {
    this.failedRun = { code, count: this.failedRunOf(code) + 1 };
  }

  forgetFailed(): void {
    this.failedRun = undefined;
  }

  configured(): void {
    if (this.connector === undefined || same(this.options.find(this.id), this.connector.settings)) return;
    const old = this.connector.sends;
    this.connector = undefined;
    this.breaker.changed();
    // The sends under way end as they would have; only then its connections go.
    old
      .close()
      .catch((error: unknown) =>
        this.options.logger.warn({ destination: this.name, error: String(error) }, 'destination closed badly'),
      );
  }

  async close(): Promise<void> {
    this.breaker.close();
    await this.connector?.sends.close();
  }

  private open(): MeasuredDestination | undefined {
    if (this.connector !== undefined) return this.connector.sends;
    const config = this.options.find(this.id);
    if (config === undefined) return undefined;
    this.connector = { settings: config, sends: this.options.open(config) };
    return this.connector.sends;
  }

  /** Nobody is dead-lettered for what this instance has not heard of yet. */
  private async lookAgain(): Promise<MeasuredDestination | 'storeAway' | undefined> {
    try {
      await this.options.refresh();
    } catch (error) {
      this.options.logger.warn({ destination: this.id, code: errorCodeOf(error) }, 'configuration not read yet');
      return 'storeAway';
    }
    return this.open();
  }

  private keepBooks(id: MessageId, result: DeliveryResult, aborted: boolean): number {
    const nowAt = this.options.clock.wallMs();
    if (result.ok || isAnswer(result.code)) {
      if (this.lastAnswer?.messageId !== id) this.answerBefore = this.lastAnswer;
      this.lastAnswer = { messageId: id, at: nowAt };
      if (result.ok) this.failedRun = undefined;
      this.breaker.answered();
      return nowAt;
    }
    // What we aborted ourselves says nothing about the endpoint.
    if (!aborted && errorClass(result.code) === 'endpoint') return this.breaker.failed(result.code, result.detail);
    return nowAt;
  }
}

function same(now: DestinationSettings | undefined, before: DestinationSettings): boolean {
  const written = ({ document, connection }: DestinationSettings) => JSON.stringify([document, connection]);
  return now !== undefined && written(now) === written(before);
}

/** The endpoint spoke to us about this message, whatever it said. */
function isAnswer(code: ErrorCode): boolean {
  const kind = errorClass(code);
  return kind === 'permanent' || kind === 'transient' || code === 'HTTP_AMBIGUOUS';
}
