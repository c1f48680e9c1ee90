import type { Command } from 'commander';
import { type ActOptions, act, actOptions } from '../console/act.ts';
import { type NumberTarget, parseNumbers } from '../console/target.ts';

export function register(command: Command): void {
  actOptions(command.argument('<numbers>', 'LAB-0042:123, or a range LAB-0042:120-140', parseNumbers))
    .addHelpText(
      'after',
      `
The lane passes the numbers without delivering them. Once it has passed them this is final; the way back is a replay.

Example:
  inorder skip LAB-0042:123 --reason "Entered by hand at the laboratory"`,
    )
    .action((target: NumberTarget, options: ActOptions) =>
      act([{ kind: 'SKIP', ...target, resolution: null }], options),
    );
}
