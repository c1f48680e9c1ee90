import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { type LisStatus, lisControl } from '../lis/control.ts';
import { faultNamed, SWITCH_WORDS, type SwitchOptions } from '../lis/fault.ts';
import { wholeNumber } from '../number-option.ts';
import { table } from '../table.ts';
import { readRunFile } from '../up/run-file.ts';
import { PROGRAMS } from '../up/site.ts';

const port = wholeNumber({ least: 0, most: 65_535 });
const ports = (text: string, before: readonly number[] | undefined): number[] => [...(before ?? []), port(text)];

export function register(command: Command): void {
  command
    .option('--port <port>', 'MLLP port, may be given again; 0 for any free one', ports)
    .option('--http-port <port>', 'HTTP port, may be given again', ports)
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--control-port <port>', 'port of its control API; 0 for any free one', port, 0)
    .addHelpText(
      'after',
      `
Without a subcommand: runs a laboratory of its own until Ctrl-C, which acknowledges every order and judges their order.
status and switch talk to the one that runs under inorder up, or to another one's --control address.`,
    )
    .action(runAlone);
  const described = (name: string, summary: string) => command.command(name).summary(summary).description(summary);
  described('status', 'its endpoints, what they took, and its judgement of the order')
    .option('--control <url>', 'address of its control API')
    .option('--json', 'for programs', false)
    .action(showStatus);
  described('switch', 'switch a fault on or off')
    .argument('<endpoint>', 'LIS-3, or all')
    .argument('<what>', SWITCH_WORDS.join(', '), switchWord)
    .option('--interface <code>', 'only its simulated orders')
    .option('--control-id <id>', 'only this message')
    .option('--every <n>', 'only every n-th', wholeNumber({ least: 1, most: 1_000_000 }))
    .option('--times <n>', 'so often, then as usual', wholeNumber({ least: 1, most: 1_000_000 }))
    .option('--error-code <code>', 'ERR-3 beside AE, AR, CE or CR')
    .option('--ms <milliseconds>', 'of delay', wholeNumber({ least: 0, most: 3_600_000 }), 5_000)
    .option('--control <url>', 'address of its control API')
    .option('--json', 'for programs', false)
    .addHelpText(
      'after',
      `
Examples:
  inorder lis switch LIS-2 off                              nobody listens there any more
  inorder lis switch LIS-2 on
  inorder lis switch all AR --interface LAB-0042 --times 1  refuses its next order
  inorder lis switch all usual                              takes every fault back`,
    )
    .action(switchFault);
}

interface AloneOptions {
  readonly port?: readonly number[];
  readonly httpPort?: readonly number[];
  readonly host: string;
  readonly controlPort: number;
}

const readySchema = z.object({
  control: z.string(),
  endpoints: z.array(z.object({ name: z.string(), kind: z.string(), host: z.string(), port: z.int() })),
});

async function runAlone({ port: mllp = [], httpPort: http = [], host, controlPort }: AloneOptions): Promise<void> {
  const args = [
    ...mllp.flatMap((at) => ['--port', `${at}`]),
    ...http.flatMap((at) => ['--http-port', `${at}`]),
    ...['--host', host, '--control-port', `${controlPort}`],
  ];
  const child = spawn(process.execPath, [PROGRAMS.simulator, 'lis', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  // On a terminal Ctrl-C reaches it as well as us; a second one changes nothing.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  createInterface(child.stdout).once('line', (line) => {
    const { control, endpoints } = readySchema.parse(JSON.parse(line));
    for (const { name, kind, host: at, port: on } of endpoints) process.stdout.write(`${name}  ${kind}  ${at}:${on}\n`);
    process.stdout.write(`inorder lis status --control ${control} tells what it got; Ctrl-C ends it\n`);
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new CommandFailure(EXIT.failed, '');
}

function controlAddress(given: string | undefined): string {
  const address = given ?? readRunFile(stateFolder().runFile)?.endpoints.simulatorControl;
  if (address) return address;
  throw new CommandFailure(EXIT.notReachable, 'no simulated laboratory runs under inorder up; name one with --control');
}

async function showStatus({ control, json }: { control?: string; json: boolean }, command: Command): Promise<void> {
  const status = await lisControl(controlAddress(control)).status();
  process.stdout.write(
    json || command.optsWithGlobals()['json'] === true ? `${JSON.stringify(status)}\n` : describe(status),
  );
}

function describe({ endpoints, judge, switches }: LisStatus): string {
  const heading = ['endpoint', '', 'at', 'connections', 'received', 'taken', 'refused'].map((word) => pc.dim(word));
  const rows = endpoints.map((endpoint) => [
    endpoint.name,
    endpoint.kind,
    endpoint.listening ? `${endpoint.host}:${endpoint.port}` : pc.red('does not listen'),
    ...[endpoint.connections, endpoint.received, endpoint.taken, endpoint.refused].map(String),
  ]);
  const verdict =
    judge.orderViolations === 0 ? pc.green('0 order violations') : pc.red(`${judge.orderViolations} order violations`);
  const lines = [
    table([heading, ...rows], ['left', 'left', 'left', 'right', 'right', 'right', 'right']).trimEnd(),
    `${verdict}, ${judge.missing} not here yet, ${judge.repeats} repeats, ${judge.lateReplays} late replays among ${judge.received} orders of ${judge.interfaces} interfaces`,
    ...judge.violationExamples.map((example) => pc.red(`  ${example.controlId} came after ${example.after}`)),
    ...switches.map(({ rule, acted }) => pc.yellow(`  fault ${rule.id}, acted ${acted} times`)),
  ];
  return `${lines.join('\n')}\n`;
}

async function switchFault(
  endpoint: string,
  what: string,
  options: SwitchOptions & { control?: string; json: boolean },
): Promise<void> {
  const control = lisControl(controlAddress(options.control));
  const { endpoints, switches } = await control.status();
  const meant = endpoints.filter(({ name }) => endpoint === 'all' || name === endpoint).map(({ name }) => name);
  if (meant.length === 0)
    throw new CommandFailure(
      EXIT.failed,
      `there is no endpoint ${endpoint}; there are ${endpoints.map((e) => e.name).join(', ')}`,
    );
  const answer = await control.switches(
    faultNamed(
      what,
      endpoint,
      meant,
      switches.map(({ rule }) => rule),
      options,
    ),
  );
  if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else process.stdout.write(`${endpoint}: ${what}\n`);
}

function switchWord(text: string): string {
  const word = SWITCH_WORDS.find((known) => known.toLowerCase() === text.toLowerCase());
  if (word === undefined) throw new InvalidArgumentError(`It takes one of ${SWITCH_WORDS.join(', ')}.`);
  return word;
}
