import { readFileSync } from 'node:fs';
import { siteDocumentSchema } from '@inorder/shared';
import { type Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { openConsole } from '../console/client.ts';
import { parseCode } from '../console/target.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { anyNumber, wholeNumber } from '../number-option.ts';
import { type Outcome, type OutgoingMessage, sendAll } from '../send/amqp-sender.ts';
import { type WayIn, wayIn } from '../send/way-in.ts';

interface Options {
  readonly interface: string;
  readonly repeat: number;
  readonly rate: number;
  readonly address?: string;
  readonly url?: string;
  readonly json: boolean;
}

/** More outcomes are counted, not listed. */
const LINES_MAX = 20;

export function register(command: Command): void {
  command
    .argument('<file...>', 'one order each: HL7 v2 or FHIR JSON, sent byte for byte')
    .requiredOption('--interface <code>', 'which interface they are for', parseCode)
    .option(
      '--repeat <count>',
      'send the files so often, each time under a new message id',
      wholeNumber({ least: 1, most: 10_000_000 }),
      1,
    )
    .option(
      '--rate <perSecond>',
      'orders per second; 0: as fast as they are taken',
      anyNumber({ least: 0, most: 100_000 }),
      0,
    )
    .option('--address <queue>', 'the queue; default: of the source that feeds the interface')
    .option('--url <url>', 'amqp://user:password@host:port of a broker or listener', amqpUrl)
    .option('--json', 'for programs: the counts', false)
    .addHelpText(
      'after',
      `
Waits until each order is accepted, which means stored for good, or rejected. Exit code 0 when all were accepted.

Examples:
  inorder send order.hl7 --interface LAB-0042
  inorder send order.hl7 --interface LAB-0042 --repeat 1000 --rate 50`,
    )
    .action(run);
}

async function run(files: readonly string[], options: Options): Promise<void> {
  const messages = files.map((name): OutgoingMessage => ({ name, body: read(name) }));
  const target = await targetOf(options);
  const counts = { accepted: 0, rejected: 0, released: 0 };
  const reasons: Record<string, number> = {};
  let lines = 0;
  await sendAll(target, repeated(messages, options.repeat), options.rate, (outcome) => {
    counts[outcome.outcome] += 1;
    if (outcome.reason !== null) reasons[outcome.reason] = (reasons[outcome.reason] ?? 0) + 1;
    lines += 1;
    if (!options.json && lines <= LINES_MAX) process.stdout.write(`${lineOf(outcome)}\n`);
  });
  if (options.json) process.stdout.write(`${JSON.stringify({ address: target.address, ...counts, reasons })}\n`);
  else if (lines > 1)
    process.stdout.write(
      `${counts.accepted} accepted, ${counts.rejected} rejected${counts.released > 0 ? `, ${counts.released} given back` : ''}\n`,
    );
  if (counts.rejected + counts.released > 0) throw new CommandFailure(EXIT.failed, '');
  if (!options.json) process.stdout.write(pc.dim(`inorder lag ${options.interface} shows how it goes on\n`));
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandFailure(EXIT.wrongUse, `${file} cannot be read`, { cause: error });
  }
}

async function targetOf({ interface: code, address, url }: Options): Promise<WayIn> {
  if (url !== undefined && address !== undefined) return { url, address, properties: { interface: code } };
  const site = await openConsole().query('config.get', {}, siteDocumentSchema);
  const found = wayIn(site, code, address, url !== undefined);
  return url === undefined ? found : { ...found, url };
}

function* repeated(messages: readonly OutgoingMessage[], times: number): Generator<OutgoingMessage> {
  for (let time = 0; time < times; time += 1) yield* messages;
}

function lineOf({ name, outcome, reason }: Outcome): string {
  if (outcome === 'accepted') return `${pc.green('accepted')}  ${name}`;
  if (outcome === 'released') return `${pc.yellow('given back')}  ${name}  (it was not stored; send it again)`;
  return `${pc.red('rejected')}  ${name}  ${reason ?? ''}`;
}

function amqpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^amqps?:$/.test(url.protocol) || url.hostname === '')
    throw new InvalidArgumentError('It takes amqp://host:port or amqps://host:port.');
  return text;
}
