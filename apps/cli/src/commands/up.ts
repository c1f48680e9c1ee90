import { type Command, Option } from 'commander';
import { stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { failureDocument, type PrintDocument, tellInJson } from '../json.ts';
import { anyNumber, wholeNumber } from '../number-option.ts';
import { terminalProgress } from '../steps.ts';
import { BACKGROUND_OPTION, backgroundProgress, detach } from '../up/detach.ts';
import { LAYOUTS, type Layout } from '../up/layout.ts';
import { upReport } from '../up/report.ts';
import { up } from '../up/up.ts';

interface Options {
  readonly detach: boolean;
  readonly fresh: boolean;
  readonly demo: boolean;
  readonly rate: number;
  readonly interfaces: number;
  readonly distributed: boolean;
  readonly instances?: number;
  readonly layout: Layout;
  readonly json: boolean;
  readonly inBackground: boolean;
}

type ResolvedOptions = Options & { readonly instances: number };

export function register(command: Command): void {
  command
    .option('--detach', 'run in the background; returns when everything works', false)
    .option('--fresh', 'forget all data of the embedded database and of the broker first', false)
    .option('--no-demo', 'no demonstration site and no simulated traffic')
    .option('--rate <perSecond>', 'orders per second of the demonstration', anyNumber({ least: 0, most: 10_000 }), 12)
    .option(
      '--interfaces <count>',
      'interfaces of the demonstration site',
      wholeNumber({ least: 1, most: 50_000 }),
      300,
    )
    .option('--distributed', 'on real Redis and a real JMS broker, with several engine processes', false)
    .option(
      '--instances <count>',
      'engine processes (default: 1, with --distributed 2)',
      wholeNumber({ least: 1, most: 16 }),
    )
    .addOption(
      new Option(
        '--layout <layout>',
        'with --distributed: each process does everything, or ingest, validate, enrich, route and deliver have processes of their own, --instances of each',
      )
        .choices([...LAYOUTS])
        .default('together'),
    )
    .option('--json', 'for programs: where it is and what it started, once it is ready', false)
    .addOption(new Option(BACKGROUND_OPTION).default(false).hideHelp())
    .addHelpText(
      'after',
      `
Starts Postgres and Redis of its own unless DATABASE_URL or REDIS_URL name others. Ctrl-C, or inorder down, stops it.

With --distributed Redis is required, and the demonstration's orders go through a JMS broker: that of AMQP_URL, or an
Apache ActiveMQ Artemis that is fetched with Maven and started; where Java or Maven is missing, through our own listener.
A process that dies is started again. inorder status shows the instances and what each holds.

Examples:
  inorder up                             a demonstration site with traffic
  inorder up --detach                    the same, in the background
  inorder up --no-demo --instances 2     an empty site with two engines
  inorder up --distributed               Artemis, Redis and two engines that do everything
  inorder up --distributed --layout split
                                         ten engine processes, two for each role`,
    )
    .action((options: Options) => tellInJson(options.json, (print) => run(options, print)));
}

async function run(given: Options, print: PrintDocument): Promise<void> {
  const options = { ...given, instances: given.instances ?? (given.distributed ? 2 : 1) };
  if (options.layout === 'split' && !options.distributed)
    throw new CommandFailure(
      EXIT.wrongUse,
      '--layout split needs --distributed: its processes tell each other over Redis what waits',
    );
  if (options.inBackground) {
    const { progress, onReady, onFailed } = backgroundProgress();
    return up(options, progress, onReady).catch((error: unknown) => {
      // Whoever started us prints it and ends with its code: our own standard error is a log that nobody looks at.
      onFailed(error);
      throw error;
    });
  }
  if (options.detach) return runDetached(options, print);
  const progress = terminalProgress(options.json);
  await up(options, progress, (outcome) => {
    if (options.json) print(upReport(stateFolder(), process.pid, outcome));
    progress.say('Ctrl-C stops it');
  });
  print({ outcome: 'stopped' });
}

async function runDetached(options: ResolvedOptions, print: PrintDocument): Promise<void> {
  const stream = options.json ? process.stderr : process.stdout;
  const { pid, outcome } = await detach(argumentsFor(options), (text) => void stream.write(text));
  const failure =
    outcome === 'noOrder'
      ? new CommandFailure(EXIT.failed, 'everything is up, but no demonstration order was acknowledged in time')
      : undefined;
  if (options.json)
    print({
      ...upReport(stateFolder(), pid, outcome),
      ...(failure === undefined ? {} : { error: failureDocument(failure) }),
    });
  if (failure !== undefined) throw failure;
}

function argumentsFor(options: ResolvedOptions): string[] {
  return [
    ...(options.fresh ? ['--fresh'] : []),
    ...(options.demo ? [] : ['--no-demo']),
    ...(options.distributed ? ['--distributed', '--layout', options.layout] : []),
    ...['--rate', `${options.rate}`, '--interfaces', `${options.interfaces}`, '--instances', `${options.instances}`],
  ];
}
