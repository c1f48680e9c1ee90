/** What only the action dialog says: reasons to choose from, and what an act of many commands is about. */
import type { CommandKind, UnknownResolution } from '@inorder/core';
import { type LaneAct, targetOf } from '@inorder/shared';
import type { PlannedCommand } from './planned-command.ts';

/** What a dialog is about; the server's `commandInput`. */
export type ActionCommand = Readonly<LaneAct>;

const REPAIR_REASONS = ['Code table corrected', 'Laboratory system corrected', 'Interface configuration corrected'];

export const KIND_REASONS: Record<CommandKind, readonly string[]> = {
  SKIP: [
    'Duplicate of another order',
    'Cancelled at the ward',
    'Entered by hand at the laboratory',
    'Test message, not an order',
  ],
  REPLAY: [...REPAIR_REASONS, 'Laboratory asks to have it again'],
  PAUSE: ['Planned maintenance at the laboratory', 'Laboratory system misbehaves', 'Looking into a problem'],
  RESUME: ['Maintenance is finished', 'The cause has been corrected', 'Looked into, no fault found'],
  RESOLVE_UNKNOWN: [],
  RESTAGE_FROM: REPAIR_REASONS,
  STEP: ['Trying one order by hand'],
  RELEASE_UNTIL: ['The cause has been corrected'],
};

export const RESOLUTION_REASONS: Record<UnknownResolution, readonly string[]> = {
  ARRIVED: ['Laboratory confirms it arrived'],
  SEND_AGAIN: ['Laboratory confirms it did not arrive'],
  DEAD_LETTER: ['Laboratory cannot tell; entered by hand', 'Order is no longer wanted'],
};

/** A planned command as it is asked for: only one that sends something late can hold its lane. */
export function withHold(
  { command, effects }: Pick<PlannedCommand, 'command' | 'effects'>,
  holdLane: boolean,
): ActionCommand {
  const { holdLane: _, ...rest } = command;
  return holdLane && effects.REPLAY_LATE > 0 ? { ...rest, holdLane } : rest;
}

/** How many messages the commands name; 0 for what is about lanes alone. */
export function messageCount(commands: readonly ActionCommand[]): number {
  return commands.reduce(
    (sum, { fromSequenceNo: from, toSequenceNo: to }) => sum + (from === null || to === null ? 0 : to - from + 1),
    0,
  );
}

/** "37 messages on 4 lanes", "LAB-0042:15", "lane LAB-0042". */
export function scopeWords(commands: readonly ActionCommand[]): string {
  const [only] = commands;
  const lanes = new Set(commands.map((command) => command.interfaceCode)).size;
  const messages = messageCount(commands);
  if (only !== undefined && commands.length === 1 && messages <= 1)
    return messages === 0 ? `lane ${only.interfaceCode}` : targetOf(only);
  if (messages === 0) return `${lanes} lanes`;
  return `${messages.toLocaleString('en')} messages on ${lanes === 1 ? `lane ${only?.interfaceCode}` : `${lanes} lanes`}`;
}

/** The commands without some messages (`LAB-0042:15`): ranges are split around them. */
export function withoutMessages(commands: readonly ActionCommand[], left: ReadonlySet<string>): ActionCommand[] {
  if (left.size === 0) return [...commands];
  return commands.flatMap((command) => {
    const { interfaceCode, fromSequenceNo: from, toSequenceNo: to } = command;
    if (from === null || to === null) return [command];
    const cuts = [...left]
      .filter((name) => name.startsWith(`${interfaceCode}:`))
      .map((name) => Number(name.slice(interfaceCode.length + 1)))
      .filter((number) => number >= from && number <= to)
      .sort((a, b) => a - b);
    const parts: ActionCommand[] = [];
    let next = from;
    for (const cut of [...cuts, to + 1]) {
      if (cut > next) parts.push({ ...command, fromSequenceNo: next, toSequenceNo: cut - 1 });
      next = cut + 1;
    }
    return parts;
  });
}
