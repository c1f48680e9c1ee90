/**
 * Late replays (G14): the message goes through the stages of today and is sent between two heads. Its number, its end and
 * the checkpoint stay as they are. If its bytes differ from what was sent before, it gets a new control id, because a
 * laboratory that knows the old one would answer AA and do nothing.
 */
import {
  type Clock,
  type DeliveryResult,
  type DestinationId,
  type ErrorCode,
  errorClass,
  type MessageId,
  type ReplayOrder,
  retryDelay,
  type SequenceNo,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { Logger } from 'pino';
import { classify, type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import { readFailedOrders } from '../adapters/postgres/lane-queries.ts';
import { keepStaged, type ReplayInput, readReplayInput, recordReplay } from '../adapters/postgres/replay-queries.ts';
import { identify } from '../stages/control-id.ts';
import type { StageOutcome } from '../stages/pipeline.ts';
import type { Destinations } from './destinations.ts';
import type { Lane } from './lane.ts';
import type { DeliverySettings } from './settings.ts';

export interface ReplaysOptions {
  readonly database: Database;
  readonly owner: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  readonly destinations: Destinations<Lane>;
  /** Runs the stages without touching the message's own row. */
  readonly stage: (message: {
    readonly messageId: MessageId;
    readonly interfaceId: Lane['state']['interfaceId'];
    readonly sequenceNo: SequenceNo;
    readonly revision: number;
    readonly format: ReplayInput['format'];
    readonly raw: Uint8Array;
  }) => Promise<StageOutcome>;
  readonly destinationByName: (name: string) => DestinationId | undefined;
}

type Staged = NonNullable<ReplayInput['staged']>;
type Ready =
  | { readonly ok: true; readonly staged: Staged; readonly input: ReplayInput }
  | { readonly ok: false; readonly code: ErrorCode; readonly detail: string };

const RETRY_MS = 500;

export class Replays {
  private readonly options: ReplaysOptions;

  constructor(options: ReplaysOptions) {
    this.options = options;
  }

  /** One try. Never rejects: in the end the lane is told REPLAY_RECORDED, or it is dead. */
  async run(lane: Lane, replay: ReplayOrder): Promise<void> {
    while (!lane.isDead) {
      try {
        const again = await this.tryOnce(lane, replay).catch((error: unknown) => this.refused(lane, replay, error));
        const failedOrders = again === null ? await this.failedOrders(lane) : undefined;
        const nowAt = this.options.clock.wallMs();
        lane.tell({ kind: 'REPLAY_RECORDED', again, ...(failedOrders && { failedOrders }), nowAt });
        return;
      } catch (error) {
        this.options.logger.warn(
          { interface: lane.code, sequenceNo: replay.sequenceNo, code: errorCodeOf(error) },
          'replay waits for postgres',
        );
        if (lane.isDraining) {
          // Nothing of it is out: its next owner runs it.
          const nowAt = this.options.clock.wallMs();
          lane.tell({ kind: 'REPLAY_RECORDED', again: { ...replay, notBeforeAt: nowAt + RETRY_MS }, nowAt });
          return;
        }
        await this.pause();
      }
    }
  }

  /** What still stands of failed orders, now that one of them may have been healed (passWithOrder). */
  private async failedOrders(lane: Lane): Promise<ReadonlyMap<string, SequenceNo> | undefined> {
    const { policy, interfaceId } = lane.state;
    if (policy.onFailure !== 'passWithOrder') return undefined;
    try {
      return (await readFailedOrders(this.options.database, [interfaceId])).get(interfaceId) ?? new Map();
    } catch (error) {
      // The replay is recorded and must not run again for this; the next replay or owner reads it.
      this.options.logger.warn({ interface: lane.code, code: errorCodeOf(error) }, 'failed orders not read');
      return undefined;
    }
  }

  /** What Postgres refuses for its data will not be better next time, and the lane waits (G16). */
  private refused(lane: Lane, replay: ReplayOrder, error: unknown): Promise<null> {
    if (classify(error) !== 'data') throw error;
    const detail = `Postgres refuses the data of this replay (SQLSTATE ${errorCodeOf(error)})`;
    return this.end(lane, replay, 'FAILED', 'STORE_DATA_REFUSED', detail, null);
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      this.options.clock.schedule(RETRY_MS, resolve);
    });
  }

  /** null: it has ended. Otherwise when it is tried again. */
  private async tryOnce(lane: Lane, replay: ReplayOrder): Promise<ReplayOrder | null> {
    const ready = await this.prepare(lane, replay);
    if (lane.isDead) return null;
    if (!ready.ok) return this.end(lane, replay, 'FAILED', ready.code, ready.detail, null);
    const endpoint = this.options.destinations.get(ready.staged.destinationId);
    const blocked = endpoint.breaker.blocks(lane);
    if (blocked !== null) return { ...replay, notBeforeAt: blocked.retryAt };
    const nowMs = this.options.clock.monotonicMs();
    if (!lane.hold.maySend(nowMs, this.options.settings.leaseSendMarginMs))
      return { ...replay, notBeforeAt: this.options.clock.wallMs() + RETRY_MS };
    const request = {
      interfaceId: lane.state.interfaceId,
      interfaceCode: lane.code,
      sequenceNo: replay.sequenceNo,
      messageId: replay.messageId,
      epoch: lane.hold.epoch,
      attempt: ready.input.attemptsBefore + 1,
      possibleDuplicate: replay.attempts > 0 || ready.staged.controlId === ready.input.controlId,
      replayId: replay.replayId,
      controlId: ready.staged.controlId,
      format: ready.input.format,
      payload: ready.staged.payload,
    };
    const signal = lane.hold.sendSignal(this.options.clock, this.options.settings.leaseSendMarginMs);
    const { result, retryAt } = await endpoint.deliver(lane, request, signal);
    const attempt = {
      attemptId: uuidv7(),
      attemptNo: request.attempt,
      outcome: outcomeOf(result),
      ackCode: result.ackCode,
      request: request.payload,
      response: result.response,
      durationMs: Math.round(this.options.clock.monotonicMs() - nowMs),
    };
    return this.judge(lane, replay, result, retryAt, attempt);
  }

  private async judge(
    lane: Lane,
    replay: ReplayOrder,
    result: DeliveryResult,
    retryAt: number,
    attempt: NonNullable<Parameters<typeof recordReplay>[1]['attempt']>,
  ): Promise<ReplayOrder | null> {
    if (result.ok) return this.end(lane, replay, 'DELIVERED', null, null, attempt);
    const kind = errorClass(result.code);
    if (kind === 'endpoint' || kind === 'infrastructure')
      return { ...replay, notBeforeAt: Math.max(retryAt, this.options.clock.wallMs() + RETRY_MS) };
    const { policy } = lane.state;
    if (kind === 'permanent' || replay.attempts >= policy.retries)
      return this.end(lane, replay, 'FAILED', result.code, result.detail, attempt);
    await this.record(lane, replay, 'RUNNING', result.code, result.detail, attempt);
    return {
      ...replay,
      attempts: replay.attempts + 1,
      notBeforeAt: this.options.clock.wallMs() + retryDelay(policy, replay.attempts),
    };
  }

  private async prepare(lane: Lane, replay: ReplayOrder): Promise<Ready> {
    const input = await readReplayInput(this.options.database, replay.replayId);
    if (input === undefined) return { ok: false, code: 'STORE_DATA_REFUSED', detail: 'the payload is no longer kept' };
    if (input.staged !== null) return { ok: true, staged: input.staged, input };
    const outcome = await this.options.stage({
      messageId: replay.messageId,
      interfaceId: lane.state.interfaceId,
      sequenceNo: replay.sequenceNo,
      revision: input.revision,
      format: input.format,
      raw: input.raw,
    });
    if (outcome.kind === 'FAILED') return { ok: false, code: outcome.fault.code, detail: outcome.fault.detail };
    if (outcome.kind === 'FILTERED')
      return { ok: false, code: 'ROUTE_NONE', detail: `the filter rule ${outcome.rule} wants nothing of it now` };
    const destinationId = this.options.destinationByName(outcome.destination);
    if (destinationId === undefined)
      return {
        ok: false,
        code: 'ROUTE_DESTINATION_MISSING',
        detail: `destination ${outcome.destination} is not configured`,
      };
    const before =
      input.wasSent && input.controlId !== null ? { payload: input.sent, controlId: input.controlId } : null;
    const now = { payload: outcome.processed ?? input.raw, controlId: outcome.controlId };
    const staged = { ...identify(input.format, now, before, replay.replayId), destinationId };
    if (!(await keepStaged(this.options.database, replay.replayId, staged)))
      throw new Error('the replay was staged before: what was kept then is read again');
    return { ok: true, staged, input };
  }

  private async end(
    lane: Lane,
    replay: ReplayOrder,
    state: 'DELIVERED' | 'FAILED',
    code: ErrorCode | null,
    detail: string | null,
    attempt: Parameters<typeof recordReplay>[1]['attempt'],
  ): Promise<null> {
    await this.record(lane, replay, state, code, detail, attempt);
    return null;
  }

  private async record(
    lane: Lane,
    replay: ReplayOrder,
    state: 'RUNNING' | 'DELIVERED' | 'FAILED',
    code: ErrorCode | null,
    detail: string | null,
    attempt: Parameters<typeof recordReplay>[1]['attempt'],
  ): Promise<void> {
    const { shard, epoch } = lane.hold;
    const { database, owner, logger } = this.options;
    const record = { shard, epoch, owner, replayId: replay.replayId, state, code, detail, attempt };
    // Only the record is repeated: the message has been sent, and the laboratory must not get it again for our sake.
    while (!lane.isDead) {
      try {
        if (!(await recordReplay(database, record))) lane.end();
        return;
      } catch (error) {
        const { sequenceNo } = replay;
        logger.warn({ interface: lane.code, sequenceNo, code: errorCodeOf(error) }, 'replay not recorded yet');
        await this.pause();
      }
    }
  }
}

function outcomeOf(result: DeliveryResult): string {
  if (result.ok) return result.byDuplicate ? 'CONFIRMED_BY_DUPLICATE' : 'ACKED';
  const kind = errorClass(result.code);
  return kind === 'endpoint' || kind === 'infrastructure'
    ? 'ENDPOINT_FAILED'
    : kind === 'ambiguous'
      ? 'UNKNOWN'
      : 'NACKED';
}
