/**
 * Finds what was lost on the way to a lane (G11, G12): each `reconcileIntervalMs` one small query lists open lanes; heads
 * without news are looked up in one batched read; messages that nobody has in the stages are taken in again.
 */
import {
  type Clock,
  type InterfaceId,
  type MessageId,
  nextSequenceNo,
  type Shard,
  sequenceNo,
  windowGet,
} from '@inorder/core';
import type { Logger } from 'pino';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import { type OpenNumber, readOpenLanes, readOpenNumbers } from '../adapters/postgres/lane-queries.ts';
import type { Incidents } from '../delivery/incidents.ts';
import type { Lane } from '../delivery/lane.ts';
import type { Lanes } from '../delivery/lanes.ts';
import type { DeliverySettings } from '../delivery/settings.ts';

export interface ReconcileOptions {
  readonly database: Database;
  readonly lanes: Pick<Lanes, 'get'>;
  readonly shards: () => readonly Shard[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly incidents: Pick<Incidents, 'open' | 'close'>;
  readonly settings: DeliverySettings;
  /** Offers these messages to the stages, unless somebody has them. Called with the same ones again and again. */
  readonly restage: (ids: readonly MessageId[]) => void;
}

/** Lanes looked up in one read, and numbers of each. */
const LANES_MAX = 500;
const NUMBERS_PER_LANE = 200;
/** Rows of one read: 100,000 took 1.5 s, and a statement that ends at its time-out every time finds nothing, ever. */
const NUMBERS_MAX = 20_000;
/** Lanes up to which every number without an outcome is missed; beyond, where the stages are behind, only the heads are. */
const MISSED_WHOLE_MAX = 50;

export class Reconcile {
  private readonly options: ReconcileOptions;
  /** Since when a head has stood without an outcome, by our monotonic clock. */
  private readonly stuck = new Map<InterfaceId, { readonly head: number; readonly sinceMs: number }>();
  private readonly hinted = new Set<InterfaceId>();
  /** Heads whose payload is not in the store. */
  private readonly missing = new Map<InterfaceId, number>();
  private cancel = (): void => undefined;
  private running: Promise<void> | null = null;
  private stopped = false;
  private at = 0;
  /** For the measure: how many heads were looked up, ever. */
  lookUps = 0;
  /** And how many batch checks that took; a lane past its window asks the same text, so Postgres cannot tell them apart. */
  batchChecks = 0;

  constructor(options: ReconcileOptions) {
    this.options = options;
  }

  start(): void {
    this.schedule(this.options.settings.reconcileIntervalMs);
  }

  /** These lanes have news that we did not see happen: look now. */
  hint(ids: readonly InterfaceId[]): void {
    for (const id of ids) if (this.options.lanes.get(id) !== undefined) this.hinted.add(id);
    if (this.hinted.size > 0 && this.running === null) {
      this.cancel();
      this.tick();
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
  }

  private schedule(ms: number): void {
    if (!this.stopped) this.cancel = this.options.clock.schedule(ms, () => this.tick());
  }

  private tick(): void {
    const { clock, settings } = this.options;
    const due = clock.monotonicMs() >= this.at;
    this.running = (due ? this.round() : this.lookUpAll(this.takeHinted()))
      .catch((error: unknown) => this.options.logger.warn({ code: errorCodeOf(error) }, 'watchdog waits for postgres'))
      .finally(() => {
        this.running = null;
        if (due) this.at = clock.monotonicMs() + settings.reconcileIntervalMs;
        this.schedule(this.hinted.size > 0 ? 0 : Math.max(0, this.at - clock.monotonicMs()));
      });
  }

  private takeHinted(): Lane[] {
    const lanes = [...this.hinted].slice(0, LANES_MAX).flatMap((id) => this.options.lanes.get(id) ?? []);
    for (const lane of lanes) this.hinted.delete(lane.state.interfaceId);
    return lanes;
  }

  private async round(): Promise<void> {
    const { database, lanes, clock, settings } = this.options;
    const open = await readOpenLanes(database, this.options.shards());
    const nowMs = clock.monotonicMs();
    const stale: Lane[] = this.takeHinted();
    const seen = new Set<InterfaceId>();
    for (const { interfaceId, highWater } of open) {
      const lane = lanes.get(interfaceId);
      if (lane === undefined) continue;
      lane.tell({ kind: 'NUMBERED', highWater, nowAt: clock.wallMs() });
      if (!this.headMissing(lane)) continue;
      seen.add(interfaceId);
      const head = nextSequenceNo(lane.state.checkpoint);
      const known = this.stuck.get(interfaceId);
      if (known?.head !== head) this.stuck.set(interfaceId, { head, sinceMs: nowMs });
      else if (nowMs - known.sinceMs >= settings.gapGraceMs) stale.push(lane);
    }
    for (const id of this.stuck.keys()) if (!seen.has(id)) this.stuck.delete(id);
    this.endMissing();
    await this.lookUpAll(stale);
  }

  private async lookUpAll(lanes: readonly Lane[]): Promise<void> {
    for (const part of inReads(lanes)) await this.lookUp(part);
  }

  /** Told until the head is passed, however often the lane has something else to do meanwhile. */
  private endMissing(): void {
    for (const [id, head] of this.missing) {
      const lane = this.options.lanes.get(id);
      if (lane !== undefined && lane.state.checkpoint < head) continue;
      this.missing.delete(id);
      // Another owner tells of it, and ends it, by itself.
      if (lane !== undefined) this.options.incidents.close('PAYLOAD_MISSING', 'INTERFACE', lane.code);
    }
  }

  private headMissing(lane: Lane): boolean {
    const { state } = lane;
    return state.phase.name === 'RESTING' && windowGet(state.window, nextSequenceNo(state.checkpoint)) === undefined;
  }

  /** Ready by its status, and there is nothing to send: the lane waits for a person. Told once while it is the head. */
  private reportMissing(lane: Lane, head: OpenNumber): void {
    if (head.status !== 'PROCESSED' || head.outcome !== undefined) return;
    if (this.missing.get(head.interfaceId) === head.sequenceNo) return;
    this.missing.set(head.interfaceId, head.sequenceNo);
    const detail = `the payload of #${head.sequenceNo} is not in the store; the lane waits`;
    this.options.incidents.open('PAYLOAD_MISSING', 'INTERFACE', lane.code, detail);
  }

  /** The batch check. */
  private async lookUp(lanes: readonly Lane[]): Promise<void> {
    this.lookUps += lanes.length;
    this.batchChecks += 1;
    const { database, clock } = this.options;
    const byId = new Map(lanes.map((lane) => [lane.state.interfaceId, lane]));
    const withKeys = lanes.some((lane) => lane.state.policy.onFailure === 'passWithOrder');
    const numbers = await readOpenNumbers(
      database,
      lanes.map((l) => ({ interfaceId: l.state.interfaceId, after: l.state.checkpoint })),
      NUMBERS_PER_LANE,
      withKeys,
    );
    const orphans: MessageId[] = [];
    for (const [id, found] of Map.groupBy(numbers, (n) => n.interfaceId)) {
      const lane = byId.get(id);
      if (lane === undefined) continue;
      const [head] = found;
      if (head !== undefined) {
        lane.noteReceived(head.sequenceNo, head.receivedAt);
        lane.headSeen = { sequenceNo: head.sequenceNo, status: head.status };
        this.reportMissing(lane, head);
      }
      const last = found.at(-1);
      const full = last !== undefined && found.length === NUMBERS_PER_LANE;
      lane.tell({
        kind: 'OUTCOMES',
        outcomes: found.flatMap((n) =>
          n.outcome === undefined ? [] : [{ sequenceNo: n.sequenceNo, outcome: n.outcome }],
        ),
        ...(full ? { moreFrom: sequenceNo(last.sequenceNo + 1) } : {}),
        nowAt: clock.wallMs(),
      });
      // Of many lanes the heads: they alone keep anybody waiting, and what is behind one has its turn when it is the head.
      for (const n of lanes.length > MISSED_WHOLE_MAX ? found.slice(0, 1) : found)
        if (n.outcome === undefined && inStages(n.status)) orphans.push(n.messageId);
    }
    if (orphans.length > 0) this.options.restage(orphans);
  }
}

/** Lanes cut into reads, by what is open of each as far as we know. */
export function inReads<L extends { readonly state: { readonly checkpoint: number; readonly highWater: number } }>(
  lanes: readonly L[],
): L[][] {
  const reads: L[][] = [];
  let numbers = NUMBERS_MAX;
  for (const lane of lanes) {
    const { checkpoint, highWater } = lane.state;
    const own = Math.max(1, Math.min(NUMBERS_PER_LANE, highWater - checkpoint));
    const read = reads.at(-1);
    if (read === undefined || read.length >= LANES_MAX || numbers + own > NUMBERS_MAX) {
      reads.push([lane]);
      numbers = own;
    } else {
      read.push(lane);
      numbers += own;
    }
  }
  return reads;
}

function inStages(status: string): boolean {
  return status === 'RECEIVED' || status === 'VALIDATED' || status === 'ENRICHED';
}
