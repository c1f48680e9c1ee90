/**
 * An act on a lane from the command line: dry run, agreement, request, and the owner's answer (G13). The plan that was
 * agreed to is handed in with its hash; when the lane has changed meanwhile nothing is done.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PlanEffect } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import {
  type ActProgress,
  actProgressSchema,
  doneWords,
  effectWords,
  exclusionWords,
  HOLD_LANE_WORDS,
  type LaneAct,
  meansOf,
  notDoneWords,
  type PlannedAct,
  plannedActSchema,
  refusalWords,
  requestedActsSchema,
  targetOf,
  warningWords,
} from '@inorder/shared';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { CommandFailure, EXIT } from '../exit.ts';
import { agree } from './agree.ts';
import { type ConsoleClient, openConsole } from './client.ts';

export interface ActOptions {
  readonly reason?: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** Owners refuse what they could not do within `commandExpiryMs` (60 s). */
const RESULT_TIMEOUT_MS = 75_000;
const POLL_MS = 150;

/** The options that every act has. */
export function actOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'why, for the audit (at least 10 characters)')
    .option('--dry-run', 'only show what it would do', false)
    .option('-y, --yes', 'do not ask', false)
    .option('--json', 'for programs: plan and result', false);
}

export async function act(acts: readonly LaneAct[], options: ActOptions): Promise<void> {
  if (!options.dryRun && options.reason === undefined)
    throw new CommandFailure(EXIT.wrongUse, 'give a --reason for the audit (or --dry-run to only look)');
  const console = openConsole();
  const plans = await console.mutation('commands.plan', { commands: acts }, z.array(plannedActSchema));
  const say = (line: string): void => void process.stdout.write(options.json ? '' : `${line}\n`);
  for (const plan of plans) sayPlan(plan, say);
  const print = (rest: object): void => {
    if (options.json) process.stdout.write(`${JSON.stringify({ plans, ...rest })}\n`);
  };
  const refused = plans.find((plan) => plan.refusal !== null);
  if (refused?.refusal) {
    print({ done: false });
    throw new CommandFailure(EXIT.refused, `${targetOf(refused.command)}: ${refusalWords(refused.refusal)}`);
  }
  if (options.dryRun || options.reason === undefined) {
    say(pc.dim('dry run: nothing was done'));
    return print({ done: false });
  }
  if (!options.yes) await agree(options.json);
  const commands = await request(console, plans, options.reason);
  const ended = await waitForOwners(console, commands);
  for (const [index, command] of ended.entries()) {
    const what = acts[index];
    if (what !== undefined && command.status === 'DONE') say(`${pc.green('✓')} ${doneWords(what, command.result)}`);
  }
  print({ done: ended.every((command) => command.status === 'DONE'), commands: ended });
  const failed = ended.find((command) => command.status !== 'DONE');
  if (failed !== undefined) throw endOf(failed);
}

function sayPlan(plan: PlannedAct, say: (line: string) => void): void {
  const { command, before, warnings, warningsTotal } = plan;
  const lane = `checkpoint ${before.checkpoint}, highest ${before.highWater}${before.paused ? ', paused' : ''}${
    before.heldFor === null ? '' : `, holding (${before.heldFor})`
  }`;
  say(`${pc.bold(`${command.kind.toLowerCase().replace('_', ' ')} ${targetOf(command)}`)} ${pc.dim(lane)}`);
  if (plan.refusal !== null) return;
  for (const line of effectLines(plan)) say(`  ${line}`);
  for (const warning of warnings) {
    const { text, grave } = warningWords(command.interfaceCode, warning);
    say(grave ? `  ${pc.red(`DANGER: ${text}`)}` : `  ${pc.yellow(`warning: ${text}`)}`);
  }
  if (warningsTotal > warnings.length) say(pc.yellow(`  … and ${warningsTotal - warnings.length} more warnings`));
}

const EFFECTS: readonly PlanEffect[] = ['PASS', 'REPAIR_IN_PLACE', 'REPLAY_LATE', 'EXCLUDED'];

/** What a plan will do, a line each. */
export function effectLines({
  command,
  effects,
  excluded,
}: Pick<PlannedAct, 'command' | 'effects' | 'excluded'>): string[] {
  if (command.fromSequenceNo === null) return [meansOf(command)];
  const lines = EFFECTS.flatMap((effect) => {
    const count = effects[effect] ?? 0;
    const why = effect === 'EXCLUDED' ? ` (${exclusionWords(excluded)})` : '';
    return count === 0 ? [] : [`${count} will be ${effectWords(effect, count)}${why}`];
  });
  const holds = command.holdLane === true && (effects['REPLAY_LATE'] ?? 0) > 0;
  return holds ? [...lines, HOLD_LANE_WORDS.means] : lines;
}

async function request(console: ConsoleClient, plans: readonly PlannedAct[], reason: string): Promise<ActProgress[]> {
  const commands = plans.map(({ command, hash }) => ({ ...command, commandId: uuidv7(), planHash: hash }));
  const answer = await console.mutation('commands.request', { reason, commands }, requestedActsSchema);
  if (!answer.ok) throw new CommandFailure(EXIT.refused, refusalWords('PLAN_CHANGED'));
  const byId = new Map(answer.commands.map((command) => [command.commandId, command]));
  return commands.flatMap(({ commandId }) => byId.get(commandId) ?? []);
}

async function waitForOwners(console: ConsoleClient, commands: readonly ActProgress[]): Promise<ActProgress[]> {
  const commandIds = commands.map((command) => command.commandId);
  const deadline = performance.now() + RESULT_TIMEOUT_MS;
  for (;;) {
    const now = await console.mutation('commands.get', { commandIds }, z.array(actProgressSchema));
    const open = now.filter((command) => command.status === 'PENDING' || command.status === 'RUNNING');
    if (open.length === 0) return commandIds.flatMap((id) => now.find((command) => command.commandId === id) ?? []);
    if (performance.now() > deadline)
      throw new CommandFailure(
        EXIT.failed,
        `no answer from the lane's owner yet; the command stands (${commandIds[0]})`,
      );
    await delay(POLL_MS);
  }
}

function endOf(command: ActProgress): CommandFailure {
  const failed = command.status === 'EXPIRED' || command.refusalCode === 'REPLAY_FAILED';
  return new CommandFailure(failed ? EXIT.failed : EXIT.refused, `${targetOf(command)}: ${notDoneWords(command)}`);
}
