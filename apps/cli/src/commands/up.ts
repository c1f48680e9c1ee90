import { type Command, Option } from 'commander';
import { anyNumber, wholeNumber } from '../number-option.ts';
import { terminalProgress } from '../steps.ts';
import { BACKGROUND_OPTION, backgroundProgress, detach } from '../up/detach.ts';
import { up } from '../up/up.ts';

interface Options {
  readonly detach: boolean;
  readonly fresh: boolean;
  readonly demo: boolean;
  readonly rate: number;
  readonly interfaces: number;
  readonly instances: number;
  readonly inBackground: boolean;
}

export function register(command: Command): void {
  command
    .option('--detach', 'run in the background; returns when everything works', false)
    .option('--fresh', 'forget all data of the embedded database first', false)
    .option('--no-demo', 'no demonstration site and no simulated traffic')
    .option('--rate <perSecond>', 'orders per second of the demonstration', anyNumber({ least: 0, most: 10_000 }), 12)
    .option(
      '--interfaces <count>',
      'interfaces of the demonstration site',
      wholeNumber({ least: 1, most: 50_000 }),
      300,
    )
    .option('--instances <count>', 'engine processes', wholeNumber({ least: 1, most: 16 }), 1)
    .addOption(new Option(BACKGROUND_OPTION).default(false).hideHelp())
    .addHelpText(
      'after',
      `
Starts Postgres and Redis of its own unless DATABASE_URL or REDIS_URL name others. Ctrl-C, or inorder down, stops it.

Examples:
  inorder up                         a demonstration site with traffic
  inorder up --detach                the same, in the background
  inorder up --no-demo --instances 2 an empty site with two engines`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  if (options.inBackground) {
    const { progress, onReady } = backgroundProgress();
    return up(options, progress, onReady).catch((error: unknown) => {
      // Whoever started us prints it: our own standard error is a log that nobody looks at.
      progress.say(`inorder: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    });
  }
  if (options.detach) return detach(argumentsFor(options));
  const progress = terminalProgress();
  await up(options, progress, () => progress.say('Ctrl-C stops it'));
}

function argumentsFor(options: Options): string[] {
  return [
    ...(options.fresh ? ['--fresh'] : []),
    ...(options.demo ? [] : ['--no-demo']),
    ...['--rate', `${options.rate}`, '--interfaces', `${options.interfaces}`, '--instances', `${options.instances}`],
  ];
}
