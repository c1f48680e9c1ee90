import type { Command } from 'commander';
import { checkDocument, runChecks } from '../check/run.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { type PrintDocument, tellInJson } from '../json.ts';
import { terminalProgress } from '../steps.ts';

interface Options {
  readonly json: boolean;
}

export function register(command: Command): void {
  command
    .option('--json', 'for programs: each step with its outcome and its time', false)
    .addHelpText('after', '\nRuns everything, also after a failure. npm run format repairs what can be repaired.')
    .action((options: Options) => tellInJson(options.json, (print) => run(options, print)));
}

async function run({ json }: Options, print: PrintDocument): Promise<void> {
  const result = await runChecks(terminalProgress(json));
  print(checkDocument(result));
  if (result.failed.length > 0) throw new CommandFailure(EXIT.failed, '');
}
