/**
 * A whole world around one lane, for tests: Postgres as a map, a destination as a list, an owner that can die at any
 * step. Effects wait in a list until the test carries them out, in whatever order it likes.
 */
import type { ErrorCode } from '../codes.ts';
import type { UnknownResolution } from '../command/plan.ts';
import { commandId, epoch, type InterfaceId, interfaceId, messageId, type SequenceNo, sequenceNo } from '../ids.ts';
import type { MessageStatus, SettledStatus } from '../status.ts';
import { settlementOf } from './command-settles.ts';
import { decide } from './decide.ts';
import { type LaneRecord, openLane } from './open.ts';
import {
  type CommandChanges,
  type Effect,
  type HeadTries,
  type LaneEvent,
  type LanePolicy,
  type LaneState,
  NO_TRIES,
  type Outcome,
  type SettleItem,
} from './state.ts';

export const POLICY: LanePolicy = {
  onFailure: 'pass',
  failurePolicy: 'classes',
  onUnknown: 'resend',
  retries: 3,
  retryDelayMs: [500, 1000, 2000],
  unknownResendsMax: 3,
  passLimit: 20,
  windowEntriesMax: 10_000,
  settleBatchMax: 500,
};

const ID: InterfaceId = interfaceId('01890000-0000-7000-8000-000000000001');
const DESTINATION = '01890000-0000-7000-8000-0000000000dd' as never;

interface Row {
  status: MessageStatus;
  settled: boolean;
  code: ErrorCode | null;
}

export class LaneWorld {
  readonly rows = new Map<number, Row>();
  /** What reached the destination, in order of arrival. */
  readonly arrived: number[] = [];
  readonly deadLettered: number[] = [];
  readonly checkpoints: number[] = [0];
  readonly sends: { n: number; possibleDuplicate: boolean; kind: string }[] = [];
  checkpoint = 0;
  granted = 0;
  highWater = 0;
  endpointSinceAt: number | null = null;
  failedRun = 0;
  failedRunCode: ErrorCode | null = null;
  heldFor: LaneRecord['heldFor'] = null;
  /** What Postgres would say of dead letters that nobody has resolved. */
  failedOrders: ReadonlyMap<string, SequenceNo> = new Map();
  nowAt = 1_000_000;
  epochNo = 1;
  state: LaneState;
  effects: Effect[] = [];
  readonly policy: LanePolicy;

  constructor(policy: Partial<LanePolicy> = {}) {
    this.policy = { ...POLICY, ...policy };
    this.state = this.open(true);
  }

  open(clean: boolean, tries: HeadTries = NO_TRIES, carried?: SettleItem): LaneState {
    const outcomes = [...this.rows]
      .filter(
        ([n, row]) =>
          n > this.checkpoint && n <= this.checkpoint + this.policy.windowEntriesMax && row.status !== 'RECEIVED',
      )
      .sort(([a], [b]) => a - b)
      .map(([n, row]) => ({ sequenceNo: sequenceNo(n), outcome: outcomeOf(n, row) }));
    const more = [...this.rows.keys()].some((n) => n > this.checkpoint + this.policy.windowEntriesMax);
    const record: LaneRecord = {
      interfaceId: ID,
      epoch: epoch(this.epochNo),
      policy: this.policy,
      enabled: true,
      checkpoint: sequenceNo(this.checkpoint),
      granted: sequenceNo(this.granted),
      highWater: sequenceNo(this.highWater),
      failedRun: this.failedRun,
      failedRunCode: this.failedRunCode,
      heldFor: this.heldFor,
      paused: null,
      outcomes,
      more,
      headTries: tries,
      replays: [],
      failedOrders: this.failedOrders,
    };
    const opened = openLane(record, clean, this.nowAt, carried);
    this.effects = [...opened.effects];
    this.state = opened.state;
    return opened.state;
  }

  tell(event: LaneEvent): void {
    const { state, effects } = decide(this.state, event);
    this.state = state;
    this.effects.push(...effects);
  }

  number(): SequenceNo {
    this.highWater += 1;
    this.rows.set(this.highWater, { status: 'RECEIVED', settled: false, code: null });
    this.tell({ kind: 'NUMBERED', highWater: sequenceNo(this.highWater), nowAt: this.nowAt });
    return sequenceNo(this.highWater);
  }

  /** A stage has ended; `heard` = the lane is told at once (else the watchdog will find it). */
  stage(n: number, status: 'PROCESSED' | 'FAILED' | 'FILTERED', code: ErrorCode | null = null, heard = true): void {
    const row = this.rows.get(n);
    if (row === undefined || row.status !== 'RECEIVED') return;
    row.status = status;
    row.code = code;
    if (heard)
      this.tell({
        kind: 'OUTCOMES',
        outcomes: [{ sequenceNo: sequenceNo(n), outcome: outcomeOf(n, row) }],
        nowAt: this.nowAt,
      });
  }

  /** What is told and not true: of a run before a repair, of another database. Postgres knows nothing of it. */
  rumour(n: number, status: 'PROCESSED' | 'FAILED' | 'FILTERED'): void {
    const row: Row = { status, settled: false, code: status === 'FAILED' ? 'ENRICH_CODE_UNKNOWN' : null };
    const outcomes = [{ sequenceNo: sequenceNo(n), outcome: outcomeOf(n, row) }];
    this.tell({ kind: 'OUTCOMES', outcomes, nowAt: this.nowAt });
  }

  /** What the watchdog does: everything above the checkpoint, read again. */
  reconcile(): void {
    const outcomes = [...this.rows]
      .filter(([n, row]) => n > this.checkpoint && row.status !== 'RECEIVED')
      .map(([n, row]) => ({ sequenceNo: sequenceNo(n), outcome: outcomeOf(n, row) }));
    this.tell({ kind: 'OUTCOMES', outcomes, nowAt: this.nowAt });
  }

  take<K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }> | undefined {
    const at = this.effects.findIndex((e) => e.kind === kind);
    if (at < 0) return undefined;
    return this.effects.splice(at, 1)[0] as Extract<Effect, { kind: K }>;
  }

  /** Carries the settlement out as the statement does: compare-and-set, all or the lane is read again. */
  commitSettle(): boolean {
    const effect = this.take('SETTLE');
    if (effect === undefined) return false;
    if (this.apply(effect.item)) this.tell({ kind: 'SETTLED', nowAt: this.nowAt });
    else this.open(false);
    return true;
  }

  apply(item: SettleItem): boolean {
    if (item.expectedCheckpoint !== this.checkpoint) return false;
    for (const change of item.changes) if (this.rows.get(change.sequenceNo)?.status !== change.from) return false;
    for (const change of item.changes) {
      const row = this.rows.get(change.sequenceNo);
      if (row !== undefined) Object.assign(row, { status: change.to, settled: change.settles });
    }
    for (const letter of item.deadLetters) {
      this.deadLettered.push(letter.sequenceNo);
      const row = this.rows.get(letter.sequenceNo);
      if (row !== undefined) row.code = letter.code;
    }
    this.checkpoint = item.checkpoint;
    this.granted = item.grantedThrough;
    this.failedRun = item.failedRun;
    this.failedRunCode = item.failedRunCode;
    this.heldFor = item.heldFor;
    this.checkpoints.push(item.checkpoint);
    return true;
  }

  /**
   * A person's command before a hold, carried out as the owner does it: one transaction. `lives` = the lane hears of it; else
   * its owner dies right after the commit. False: it does not fit the lane as it is.
   */
  act(act: UnknownResolution | 'RELEASE', lives: boolean): boolean {
    const { phase } = this.state;
    if (phase.name !== 'HELD' || (act === 'RELEASE') === (phase.reason === 'UNKNOWN_OUTCOME')) return false;
    const command = { commandId: commandId('01890000-0000-7000-8000-00000000ac70'), kind: 'RESUME' } as const;
    this.tell({ kind: 'COMMAND', command, nowAt: this.nowAt });
    this.take('RUN_COMMAND');
    const item = act === 'SEND_AGAIN' ? null : settlementOf(this.state, act);
    if (act !== 'SEND_AGAIN' && (item === null || !this.apply(item))) {
      this.open(false);
      return false;
    }
    if (act === 'SEND_AGAIN') this.granted = Math.min(this.granted, this.checkpoint);
    this.heldFor = null;
    const what: Partial<CommandChanges> = act === 'SEND_AGAIN' ? { sendAgain: true } : { release: act === 'RELEASE' };
    const changes = { outcomes: [], ...what, ...(item !== null && { settled: item }) };
    if (lives) this.tell({ kind: 'COMMAND_DONE', changes, nowAt: this.nowAt });
    else {
      this.epochNo += 1;
      this.open(false);
    }
    return true;
  }

  /** Takes the send off, if the store holds the bytes of this very order; `arrives` = the destination has read it. */
  transmit(arrives: boolean): number | undefined {
    const effect = this.take('SEND');
    if (effect === undefined) return undefined;
    if (this.rows.get(effect.send.sequenceNo)?.status !== 'PROCESSED') {
      this.open(false);
      return undefined;
    }
    this.sends.push({
      n: effect.send.sequenceNo,
      possibleDuplicate: effect.send.possibleDuplicate,
      kind: effect.send.kind,
    });
    if (arrives) this.arrived.push(effect.send.sequenceNo);
    return effect.send.sequenceNo;
  }

  answer(
    result: 'AA' | ErrorCode,
    extra: Partial<{ lastAnswerAt: number | null; destinationFailedRun: number; retryAt: number }> = {},
  ): void {
    this.tell({
      kind: 'SEND_RESULT',
      result:
        result === 'AA'
          ? { ok: true, byDuplicate: false, ackCode: 'AA', response: null }
          : { ok: false, code: result, detail: 'test', ackCode: null, response: null },
      nowAt: this.nowAt,
      lastAnswerAt: extra.lastAnswerAt ?? null,
      destinationFailedRun: extra.destinationFailedRun ?? 0,
      endpointSinceAt: this.endpointSinceAt,
      retryAt: extra.retryAt ?? this.nowAt + 500,
    });
  }

  grant(): boolean {
    const effect = this.take('GRANT');
    if (effect === undefined) return false;
    this.granted = effect.sequenceNo;
    this.tell({ kind: 'GRANTED', nowAt: this.nowAt });
    return true;
  }

  wait(ms: number): void {
    this.nowAt += ms;
    this.tell({ kind: 'WAKE', nowAt: this.nowAt });
  }

  /** Sends, is answered AA and settles until nothing moves. */
  flow(result: 'AA' | ErrorCode = 'AA'): void {
    for (let i = 0; i < 10_000; i++) {
      if (this.commitSettle() || this.grant() || this.lookUp()) continue;
      if (this.transmit(true) === undefined) return;
      this.answer(result);
    }
    throw new Error('the lane does not come to rest');
  }

  lookUp(): boolean {
    if (this.take('LOOK_UP') === undefined) return false;
    this.reconcile();
    return true;
  }

  statusOf(n: number): SettledStatus | MessageStatus | undefined {
    return this.rows.get(n)?.status;
  }
}

/** A lane with numbers of which no stage has said anything yet. */
export function worldWith(count: number, policy = {}): LaneWorld {
  const world = new LaneWorld(policy);
  for (let i = 0; i < count; i++) world.number();
  return world;
}

function outcomeOf(n: number, row: Row): Outcome {
  const id = messageId(`01890000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`);
  if (row.status === 'PROCESSED') {
    return {
      status: 'PROCESSED',
      order: {
        messageId: id,
        destinationId: DESTINATION,
        controlId: `C${n}`,
        format: 'HL7V2',
        placerKeys: [`order-${n % 3}`],
      },
    };
  }
  return {
    status: row.status as SettledStatus,
    messageId: id,
    recordedAs: row.status,
    code: row.code,
    deadLetter: null,
    placerKeys: [`order-${n % 3}`],
  };
}
