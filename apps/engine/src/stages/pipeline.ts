/**
 * The stages in their order, over one message at a time. A message that has an outcome falls through the rest.
 * Pure: no clock, no I/O, no log. It never throws: a bug in a stage ends its message FAILED, STAGE_FAILED, and the name
 * of the error is all that is told of it, because its text may hold patient data (G18).
 */
import { fault, type StageName } from '@inorder/core';
import { enrich } from './steps/enrich.ts';
import { route } from './steps/route.ts';
import {
  type CodeTables,
  changedBytes,
  failed,
  type StageContext,
  type StageInput,
  type StageResult,
  type StageStep,
} from './steps/step.ts';
import { open, validate } from './steps/validate.ts';

export type { CodeTables, StageInput, StageOutcome, StageResult, StageStep } from './steps/step.ts';

export const STAGE_STEPS: readonly StageStep[] = [validate, enrich, route];

function guarded(context: StageContext, stage: StageName, run: (context: StageContext) => StageContext): StageContext {
  if (context.outcome !== null) return context;
  try {
    return run(context);
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Unknown';
    return failed(context, stage, fault('STAGE_FAILED', `Stage ${stage} failed with ${name}`));
  }
}

/**
 * Runs the stages of `input.stages` over a message. Errors: as the steps; STAGE_FAILED where the last stage of all gave no
 * outcome either.
 */
export function runPipeline(
  input: StageInput,
  tables: CodeTables,
  stages: readonly StageStep[] = STAGE_STEPS,
): StageResult {
  const fresh: StageContext = { input, tables, order: null, controlId: null, keys: [], outcome: null };
  const here = stages.filter((stage) => input.stages.includes(stage.name));
  const end = here.reduce(
    (context, stage) => guarded(context, stage.name, (each) => stage.run(each)),
    guarded(fresh, 'VALIDATE', open),
  );
  if (end.outcome !== null) return end.outcome;
  const last = here.at(-1);
  const next = last === undefined ? undefined : stages[stages.indexOf(last) + 1];
  if (next !== undefined && end.order !== null)
    return { kind: 'HANDED_ON', next: next.name, processed: changedBytes(end.order, input) };
  const none = fault('STAGE_FAILED', 'The message passed every stage and none gave it an outcome');
  const stage = stages.at(-1)?.name ?? 'VALIDATE';
  return { kind: 'FAILED', stage, fault: none, faults: [none], controlId: end.controlId, keys: end.keys };
}
