import type { Command } from 'commander';
import { stateFolder } from '../checkout.ts';
import { type PrintDocument, tellInJson } from '../json.ts';
import { terminalProgress } from '../steps.ts';
import { down } from '../up/down.ts';

interface Options {
  readonly json: boolean;
}

export function register(command: Command): void {
  command
    .option('--json', 'for programs: what it ended', false)
    .addHelpText('after', '\nData stays; inorder up goes on with it.')
    .action((options: Options) => tellInJson(options.json, (print) => run(options, print)));
}

async function run({ json }: Options, print: PrintDocument): Promise<void> {
  const { say } = terminalProgress(json);
  const report = await down(stateFolder(), say);
  say(report === undefined ? 'nothing is running' : 'stopped');
  print(report ?? { ended: [], supervisorKilled: false });
}
