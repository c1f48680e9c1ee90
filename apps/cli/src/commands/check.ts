import type { Command } from 'commander';
import { runChecks } from '../check/run.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { terminalProgress } from '../steps.ts';

export function register(command: Command): void {
  command
    .addHelpText('after', '\nRuns everything, also after a failure. npm run format repairs what can be repaired.')
    .action(async () => {
      const { failed } = await runChecks(terminalProgress());
      if (failed.length > 0) throw new CommandFailure(EXIT.failed, '');
    });
}
