/** What a settlement that has committed means for the lane. */
import { sequenceNo } from '../ids.ts';
import { advance, withOutcomes } from './advance.ts';
import type { In } from './events.ts';
import { type Decision, type LaneState, NO_TRIES, type Phase } from './state.ts';
import { windowDropThrough, windowGet } from './window.ts';

export function settled(state: In<'SETTLING'>, nowAt: number): Decision {
  const { item, hold } = state.phase;
  const moved = item.checkpoint > item.expectedCheckpoint;
  // What was recorded but not passed stands in Postgres now.
  const recorded = item.changes
    .filter((c) => c.sequenceNo > item.checkpoint)
    .flatMap((c) => {
      const outcome = windowGet(state.window, c.sequenceNo);
      return outcome === undefined || outcome.status === 'PROCESSED'
        ? []
        : [{ sequenceNo: c.sequenceNo, outcome: { ...outcome, recordedAs: c.to, deadLetter: null } }];
    });
  const base: LaneState = {
    ...withOutcomes(state, recorded),
    checkpoint: item.checkpoint,
    // What was settled was given, whoever told of it first.
    highWater: sequenceNo(Math.max(state.highWater, item.checkpoint)),
    granted: item.grantedThrough,
    failedRun: item.failedRun,
    failedRunCode: item.failedRunCode,
    tries: moved ? NO_TRIES : state.tries,
    lookupFor: moved ? null : state.lookupFor,
  };
  const kept: LaneState = { ...base, window: windowDropThrough(base.window, item.checkpoint) };
  const phase: Phase = hold === null ? { name: 'RESTING' } : { name: 'HELD', ...hold };
  return advance({ ...kept, phase, sinceAt: nowAt }, nowAt);
}
