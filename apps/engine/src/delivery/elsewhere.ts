/**
 * Hints to the owner of a lane that is not ours: outcomes without their payload, ids and numbers only (G18), free to be
 * lost (G11). The owner goes by them without a read; what it never hears its watchdog finds.
 */
import type { LaneInbox, Numbered, StageEnd } from './inbox.ts';

/** Carries outcomes to the instances that own their lanes. After their commit; never throws, may lose them. */
export interface WakeUps {
  send(ends: readonly StageEnd[]): void;
}

export function elsewhere(wakeUps: WakeUps): LaneInbox {
  return {
    // A number without an outcome moves no lane: its end will be told, and the watchdog knows the high-water mark.
    numbered: (_numbers: readonly Numbered[]) => undefined,
    stageEnded: (ends: readonly StageEnd[]) => wakeUps.send(ends),
  };
}
