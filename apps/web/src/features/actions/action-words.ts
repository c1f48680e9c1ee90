/** What the one action dialog says: every code of a plan and of a refusal in the words of an analyst. */
import type {
  CommandKind,
  ExclusionReason,
  PlanEffect,
  PlanWarning,
  RefusalCode,
  UnknownResolution,
} from '@inorder/core';

/** What a dialog is about; the server's `commandInput`. */
export interface ActionCommand {
  readonly kind: CommandKind;
  readonly interfaceCode: string;
  readonly fromSequenceNo: number | null;
  readonly toSequenceNo: number | null;
  readonly resolution: UnknownResolution | null;
}

interface KindWords {
  /** On buttons: "Replay". */
  readonly verb: string;
  /** What it means, under the title. */
  readonly means: string;
  readonly reasons: readonly string[];
}

const REPAIR_REASONS = ['Code table corrected', 'Laboratory system corrected', 'Interface configuration corrected'];

export const KIND_WORDS: Record<CommandKind, KindWords> = {
  SKIP: {
    verb: 'Skip',
    means:
      'The lane passes these numbers without delivering them. Once carried out it is final; the way back is a replay.',
    reasons: [
      'Duplicate of another order',
      'Cancelled at the ward',
      'Entered by hand at the laboratory',
      'Test message, not an order',
    ],
  },
  REPLAY: {
    verb: 'Replay',
    means:
      'The stages run again under the same number. What the lane has not passed keeps its turn; what it has passed is sent late.',
    reasons: [...REPAIR_REASONS, 'Laboratory asks to have it again'],
  },
  PAUSE: {
    verb: 'Pause',
    means: 'The lane sends nothing more until it is resumed. Orders are taken in, numbered and prepared all the same.',
    reasons: ['Planned maintenance at the laboratory', 'Laboratory system misbehaves', 'Looking into a problem'],
  },
  RESUME: {
    verb: 'Resume',
    means: 'The lane goes on with the next number in its order.',
    reasons: ['Maintenance is finished', 'The cause has been corrected', 'Looked into, no fault found'],
  },
  RESOLVE_UNKNOWN: {
    verb: 'Resolve',
    means: 'Someone has found out what became of the message that was sent and never answered.',
    reasons: [],
  },
  RESTAGE_FROM: {
    verb: 'Restage',
    means: 'Numbers that are not sent yet go through the newest configuration.',
    reasons: REPAIR_REASONS,
  },
  STEP: {
    verb: 'Send one',
    means: 'The paused lane sends its next number and pauses again.',
    reasons: ['Trying one order by hand'],
  },
  RELEASE_UNTIL: {
    verb: 'Release',
    means: 'The held lane goes on up to a number.',
    reasons: ['The cause has been corrected'],
  },
};

export const RESOLUTION_WORDS: Record<UnknownResolution, string> = {
  ARRIVED: 'it arrived: settle it as delivered',
  SEND_AGAIN: 'it did not arrive: send the same bytes again',
  DEAD_LETTER: 'give it up: dead-letter it and go on',
};

export const RESOLUTION_REASONS: Record<UnknownResolution, readonly string[]> = {
  ARRIVED: ['Laboratory confirms it arrived'],
  SEND_AGAIN: ['Laboratory confirms it did not arrive'],
  DEAD_LETTER: ['Laboratory cannot tell; entered by hand', 'Order is no longer wanted'],
};

export const EFFECT_WORDS: Record<PlanEffect, string> = {
  PASS: 'passed without delivery',
  REPAIR_IN_PLACE: 'repaired in place, keeps its turn',
  REPLAY_LATE: 'sent late, after newer numbers',
  EXCLUDED: 'left alone',
};

export const EXCLUSION_WORDS: Record<ExclusionReason, string> = {
  ALREADY_SETTLED: 'already settled',
  NOTHING_TO_REPAIR: 'nothing to repair, waits for its turn',
  STILL_IN_STAGES: 'still in the stages',
  FILTERED: 'filtered: no destination wants it',
};

const REFUSAL_WORDS: Record<RefusalCode, string> = {
  PLAN_CHANGED: 'The lane has moved since the dry run, so nothing was done. Look at the new plan.',
  ALREADY_SETTLED: 'These numbers are settled already; their end is never rewritten.',
  NOT_SETTLED: 'These numbers are not settled yet.',
  NOT_PERMITTED: 'You do not have the right to do this.',
  NOTHING_TO_DO: 'There is nothing to do: none of these numbers is in a state this changes.',
  UNKNOWN_NUMBER: 'No message has this number.',
  NO_UNKNOWN_OUTCOME: 'The lane does not hold for an unknown outcome.',
  NOT_PAUSED: 'The lane is neither paused nor held.',
  ALREADY_PAUSED: 'The lane is paused already.',
  NOT_SUPPORTED: 'The engine does not carry out this command yet.',
  REPLAY_FAILED: 'The replay was carried out and failed again. The message says why.',
};

/** Codes that a newer engine may send are shown as they are. */
export function refusalWords(code: string): string {
  return Object.hasOwn(REFUSAL_WORDS, code) ? REFUSAL_WORDS[code as RefusalCode] : `Refused: ${code}`;
}

/** One warning as a sentence. `grave` ones are a matter of patient safety. */
export function warningWords(code: string, warning: PlanWarning): { readonly text: string; readonly grave: boolean } {
  const message = `${code}:${warning.sequenceNo}`;
  switch (warning.kind) {
    case 'AFTER_CANCEL':
      return {
        grave: true,
        text: `${message} is ${warning.orderControl}, and #${warning.cancelSequenceNo} (${warning.cancelOrderControl}) has cancelled the same order since. The laboratory would get the order after its cancellation.`,
      };
    case 'OVERTAKEN':
      return {
        grave: false,
        text: `${message} was overtaken by ${warning.count === 1 ? 'one later message' : `${warning.count} later messages`} of the same order, delivered meanwhile.`,
      };
    case 'MAYBE_DELIVERED':
      return { grave: false, text: `${message} may have reached the laboratory already. Ask before you go on.` };
    case 'LATER_OF_SAME_ORDER':
      return {
        grave: false,
        text: `${message} will be missing, but #${warning.laterSequenceNo} of the same order will be delivered all the same.`,
      };
  }
}

/** `LAB-0042:15`, `LAB-0042:15-20`, or `LAB-0042`. */
export function targetOf(command: Pick<ActionCommand, 'interfaceCode' | 'fromSequenceNo' | 'toSequenceNo'>): string {
  const { interfaceCode: code, fromSequenceNo: from, toSequenceNo: to } = command;
  if (from === null) return code;
  return to === null || to === from ? `${code}:${from}` : `${code}:${from}-${to}`;
}

/** The same act on the command line. */
export function cliLine(command: ActionCommand, reason: string): string {
  const how = command.resolution === null ? '' : ` ${command.resolution.toLowerCase().replace('_', '-')}`;
  const verb = command.kind === 'RESOLVE_UNKNOWN' ? 'resolve' : command.kind.toLowerCase().split('_')[0];
  const quoted = reason.trim() === '' ? '"…"' : `"${reason.trim().replaceAll(/["\\$`]/g, '\\$&')}"`;
  return `./inorder ${verb} ${targetOf(command)}${how} --reason ${quoted}`;
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
