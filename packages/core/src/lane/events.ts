/** Shorthand of the lane's files: one event, and the lane in one phase. */
import type { LaneEvent, LaneEventKind, LaneState, Phase, PhaseName } from './state.ts';

export type Of<K extends LaneEventKind> = Extract<LaneEvent, { kind: K }>;
export type In<P extends PhaseName> = LaneState & { readonly phase: Extract<Phase, { name: P }> };
