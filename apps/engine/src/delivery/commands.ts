/**
 * Commands from the console and the CLI. Everyone may ask; only the lane's owner acts, when nothing of the lane is under
 * way, and only if the plan still is what the person saw (G13).
 */
import {
  type Clock,
  type CommandChanges,
  type DestinationId,
  heldBefore,
  type MessageId,
  type Outcome,
  type Plan,
  type PlanCommand,
  type PlanEffect,
  plan,
  type RefusalCode,
  type SequenceNo,
  type SettleItem,
  type SettlingAct,
  settlementOf,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { Logger } from 'pino';
import {
  type CommandRow,
  endCommand,
  fence,
  insertReplays,
  lockCommand,
  pauseLane,
  readPendingCommands,
  releaseLane,
  repairNumbers,
  resumeLane,
  sendHeadAgain,
  skipNumbers,
  type TouchedNumber,
} from '../adapters/postgres/command-queries.ts';
import { type Database, errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import type { PlanSnapshots } from '../adapters/postgres/plan-snapshots.ts';
import { identified, settle } from '../adapters/postgres/settle-queries.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { DeliverySettings } from './settings.ts';

export interface CommandsOptions {
  readonly database: Database;
  readonly snapshots: PlanSnapshots;
  readonly owner: string;
  readonly lanes: Pick<Lanes, 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  /** Was committed with a command. */
  readonly settled: (item: SettleItem) => void;
  /** A person lets a lane go on in spite of what this destination refused: its run of failures begins again (G20). */
  readonly freed: (id: DestinationId) => void;
  /** Sends repaired numbers through the stages again. */
  readonly restage: (ids: readonly MessageId[]) => void;
  /** Reads a lane again that is not what Postgres says. */
  readonly reopen: (lane: Lane) => void;
}

/** How often pending commands are looked for when no wake-up came. */
const POLL_MS = 1000;
const RETRY_MS = 500;

interface Effect {
  readonly changes: CommandChanges;
  readonly result: unknown;
  readonly repaired: readonly MessageId[];
  /** Where the number failed that the lane held before. */
  readonly freed: DestinationId | null;
}
type Done = { readonly kind: 'DONE' } & Effect;
type Carried =
  | Done
  | { readonly kind: 'REFUSED' }
  | { readonly kind: 'LOST' }
  /** The lane is not what Postgres says: nothing was done, and its successor is told of the command. */
  | { readonly kind: 'REREAD' }
  /** It had ended before we came: nothing was done now. */
  | { readonly kind: 'ENDED' };

/** Rolls the command's transaction back. */
class NotAsKnown extends Error {}

export class Commands {
  private readonly options: CommandsOptions;
  /** What was told to a lane and has not ended. A lane that dies takes its queue along: its successor is told again. */
  private readonly told = new Map<string, { readonly row: CommandRow; readonly lane: Lane }>();
  private looking: Promise<void> | null = null;
  private again = false;
  private cancelPoll = (): void => undefined;
  private stopped = false;

  constructor(options: CommandsOptions) {
    this.options = options;
  }

  start(): void {
    this.wake();
  }

  /** Somebody asked for something: look now. */
  wake(): void {
    if (this.stopped) return;
    if (this.looking !== null) {
      this.again = true;
      return;
    }
    this.cancelPoll();
    this.looking = this.look()
      .catch((error: unknown) => this.options.logger.warn({ code: errorCodeOf(error) }, 'commands not read'))
      .finally(() => {
        this.looking = null;
        if (this.again) {
          this.again = false;
          this.wake();
        } else if (!this.stopped) {
          this.cancelPoll = this.options.clock.schedule(POLL_MS, () => this.wake());
        }
      });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelPoll();
    await this.looking;
  }

  private async look(): Promise<void> {
    const rows = await readPendingCommands(this.options.database, this.options.settings.commandExpiryMs);
    for (const [id, { lane }] of this.told) if (lane.isDead) this.told.delete(id);
    for (const row of rows) {
      const lane = this.options.lanes.get(row.interfaceId);
      if (lane === undefined) {
        // Not ours: its owner will. Where there is none for a whole minute, the person is told so.
        if (row.expired)
          await endCommand(this.options.database, row.commandId, {
            status: 'EXPIRED',
            result: { why: 'no engine instance owned the lane in time' },
          });
        continue;
      }
      if (this.told.get(row.commandId)?.lane === lane) continue;
      if (row.expired) {
        await endCommand(this.options.database, row.commandId, {
          status: 'EXPIRED',
          result: { why: 'the lane did not come to a boundary in time' },
        });
        continue;
      }
      this.told.set(row.commandId, { row, lane });
      lane.tell({
        kind: 'COMMAND',
        command: { commandId: row.commandId, kind: row.kind },
        nowAt: this.options.clock.wallMs(),
      });
    }
  }

  /** The lane has come to a boundary: carry the command out. Never rejects; Postgres being away only delays it. */
  async run(lane: Lane, id: string): Promise<void> {
    const known = this.told.get(id);
    if (known?.lane !== lane) {
      lane.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [] }, nowAt: this.options.clock.wallMs() });
      return;
    }
    const { row } = known;
    const tried: { last?: Done } = {};
    while (!lane.isDead) {
      try {
        const carried = await this.carryOut(lane, row, tried);
        this.forget(id, lane);
        if (carried.kind === 'LOST' || lane.isDead) return;
        if (carried.kind === 'REREAD') return this.options.reopen(lane);
        if (carried.kind === 'DONE') this.tellDone(lane, carried);
        else lane.tell({ kind: 'COMMAND_DONE', changes: { outcomes: [] }, nowAt: this.options.clock.wallMs() });
        return;
      } catch (error) {
        this.options.logger.warn(
          { interface: lane.code, command: row.kind, code: errorCodeOf(error) },
          'command not carried out yet',
        );
        await new Promise<void>((resolve) => {
          this.options.clock.schedule(RETRY_MS, resolve);
        });
      }
    }
    this.forget(id, lane);
  }

  private tellDone(lane: Lane, { changes, repaired, freed }: Done): void {
    if (changes.settled !== undefined) this.options.settled(changes.settled);
    if (freed !== null) this.options.freed(freed);
    lane.tell({ kind: 'COMMAND_DONE', changes, nowAt: this.options.clock.wallMs() });
    if (repaired.length > 0) this.options.restage(repaired);
  }

  private forget(id: string, lane: Lane): void {
    if (this.told.get(id)?.lane === lane) this.told.delete(id);
  }

  /** `tried`: what the try before did. It stands where only the answer to its COMMIT was lost. */
  private async carryOut(lane: Lane, row: CommandRow, tried: { last?: Done }): Promise<Carried> {
    const command: PlanCommand = {
      kind: row.kind,
      fromSequenceNo: row.from,
      toSequenceNo: row.to,
      resolution: row.resolution,
    };
    const planned = await this.plan(row, command);
    const work = async (tx: Queries): Promise<Carried> => {
      if (!(await fence(tx, lane.hold.shard, lane.hold.epoch, this.options.owner))) return { kind: 'LOST' };
      const status = await lockCommand(tx, row.commandId);
      // Nobody but the lane's owner ends a command as DONE: this lane, the last time.
      if (status === 'DONE' && tried.last !== undefined) return tried.last;
      // Read as pending a moment before it ended, or ended by somebody who thought it lost: it has no second effect.
      if (status !== 'PENDING' && status !== 'RUNNING') return { kind: 'ENDED' };
      if (planned === null) return this.refuse(tx, row, 'UNKNOWN_NUMBER', null);
      if (row.planHash !== null && row.planHash !== planned.plan.hash)
        return this.refuse(tx, row, 'PLAN_CHANGED', planned.plan);
      if (planned.plan.refusal !== null) return this.refuse(tx, row, planned.plan.refusal, planned.plan);
      if (row.kind === 'RESOLVE_UNKNOWN' && heldBefore(lane.state) !== 'UNKNOWN_OUTCOME')
        return this.refuse(tx, row, 'NO_UNKNOWN_OUTCOME', planned.plan);
      const effect = await this.effect(tx, lane, row, planned.plan, planned.paused);
      await endCommand(tx, row.commandId, { status: 'DONE', result: effect.result });
      tried.last = { kind: 'DONE', ...effect };
      return tried.last;
    };
    try {
      return await this.options.database.transaction(work);
    } catch (error) {
      if (error instanceof NotAsKnown) return { kind: 'REREAD' };
      throw error;
    }
  }

  private async plan(
    row: CommandRow,
    command: PlanCommand,
  ): Promise<{ readonly plan: Plan; readonly paused: boolean } | null> {
    const snapshot = await this.options.snapshots.read(row.code, command);
    return snapshot === null ? null : { plan: plan(command, snapshot), paused: snapshot.paused };
  }

  private async refuse(tx: Queries, row: CommandRow, code: RefusalCode, now: Plan | null): Promise<Carried> {
    await endCommand(tx, row.commandId, { status: 'REFUSED', code, result: now });
    return { kind: 'REFUSED' };
  }

  private async effect(tx: Queries, lane: Lane, row: CommandRow, planned: Plan, paused: boolean): Promise<Effect> {
    const none = { repaired: [], freed: null };
    switch (row.kind) {
      case 'SKIP': {
        const skipped = await skipNumbers(tx, row.interfaceId, numbersOf(planned, 'PASS'));
        return {
          ...none,
          changes: { outcomes: skipped.map((n) => ({ sequenceNo: n.sequenceNo, outcome: skippedOutcome(n) })) },
          result: { skipped: skipped.map((n) => n.sequenceNo) },
        };
      }
      case 'REPLAY':
        return this.replay(tx, row, planned);
      case 'PAUSE':
        await pauseLane(tx, row.interfaceId, row.actor);
        return {
          ...none,
          changes: { outcomes: [], paused: { by: row.actor, sinceAt: this.options.clock.wallMs() } },
          result: { paused: true },
        };
      case 'RESUME': {
        if (!paused) return this.release(tx, lane, row);
        await resumeLane(tx, row.interfaceId);
        return { ...none, changes: { outcomes: [], paused: null }, result: { paused: false, released: false } };
      }
      case 'RESOLVE_UNKNOWN': {
        const resolution = row.resolution ?? 'SEND_AGAIN';
        if (resolution === 'SEND_AGAIN') {
          await sendHeadAgain(tx, row.interfaceId);
          return { ...none, changes: { outcomes: [], sendAgain: true }, result: { resolution } };
        }
        const settled = await this.settle(tx, lane, resolution);
        if (settled === null) throw new NotAsKnown();
        return { ...none, changes: { outcomes: [], settled }, result: { resolution } };
      }
      case 'RESTAGE_FROM':
      case 'STEP':
      case 'RELEASE_UNTIL':
        throw new Error(`${row.kind} was planned although plan() refuses it`);
    }
  }

  /** A hold for failures passes the number it held before; one for anything else only ends. */
  private async release(tx: Queries, lane: Lane, row: CommandRow): Promise<Effect> {
    const restored = heldBefore(lane.state) === 'RESTORED';
    const failedAt = await releaseLane(tx, row.interfaceId);
    const settled = await this.settle(tx, lane, 'RELEASE');
    const changes = { outcomes: [], release: true, ...(settled !== null && { settled }) };
    return { repaired: [], freed: restored ? null : failedAt, changes, result: { paused: false, released: true } };
  }

  /** Settles the head that is held, by the one statement that moves checkpoints. null: nothing to settle by this act. */
  private async settle(tx: Queries, lane: Lane, act: SettlingAct): Promise<SettleItem | null> {
    const item = settlementOf(lane.state, act);
    if (item === null) return null;
    const { shard, epoch } = lane.hold;
    const { interfaceId } = item;
    const entry = { shard, epoch, interfaceId, item, attempts: identified(item.attempts) };
    const { lanes } = await settle(tx, this.options.owner, [entry]);
    if (!lanes.has(interfaceId)) throw new NotAsKnown();
    return item;
  }

  private async replay(tx: Queries, row: CommandRow, planned: Plan): Promise<Effect> {
    const repaired = await repairNumbers(tx, row.interfaceId, numbersOf(planned, 'REPAIR_IN_PLACE'));
    const wanted = numbersOf(planned, 'REPLAY_LATE').map((n) => ({ replayId: uuidv7(), sequenceNo: n }));
    const late = wanted.length === 0 ? [] : await insertReplays(tx, row, wanted);
    return {
      changes: {
        outcomes: repaired.map((n) => ({ sequenceNo: n.sequenceNo, outcome: undefined })),
        replays: late.map((r) => ({
          replayId: r.replayId,
          sequenceNo: r.sequenceNo,
          messageId: r.messageId,
          attempts: 0,
          notBeforeAt: 0,
          holdLane: row.holdLane,
        })),
      },
      result: {
        repaired: repaired.map((n) => n.sequenceNo),
        replays: late.map((r) => ({ replayId: r.replayId, sequenceNo: r.sequenceNo })),
      },
      repaired: repaired.map((n) => n.messageId),
      freed: null,
    };
  }
}

function numbersOf(planned: Plan, effect: PlanEffect): SequenceNo[] {
  return planned.items.filter((i) => i.effect === effect).map((i) => i.sequenceNo);
}

function skippedOutcome(n: TouchedNumber): Outcome {
  return {
    status: 'SKIPPED',
    messageId: n.messageId,
    recordedAs: 'SKIPPED',
    code: null,
    deadLetter: null,
    placerKeys: [],
  };
}
