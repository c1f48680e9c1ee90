/** Last stage: the first rule whose conditions all hold names the destination, or wants nothing of the message. */
import { fault } from '@inorder/core';
import type { Condition } from '@inorder/shared';
import { changedBytes, failed, type OrderDocument, type StageContext, type StageStep } from './step.ts';

/**
 * A path that leaves open which segment or repetition is meant holds when any of them does; `not` turns the whole
 * round (none does). Comparison is exact.
 */
export function holds(condition: Condition, order: OrderDocument): boolean {
  const values = order.doc.getAll(condition.path);
  return test(condition, values) !== condition.not;
}

function test(condition: Condition, values: readonly string[]): boolean {
  const { equals, startsWith, exists } = condition;
  if (exists !== undefined) return values.length > 0 === exists;
  if (equals !== undefined) return equals === '' ? values.length === 0 : values.includes(equals);
  if (startsWith !== undefined) return values.some((value) => value.startsWith(startsWith));
  return values.some((value) => condition.in?.includes(value) === true);
}

function processed(context: StageContext, order: OrderDocument, destination: string): StageContext {
  const { keys, input } = context;
  const outcome = {
    kind: 'PROCESSED',
    destination,
    processed: changedBytes(order, input),
    // A single ServiceRequest has no id of its own as a message; its logical id stays the same over updates, and a
    // destination that knows the key would drop the update. So ours is used.
    controlId: context.controlId ?? input.messageId,
    keys,
  } as const;
  return { ...context, outcome };
}

export const route: StageStep = {
  name: 'ROUTE',
  run(context) {
    const { order, input, controlId, keys } = context;
    if (order === null) return context;
    const rule = input.document.route.find((each) => each.when.every((condition) => holds(condition, order)));
    if (rule?.filter === true) return { ...context, outcome: { kind: 'FILTERED', rule: rule.name, controlId, keys } };
    if (rule?.to !== undefined) return processed(context, order, rule.to);
    const detail = `None of the ${input.document.route.length} routing rules fits the message`;
    return failed(context, 'ROUTE', fault('ROUTE_NONE', detail));
  },
};
