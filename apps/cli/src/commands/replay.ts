import type { LaneAct } from '@inorder/shared';
import type { Command } from 'commander';
import { type ActOptions, act, actOptions } from '../console/act.ts';
import { type NumberTarget, parseNumbers } from '../console/target.ts';

interface Options extends ActOptions {
  readonly holdLane: boolean;
}

export function register(command: Command): void {
  const targets = (text: string, before: readonly NumberTarget[] | undefined) => [
    ...(before ?? []),
    parseNumbers(text),
  ];
  actOptions(
    command
      .argument('<numbers...>', 'LAB-0042:123, or ranges LAB-0042:120-140', targets)
      .option('--hold-lane', 'newer orders wait until what is sent late has ended', false),
  )
    .addHelpText(
      'after',
      `
The stages run again under the same number. What the lane has not passed yet keeps its turn; what it has passed is sent
late, after newer messages: the dry run says what has overtaken it.

Example:
  inorder replay LAB-0042:120-140 --reason "Code table corrected"`,
    )
    .action((numbers: readonly NumberTarget[], options: Options) =>
      act(replayActs(numbers, options.holdLane), options),
    );
}

export function replayActs(numbers: readonly NumberTarget[], holdLane: boolean): LaneAct[] {
  return numbers.map((target) => ({
    kind: 'REPLAY',
    ...target,
    resolution: null,
    ...(holdLane ? { holdLane } : {}),
  }));
}
