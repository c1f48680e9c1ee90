import type { Command } from 'commander';
import { stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { readRunFile, SUPERVISOR_GONE } from '../up/run-file.ts';
import { siteStatus } from '../up/status.ts';
import { statusText } from '../up/status-text.ts';

export function register(command: Command): void {
  command
    .option('--json', 'for programs', false)
    .addHelpText(
      'after',
      `
Below the processes: what the messages have come to, and the engine instances as Postgres knows them, with the shards
(groups of lanes) and sources (queues) each of them holds. What an instance that was killed held goes to the others when
its lease has ended, after about 10 seconds, or back to itself when it is started again before that. Exit code 4 when
nothing is running.`,
    )
    .action(async ({ json }: { json: boolean }) => {
      const status = await siteStatus(readRunFile(stateFolder().runFile));
      const running = status.processes.some((process) => process.up);
      if (json) process.stdout.write(`${JSON.stringify(status)}\n`);
      else if (running) process.stdout.write(statusText(status));
      if (running && !json && status.processes.some(({ name, up }) => name === 'supervisor' && !up))
        process.stdout.write(`\n${SUPERVISOR_GONE}\n`);
      if (!running) throw new CommandFailure(EXIT.notReachable, json ? '' : 'nothing is running; inorder up starts it');
    });
}
