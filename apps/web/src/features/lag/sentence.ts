import { explain, type LaneStateName, sequenceNo, type WaitingFor } from '@inorder/core';

/** `explain()`, also for a lane of which no engine has told yet. Ages with `nowAt`. */
export function laneSentence(
  lane: {
    readonly state: LaneStateName;
    readonly checkpoint: number;
    readonly highWater: number;
    readonly waitingFor: WaitingFor | null;
  },
  nowAt: number,
): string {
  const lag = lane.highWater - lane.checkpoint;
  if (lane.waitingFor === null && lag > 0 && lane.state !== 'DISABLED') {
    return `#${lane.checkpoint + 1} is next; no engine has told more of this lane yet`;
  }
  const { state, waitingFor } = lane;
  return explain(
    { state, waitingFor, checkpoint: sequenceNo(lane.checkpoint), highWater: sequenceNo(lane.highWater) },
    nowAt,
  );
}
