/** A message in the hands of the stages: for whom it runs, which stages it runs through here, and what has failed so far. */
import { PIPELINE_STAGES, type PipelineStage } from '@inorder/core';
import type { StagedMessage } from './intake.ts';
import type { StageOutcome } from './pipeline.ts';
import type { Work } from './stage-pool.ts';

export interface StageWork extends Work {
  /** Its chunk was offered by another, or by us to all. */
  readonly offered: boolean;
  /** null = detached. */
  readonly claimId: string | null;
  readonly detached: PromiseWithResolvers<StageOutcome> | null;
  /** Tries that failed and count. */
  failures: number;
}

/** From the next stage on as far as this instance hosts them one behind the other. */
export function stagesFrom(next: PipelineStage, hosts: readonly PipelineStage[]): PipelineStage[] {
  const ahead = PIPELINE_STAGES.slice(PIPELINE_STAGES.indexOf(next));
  const stranger = ahead.findIndex((stage) => !hosts.includes(stage));
  return stranger < 0 ? ahead : ahead.slice(0, stranger);
}

export function workOf(
  message: StagedMessage,
  stages: readonly PipelineStage[],
  claimId: string | null,
  detached: PromiseWithResolvers<StageOutcome> | null,
): StageWork {
  return { message, stages, offered: false, claimId, detached, suspect: false, deathsNearby: 0, failures: 0 };
}
