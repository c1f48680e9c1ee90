/** The lanes of this instance in figures, counted when somebody asks: one walk over all lanes, no bookkeeping between. */
import { type InterfaceCode, LANE_STATES, type LaneState, type LaneStateName, laneStateName } from '@inorder/core';

/** What is read of a lane. */
export interface MeasuredLane {
  readonly code: InterfaceCode;
  readonly state: LaneState;
  readonly isDead: boolean;
  /** Epoch milliseconds; null at lag 0 or where it is not known. */
  oldestAt(): number | null;
}

export interface LaneFigures {
  readonly byState: Readonly<Record<LaneStateName, number>>;
  readonly sendsInFlight: number;
  readonly lag: number;
  /** Of the oldest unsettled number of all lanes; 0 where nothing waits. */
  readonly oldestAgeMs: number;
  /** Of the interfaces that were asked for and are owned here. */
  readonly chosen: readonly {
    readonly code: InterfaceCode;
    readonly given: number;
    readonly settled: number;
    readonly oldestAgeMs: number;
  }[];
}

export function laneFigures(
  lanes: Iterable<MeasuredLane>,
  chosenCodes: ReadonlySet<string>,
  nowAt: number,
): LaneFigures {
  const byState = Object.fromEntries(LANE_STATES.map((state) => [state, 0])) as Record<LaneStateName, number>;
  const chosen: LaneFigures['chosen'][number][] = [];
  let [sendsInFlight, lag, oldestAgeMs] = [0, 0, 0];
  for (const lane of lanes) {
    if (lane.isDead) continue;
    const { state } = lane;
    const open = state.highWater - state.checkpoint;
    const oldestAt = open === 0 ? null : lane.oldestAt();
    const ageMs = oldestAt === null ? 0 : Math.max(0, nowAt - oldestAt);
    byState[laneStateName(state)] += 1;
    if (state.phase.name === 'SENDING' || state.phase.name === 'REPLAYING') sendsInFlight += 1;
    lag += open;
    oldestAgeMs = Math.max(oldestAgeMs, ageMs);
    if (chosenCodes.has(lane.code))
      chosen.push({ code: lane.code, given: state.highWater, settled: state.checkpoint, oldestAgeMs: ageMs });
  }
  return { byState, sendsInFlight, lag, oldestAgeMs, chosen };
}
