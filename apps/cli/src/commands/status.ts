import type { Command } from 'commander';
import pc from 'picocolors';
import { stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { readRunFile } from '../up/run-file.ts';
import { siteStatus } from '../up/status.ts';

export function register(command: Command): void {
  command
    .option('--json', 'for programs', false)
    .addHelpText('after', '\nExit code 4 when nothing is running.')
    .action(async ({ json }: { json: boolean }) => {
      const status = await siteStatus(readRunFile(stateFolder().runFile));
      const running = status.processes.some((process) => process.up);
      if (json) {
        process.stdout.write(`${JSON.stringify(status)}\n`);
      } else if (running) {
        for (const { name, up, address } of status.processes) {
          process.stdout.write(`${up ? pc.green('up  ') : pc.red('down')} ${name.padEnd(12)} ${address ?? ''}\n`);
        }
        for (const [name, value] of Object.entries(status.counters)) {
          process.stdout.write(`     ${name.padEnd(16)} ${value ?? '-'}\n`);
        }
      }
      if (!running) throw new CommandFailure(EXIT.notReachable, json ? '' : 'nothing is running; inorder up starts it');
    });
}
