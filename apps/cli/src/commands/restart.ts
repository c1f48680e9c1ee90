import type { Command } from 'commander';
import { stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { seconds, terminalProgress } from '../steps.ts';
import { engineInstancesOf, instanceNamed, type Restarted, requireAllReady, restartInstance } from '../up/restart.ts';
import { readRunFile } from '../up/run-file.ts';

interface Options {
  readonly rolling: boolean;
  readonly json: boolean;
}

export function register(command: Command): void {
  command
    .argument('[name...]', 'engine instances, as inorder status names them')
    .option('--rolling', 'all engine instances', false)
    .option('--json', 'for programs: {"restarted":[{"name","ms"}]}', false)
    .addHelpText(
      'after',
      `
One instance after the other: it finishes what is under way and gives its lanes and queues to the others, ends, is started
again, and only when it answers /readyz with 200 the next one has its turn. Stops at the first that does not come back.

Examples:
  inorder restart engine-2
  inorder restart --rolling`,
    )
    .action(run);
}

async function run(names: readonly string[], { rolling, json }: Options): Promise<void> {
  if (rolling === names.length > 0)
    throw new CommandFailure(EXIT.wrongUse, 'name the instances to restart, or give --rolling for all of them');
  const { runFile } = stateFolder();
  const instances = engineInstancesOf(readRunFile(runFile));
  const chosen = rolling ? instances : names.map((name) => instanceNamed(instances, name));
  if (rolling) await requireAllReady(chosen);
  const { say } = terminalProgress();
  const restarted: Restarted[] = [];
  try {
    for (const instance of chosen) {
      const done = await restartInstance(runFile, instance);
      restarted.push(done);
      if (!json) say(`${done.name} ready again after ${seconds(done.ms)}`);
    }
  } finally {
    if (json) process.stdout.write(`${JSON.stringify({ restarted })}\n`);
    else if (restarted.length < chosen.length)
      say(
        `not restarted: ${
          chosen
            .slice(restarted.length + 1)
            .map(({ name }) => name)
            .join(', ') || 'none'
        }`,
      );
  }
}
