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
The lane sends nothing more until it is resumed. Orders are taken in, numbered and prepared all the same.

Example:
  inorder pause LAB-0042 --reason "Maintenance at the laboratory"`,
    )
    .action((interfaces: readonly string[], options: ActOptions) => {
      const acts = interfaces.map((interfaceCode): LaneAct => {
        return { kind: 'PAUSE', interfaceCode, fromSequenceNo: null, toSequenceNo: null, resolution: null };
      });
      return act(acts, options);
    });
}
