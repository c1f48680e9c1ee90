/**
 * Hints to the owner of a lane that is not ours: ids and numbers only, never payload (G18), free to be lost (G11). The
 * owner looks the messages up; without a hint its watchdog does.
 */
import type { InterfaceId } from '@inorder/core';
import type { LaneInbox, Numbered, StageEnd } from './inbox.ts';

/** Carries the ids of interfaces whose lanes have news to the instances that own them. */
export interface WakeUps {
  send(interfaceIds: readonly InterfaceId[]): void;
}

export function elsewhere(wakeUps: WakeUps): LaneInbox {
  return {
    // A number without an outcome moves no lane: its end will be told, and the watchdog knows the high-water mark.
    numbered: (_numbers: readonly Numbered[]) => undefined,
    stageEnded: (ends: readonly StageEnd[]) => wakeUps.send([...new Set(ends.map((e) => e.interfaceId))]),
  };
}
