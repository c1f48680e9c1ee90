import type { LaneAct } from '@inorder/shared';
import type { Command } from 'commander';
import { type ActOptions, act, actOptions } from '../console/act.ts';
import { releaseAllRestored } from '../console/release.ts';
import { parseCode } from '../console/target.ts';
import { CommandFailure, EXIT } from '../exit.ts';

export function register(command: Command): void {
  const codes = (text: string, before: readonly string[] | undefined) => [...(before ?? []), parseCode(text)];
  actOptions(command.argument('[code...]', 'interfaces: LAB-0042', codes))
    .option('--all-restored', 'every lane that holds because Postgres was restored or failed over', false)
    .addHelpText(
      'after',
      `
A paused lane, or one that holds, goes on with its next number. An unknown outcome is not resumed but resolved.

Examples:
  inorder resume LAB-0042 --reason "Maintenance is finished"
  inorder resume --all-restored --reason "Compared with the laboratories"`,
    )
    .action((interfaces: readonly string[] | undefined, options: ActOptions & { readonly allRestored: boolean }) => {
      const named = interfaces ?? [];
      if (options.allRestored === named.length > 0)
        throw new CommandFailure(EXIT.wrongUse, 'name interfaces, or give --all-restored, and not both');
      if (options.allRestored) return releaseAllRestored(options);
      const acts = named.map((interfaceCode): LaneAct => {
        return { kind: 'RESUME', interfaceCode, fromSequenceNo: null, toSequenceNo: null, resolution: null };
      });
      return act(acts, options);
    });
}
