import type { LaneAct } from '@inorder/shared';
import type { Command } from 'commander';
import { type ActOptions, act, actOptions } from '../console/act.ts';
import { parseCode } from '../console/target.ts';

export function register(command: Command): void {
  const codes = (text: string, before: readonly string[] | undefined) => [...(before ?? []), parseCode(text)];
  actOptions(command.argument('<code...>', 'interfaces: LAB-0042', codes))
    .addHelpText(
      'after',
      `
A paused lane, or one that holds, goes on with its next number. An unknown outcome is not resumed but resolved.

Example:
  inorder resume LAB-0042 --reason "Maintenance is finished"`,
    )
    .action((interfaces: readonly string[], options: ActOptions) => {
      const acts = interfaces.map((interfaceCode): LaneAct => {
        return { kind: 'RESUME', interfaceCode, fromSequenceNo: null, toSequenceNo: null, resolution: null };
      });
      return act(acts, options);
    });
}
