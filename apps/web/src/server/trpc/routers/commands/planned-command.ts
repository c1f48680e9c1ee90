import { type ExclusionReason, type Plan, type PlanEffect, type PlanWarning, plan, sequenceNo } from '@inorder/core';
import { readPlanSnapshot } from '@inorder/db';
import { database } from '../../../database.ts';
import { notFound } from '../../errors.ts';
import type { CommandInput } from './command-input.ts';

/** A plan, cut to what a screen can show; the hash is over the whole of it. */
export interface PlannedCommand {
  readonly command: CommandInput;
  readonly hash: string;
  readonly refusal: Plan['refusal'];
  readonly before: Plan['before'];
  readonly effects: Readonly<Record<PlanEffect, number>>;
  readonly excluded: Readonly<Partial<Record<ExclusionReason, number>>>;
  /** The first ones; `effects` counts all. */
  readonly items: Plan['items'];
  readonly warnings: readonly PlanWarning[];
  readonly warningsTotal: number;
}

const ITEMS_SHOWN_MAX = 50;
/** Connections that plans of one request may use at once. */
const PLANS_AT_ONCE = 4;

/** Plans each command over a snapshot of its own, in the order given. */
export async function planCommands(commands: readonly CommandInput[]): Promise<PlannedCommand[]> {
  const planned: PlannedCommand[] = [];
  for (let from = 0; from < commands.length; from += PLANS_AT_ONCE) {
    planned.push(...(await Promise.all(commands.slice(from, from + PLANS_AT_ONCE).map(planCommand))));
  }
  return planned;
}

async function planCommand(command: CommandInput): Promise<PlannedCommand> {
  const asked = {
    kind: command.kind,
    fromSequenceNo: command.fromSequenceNo === null ? null : sequenceNo(command.fromSequenceNo),
    toSequenceNo: command.toSequenceNo === null ? null : sequenceNo(command.toSequenceNo),
    resolution: command.resolution,
  };
  const client = await database().pool.connect();
  try {
    const snapshot = await readPlanSnapshot(client, command.interfaceCode, asked);
    if (snapshot === null) throw notFound(`interface ${command.interfaceCode}`);
    return shown(command, plan(asked, snapshot));
  } finally {
    client.release();
  }
}

function shown(command: CommandInput, made: Plan): PlannedCommand {
  const effects: Record<PlanEffect, number> = { PASS: 0, REPAIR_IN_PLACE: 0, REPLAY_LATE: 0, EXCLUDED: 0 };
  const excluded: Partial<Record<ExclusionReason, number>> = {};
  for (const item of made.items) {
    effects[item.effect] += 1;
    if (item.why !== null) excluded[item.why] = (excluded[item.why] ?? 0) + 1;
  }
  // What matters to patients first: a screen that shows only some must show these.
  const grave = made.warnings.filter((warning) => warning.kind === 'AFTER_CANCEL');
  const other = made.warnings.filter((warning) => warning.kind !== 'AFTER_CANCEL');
  return {
    command,
    hash: made.hash,
    refusal: made.refusal,
    before: made.before,
    effects,
    excluded,
    items: made.items.slice(0, ITEMS_SHOWN_MAX),
    warnings: [...grave, ...other].slice(0, ITEMS_SHOWN_MAX),
    warningsTotal: made.warnings.length,
  };
}
