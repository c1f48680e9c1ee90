/** What an act will do, did, or why it was refused, in sentences. */
import type { ExclusionReason, PlanEffect, RefusalCode } from '@inorder/core';
import type { LaneAct, PlannedAct, PlannedWarning } from '@inorder/shared';
import { z } from 'zod';
import { targetText } from './target.ts';

const EFFECTS: Record<PlanEffect, string> = {
  PASS: 'will be passed without delivery',
  REPAIR_IN_PLACE: 'will go through the stages again and keep their turn',
  REPLAY_LATE: 'will be sent late, after newer numbers',
  EXCLUDED: 'will be left alone',
};

const EXCLUSIONS: Record<ExclusionReason, string> = {
  ALREADY_SETTLED: 'settled already',
  NOTHING_TO_REPAIR: 'nothing to repair, waiting for their turn',
  STILL_IN_STAGES: 'still in the stages',
  FILTERED: 'filtered, no destination wants them',
};

const REFUSALS: Record<RefusalCode, string> = {
  PLAN_CHANGED: 'the lane has moved since the dry run, so nothing was done; run it again to see the new plan',
  ALREADY_SETTLED: 'these numbers are settled already, and their end is never rewritten',
  NOT_SETTLED: 'these numbers are not settled yet',
  NOT_PERMITTED: 'your role does not include this',
  NOTHING_TO_DO: 'there is nothing to do: none of these numbers is in a state this changes',
  UNKNOWN_NUMBER: 'no message has this number',
  NO_UNKNOWN_OUTCOME: 'the lane does not hold for an unknown outcome',
  NOT_PAUSED: 'the lane is neither paused nor held',
  ALREADY_PAUSED: 'the lane is paused already',
  NOT_SUPPORTED: 'the engine does not carry this out yet',
  REPLAY_FAILED: 'the replay was carried out and failed again; inorder trace tells why',
};

/** A code of a newer engine is shown as it is. */
export function refusalWords(code: string): string {
  return Object.hasOwn(REFUSALS, code) ? REFUSALS[code as RefusalCode] : code;
}

const LANE_ACTS: Partial<Record<LaneAct['kind'], (act: LaneAct) => string>> = {
  PAUSE: () => 'the lane will send nothing more; orders are still taken in, numbered and prepared',
  RESUME: () => 'the lane will go on with its next number',
  RESOLVE_UNKNOWN: ({ resolution }) => {
    if (resolution === 'ARRIVED') return 'the message will be settled as delivered, and the lane goes on';
    return resolution === 'SEND_AGAIN'
      ? 'the same bytes will be sent again'
      : 'the message will be dead-lettered as "may have been delivered", and the lane goes on';
  },
};

/** What a plan will do, a line each. */
export function effectLines(planned: PlannedAct): string[] {
  const { command, effects, excluded } = planned;
  const whole = LANE_ACTS[command.kind];
  if (whole !== undefined) return [whole(command)];
  return (Object.keys(EFFECTS) as PlanEffect[])
    .filter((effect) => (effects[effect] ?? 0) > 0)
    .map((effect) => {
      const why = Object.entries(excluded).map(
        ([reason, count]) => `${count} ${EXCLUSIONS[reason as ExclusionReason] ?? reason}`,
      );
      const one = effects[effect] === 1;
      const words = one ? EFFECTS[effect].replace('their turn', 'its turn') : EFFECTS[effect];
      return `${effects[effect]} ${words}${effect === 'EXCLUDED' ? ` (${why.join(', ')})` : ''}`;
    });
}

export function warningWords(
  code: string,
  warning: PlannedWarning,
): { readonly text: string; readonly grave: boolean } {
  const message = `${code}:${warning.sequenceNo}`;
  switch (warning.kind) {
    case 'AFTER_CANCEL':
      return {
        grave: true,
        text: `${message} is ${warning.orderControl}, and #${warning.cancelSequenceNo} (${warning.cancelOrderControl}) has cancelled the same order since: the laboratory would get the order after its cancellation`,
      };
    case 'OVERTAKEN':
      return {
        grave: false,
        text: `${message} was overtaken by ${warning.count} later ${warning.count === 1 ? 'message' : 'messages'} of the same order`,
      };
    case 'MAYBE_DELIVERED':
      return { grave: false, text: `${message} may have reached the laboratory already: ask before you go on` };
    case 'LATER_OF_SAME_ORDER':
      return {
        grave: false,
        text: `${message} will be missing, but #${warning.laterSequenceNo} of the same order will be delivered all the same`,
      };
  }
}

const resultSchema = z.object({
  skipped: z.array(z.int()).default([]),
  repaired: z.array(z.int()).default([]),
  replays: z.array(z.object({ sequenceNo: z.int() })).default([]),
});

/** What an act that is done has done. */
export function doneWords(act: LaneAct, result: unknown): string {
  const { skipped, repaired, replays } = resultSchema.catch({ skipped: [], repaired: [], replays: [] }).parse(result);
  const where = targetText(act);
  switch (act.kind) {
    case 'SKIP':
      return `${where}: ${count(skipped.length)} skipped`;
    case 'REPLAY':
      return `${where}: ${[
        ...(repaired.length > 0 ? [`${count(repaired.length)} repaired in place`] : []),
        ...(replays.length > 0 ? [`${count(replays.length)} on the way, late`] : []),
      ].join(', ')}`;
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

function count(numbers: number): string {
  return numbers === 1 ? '1 message' : `${numbers} messages`;
}
