/**
 * What an act will do, did, or why it was refused. The console's dialog and the command line say these same sentences,
 * so that whoever reads one to the other over the phone reads what is on both screens.
 */
import type {
  CommandKind,
  CommandStatus,
  ExclusionReason,
  PlanEffect,
  PlanWarning,
  RefusalCode,
  UnknownResolution,
} from '@inorder/core';
import type { LaneAct } from './console-api.ts';

/** Verb: as on buttons. Means: what it is, before anybody agrees to it. */
export const KIND_WORDS: Record<CommandKind, { readonly verb: string; readonly means: string }> = {
  SKIP: {
    verb: 'Skip',
    means:
      'The lane passes these numbers without delivering them. Once carried out it is final; the way back is a replay.',
  },
  REPLAY: {
    verb: 'Replay',
    means:
      'The stages run again under the same number. What the lane has not passed keeps its turn; what it has passed is sent late.',
  },
  PAUSE: {
    verb: 'Pause',
    means: 'The lane sends nothing more until it is resumed. Orders are taken in, numbered and prepared all the same.',
  },
  RESUME: { verb: 'Resume', means: 'The lane goes on with the next number in its order.' },
  RESOLVE_UNKNOWN: {
    verb: 'Resolve',
    means: 'Someone has found out what became of the message that was sent and never answered.',
  },
  RESTAGE_FROM: { verb: 'Restage', means: 'Numbers that are not sent yet go through the newest configuration.' },
  STEP: { verb: 'Send one', means: 'The paused lane sends its next number and pauses again.' },
  RELEASE_UNTIL: { verb: 'Release', means: 'The held lane goes on up to a number.' },
};

const RESOLUTIONS: Record<UnknownResolution, string> = {
  ARRIVED: 'it arrived: settle it as delivered',
  SEND_AGAIN: 'it did not arrive: send the same bytes again',
  DEAD_LETTER: 'give it up: dead-letter it as "may have been delivered", and go on',
};

/** What an act means, with what is said by it where it says something. */
export function meansOf({ kind, resolution }: Pick<LaneAct, 'kind' | 'resolution'>): string {
  const { means } = KIND_WORDS[kind];
  return resolution === null ? means : `${means} You say: ${RESOLUTIONS[resolution]}.`;
}

/** The choice `holdLane` of a replay. */
export const HOLD_LANE_WORDS = {
  label: 'Hold the lane while they run',
  means: 'Newer orders wait until each late replay was tried; one that has to be tried again lets them go on.',
} as const;

/** What lanes that hold since a restore are said to do, on every screen and the command line (G21). */
export function restoredWords({ lanes, paused }: { readonly lanes: number; readonly paused: number }): string {
  const hold = `${lanes} ${lanes === 1 ? 'lane holds' : 'lanes hold'}`;
  return paused === 0 ? hold : `${hold}, ${paused} of them paused as well`;
}

/** What happens to so many numbers, after the count: "1 passed without delivery", "2 will be …". */
export function effectWords(effect: PlanEffect, count: number): string {
  switch (effect) {
    case 'PASS':
      return 'passed without delivery';
    case 'REPAIR_IN_PLACE':
      return `repaired in place, ${count === 1 ? 'keeps its' : 'keep their'} turn`;
    case 'REPLAY_LATE':
      return 'sent late, after newer numbers';
    case 'EXCLUDED':
      return 'left alone';
  }
}

const EXCLUSIONS: Record<ExclusionReason, string> = {
  ALREADY_SETTLED: 'already settled',
  NOTHING_TO_REPAIR: 'nothing to repair, waiting in turn',
  STILL_IN_STAGES: 'still in the stages',
  FILTERED: 'filtered: no destination wants it',
};

/** Why numbers are left alone; counted where there is more than one reason. A newer engine's reason is shown as it is. */
export function exclusionWords(counts: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(counts).filter(([, count]) => count > 0);
  return reasons
    .map(([why, count]) => `${reasons.length > 1 ? `${count} ` : ''}${own(EXCLUSIONS, why) ?? why}`)
    .join(', ');
}

const REFUSALS: Record<RefusalCode, string> = {
  PLAN_CHANGED: 'The lane has moved since the dry run, so nothing was done. Plan again to see what it would do now.',
  ALREADY_SETTLED: 'These numbers are settled already; their end is never rewritten.',
  NOT_SETTLED: 'These numbers are not settled yet.',
  NOT_PERMITTED: 'Your role does not include this.',
  NOTHING_TO_DO: 'There is nothing to do: none of these numbers is in a state this changes.',
  UNKNOWN_NUMBER: 'No message has this number.',
  NO_UNKNOWN_OUTCOME: 'The lane does not hold for an unknown outcome.',
  NOT_PAUSED: 'The lane is neither paused nor held.',
  ALREADY_PAUSED: 'The lane is paused already.',
  NOT_SUPPORTED: 'The engine does not carry out this command yet.',
  REPLAY_FAILED: 'The replay was carried out and failed again. The trace of the message says why.',
};

/** A newer engine's code is shown as it is. */
export function refusalWords(code: string | null): string {
  return code === null ? 'Refused, and no code was given.' : (own(REFUSALS, code) ?? `Refused: ${code}`);
}

/** Why a command that has ended was not carried out. */
export function notDoneWords(ended: { readonly status: CommandStatus; readonly refusalCode: string | null }): string {
  return ended.status === 'EXPIRED'
    ? 'No engine took it up in time, so it will not be done any more. Is one running for this lane?'
    : refusalWords(ended.refusalCode);
}

/** A warning of a plan as it is in core, or as it was read off the wire. */
export type WarningToSay = Plain<PlanWarning>;
type Plain<T> = T extends unknown ? { readonly [K in keyof T]: T[K] extends number ? number : T[K] } : never;

/** One warning as a sentence. `grave` ones are a matter of patient safety. */
export function warningWords(code: string, warning: WarningToSay): { readonly text: string; readonly grave: boolean } {
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

type Target = Readonly<Pick<LaneAct, 'interfaceCode' | 'fromSequenceNo' | 'toSequenceNo'>>;

/** `LAB-0042:15`, `LAB-0042:15-20`, or `LAB-0042` for what is about the lane. */
export function targetOf({ interfaceCode: code, fromSequenceNo: from, toSequenceNo: to }: Target): string {
  if (from === null) return code;
  return to === null || to === from ? `${code}:${from}` : `${code}:${from}-${to}`;
}

/** The act on the command line, safe to paste. */
export function cliLine(act: Readonly<LaneAct>, reason: string): string {
  const how = act.resolution === null ? '' : ` ${act.resolution.toLowerCase().replace('_', '-')}`;
  const hold = act.holdLane === true ? ' --hold-lane' : '';
  const verb = act.kind === 'RESOLVE_UNKNOWN' ? 'resolve' : act.kind.toLowerCase().split('_')[0];
  const quoted = reason.trim() === '' ? '"…"' : `"${reason.trim().replaceAll(/["\\$`]/g, '\\$&')}"`;
  return `./inorder ${verb} ${targetOf(act)}${how}${hold} --reason ${quoted}`;
}

/** What an act has done. `result` is the owner's answer (`lane_command.result`); what it does not tell is left out. */
export function doneWords(act: Target & Pick<LaneAct, 'kind'>, result: unknown): string {
  const where = targetOf(act);
  switch (act.kind) {
    case 'SKIP':
      return `${where}: ${messages(lengthOf(result, 'skipped'))} skipped`;
    case 'REPLAY': {
      const [repaired, late] = [lengthOf(result, 'repaired'), lengthOf(result, 'replays')];
      const parts = [
        ...(repaired > 0 ? [`${messages(repaired)} repaired in place`] : []),
        ...(late > 0 ? [`${messages(late)} on the way, late`] : []),
      ];
      return `${where}: ${parts.length === 0 ? 'done' : parts.join(', ')}`;
    }
    case 'PAUSE':
      return `${where} is paused`;
    case 'RESUME':
      return `${where} goes on`;
    case 'RESOLVE_UNKNOWN':
      return `${where}: resolved`;
    case 'RESTAGE_FROM':
    case 'STEP':
    case 'RELEASE_UNTIL':
      return `${where}: done`;
  }
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`;
}

function lengthOf(result: unknown, list: string): number {
  const found: unknown =
    typeof result === 'object' && result !== null ? Object.entries(result).find(([name]) => name === list)?.[1] : null;
  return Array.isArray(found) ? found.length : 0;
}

function own(words: Readonly<Record<string, string>>, code: string): string | undefined {
  return Object.hasOwn(words, code) ? words[code] : undefined;
}
