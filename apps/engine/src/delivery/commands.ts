/**
 * Commands from the console and the CLI. Everyone may ask; only the lane's owner acts, when nothing of the lane is under
 * way, and only if the plan still is what the person saw (G13).
 */
import {
  type Clock,
  type CommandChanges,
  type MessageId,
  type Outcome,
  type Plan,
  type PlanCommand,
  type PlanEffect,
  plan,
  type RefusalCode,
  type SequenceNo,
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
  repairNumbers,
  resumeLane,
  skipNumbers,
  type TouchedNumber,
} from '../adapters/postgres/command-queries.ts';
import { type Database, errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import type { PlanSnapshots } from '../adapters/postgres/plan-snapshots.ts';
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
  /** Sends repaired numbers through the stages again. */
  readonly restage: (ids: readonly MessageId[]) => void;
  /** Reads a lane again that may not know what was carried out in its name. */
  readonly reopen: (lane: Lane) => void;
}

/** How often pending commands are looked for when no wake-up came. */
const POLL_MS = 1000;
const RETRY_MS = 500;

type Carried =
  | { readonly kind: 'DONE'; readonly changes: CommandChanges; readonly repaired: readonly MessageId[] }
  | { readonly kind: 'REFUSED' }
  | { readonly kind: 'LOST' }
  /** It had ended before we came: nothing was done now. */
  | { readonly kind: 'ENDED'; readonly as: string | undefined };

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
    for (let attempt = 1; !lane.isDead; attempt++) {
      try {
        const carried = await this.carryOut(lane, row);
        this.forget(id, lane);
        if (carried.kind === 'LOST' || lane.isDead) return;
        if (carried.kind === 'ENDED' && carried.as === 'DONE' && attempt > 1) {
          // The answer to our own COMMIT was lost: it is done, and the lane does not know what has changed.
          this.options.reopen(lane);
          return;
        }
        const changes = carried.kind === 'DONE' ? carried.changes : { outcomes: [] };
        lane.tell({ kind: 'COMMAND_DONE', changes, nowAt: this.options.clock.wallMs() });
        if (carried.kind === 'DONE' && carried.repaired.length > 0) this.options.restage(carried.repaired);
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

  private forget(id: string, lane: Lane): void {
    if (this.told.get(id)?.lane === lane) this.told.delete(id);
  }

  private async carryOut(lane: Lane, row: CommandRow): Promise<Carried> {
    const command: PlanCommand = {
      kind: row.kind,
      fromSequenceNo: row.from,
      toSequenceNo: row.to,
      resolution: row.resolution,
    };
    const planned = await this.plan(row, command);
    return this.options.database.transaction(async (tx) => {
      if (!(await fence(tx, lane.hold.shard, lane.hold.epoch, this.options.owner))) return { kind: 'LOST' };
      // Read as pending a moment before it ended, or ended by somebody who thought it lost: it has no second effect.
      const status = await lockCommand(tx, row.commandId);
      if (status !== 'PENDING' && status !== 'RUNNING') return { kind: 'ENDED', as: status };
      if (planned === null) return this.refuse(tx, row, 'UNKNOWN_NUMBER', null);
      if (row.planHash !== null && row.planHash !== planned.plan.hash)
        return this.refuse(tx, row, 'PLAN_CHANGED', planned.plan);
      if (planned.plan.refusal !== null) return this.refuse(tx, row, planned.plan.refusal, planned.plan);
      const { changes, result, repaired } = await this.effect(tx, row, planned.plan, planned.paused);
      await endCommand(tx, row.commandId, { status: 'DONE', result });
      return { kind: 'DONE', changes, repaired };
    });
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

  private async effect(
    tx: Queries,
    row: CommandRow,
    planned: Plan,
    paused: boolean,
  ): Promise<{ readonly changes: CommandChanges; readonly result: unknown; readonly repaired: readonly MessageId[] }> {
    const none = { repaired: [] };
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
      case 'RESUME':
        await resumeLane(tx, row.interfaceId, !paused);
        return {
          ...none,
          changes: { outcomes: [], paused: null, release: !paused },
          result: { paused: false, released: !paused },
        };
      case 'RESOLVE_UNKNOWN': {
        const resolution = row.resolution ?? 'SEND_AGAIN';
        return { ...none, changes: { outcomes: [], resolution }, result: { resolution } };
      }
      case 'RESTAGE_FROM':
      case 'STEP':
      case 'RELEASE_UNTIL':
        throw new Error(`${row.kind} was planned although plan() refuses it`);
    }
  }

  private async replay(
    tx: Queries,
    row: CommandRow,
    planned: Plan,
  ): Promise<{ changes: CommandChanges; result: unknown; repaired: readonly MessageId[] }> {
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
