import { ERROR_CODES, isErrorCode } from '@inorder/core';
import { deadLetterGroupsSchema, deadLetterPageSchema } from '@inorder/shared';
import { type Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { openConsole } from '../console/client.ts';
import { parseCode } from '../console/target.ts';
import { wholeNumber } from '../number-option.ts';
import { table, timeText } from '../table.ts';

interface Options {
  readonly interface?: string;
  readonly code?: string;
  readonly all: boolean;
  readonly json: boolean;
}

const LIMIT_MAX = 200;

export function register(command: Command): void {
  filters(command)
    .addHelpText(
      'after',
      `
What waits for somebody, by cause; inorder dlq list names the messages.

Examples:
  inorder dlq
  inorder dlq list --interface LAB-0042
  inorder dlq list --code ENRICH_CODE_UNKNOWN`,
    )
    .action(showCauses);
  filters(command.command('list').summary('single messages, newest first').description('single messages, newest first'))
    .option('--limit <count>', 'how many', wholeNumber({ least: 1, most: LIMIT_MAX }), 50)
    .action((_: unknown, subcommand: Command) =>
      showMessages(subcommand.optsWithGlobals<Options & { limit: number }>()),
    );
}

function filters(command: Command): Command {
  return command
    .option('--interface <code>', 'of one interface', parseCode)
    .option('--code <code>', 'of one error code', errorCode)
    .option('--all', 'also what has been dealt with', false)
    .option('--json', 'for programs', false);
}

function errorCode(text: string): string {
  const code = text.toUpperCase();
  if (!isErrorCode(code)) throw new InvalidArgumentError('There is no such error code, see docs.');
  return code;
}

function filterOf(options: Options): object {
  return {
    state: options.all ? 'all' : 'open',
    ...(options.interface === undefined ? {} : { interfaceCode: options.interface }),
    ...(options.code === undefined ? {} : { errorCode: options.code }),
  };
}

async function showCauses(options: Options): Promise<void> {
  const found = await openConsole().query('deadLetters.group', filterOf(options), deadLetterGroupsSchema);
  if (options.json) return void process.stdout.write(`${JSON.stringify(found)}\n`);
  if (found.groups.length === 0) return void process.stdout.write('no dead letters\n');
  const rows = found.groups.map((group) => [
    String(group.count),
    String(group.interfaces),
    group.errorCode,
    [group.path, group.value].filter((part) => part !== null).join(' = '),
    isErrorCode(group.errorCode) ? ERROR_CODES[group.errorCode].title : '',
    timeText(group.lastAt),
  ]);
  const heading = ['messages', 'interfaces', 'code', 'where', 'what', 'last'].map((word) => pc.dim(word));
  process.stdout.write(table([heading, ...rows], ['right', 'right']));
  process.stdout.write(`${found.partial ? 'more than ' : ''}${found.total} in all\n`);
}

async function showMessages(options: Options & { readonly limit: number }): Promise<void> {
  const input = { filter: filterOf(options), limit: options.limit };
  const page = await openConsole().query('deadLetters.list', input, deadLetterPageSchema);
  if (options.json) return void process.stdout.write(`${JSON.stringify(page)}\n`);
  if (page.items.length === 0) return void process.stdout.write('no dead letters\n');
  const rows = page.items.map((item) => [
    `${item.interfaceCode}:${item.sequenceNo}`,
    item.errorCode,
    [item.path, item.value].filter((part) => part !== null).join(' = '),
    item.stage.toLowerCase(),
    item.passed ? 'passed' : 'not passed yet',
    item.maybeDelivered ? 'may have been delivered' : '',
    timeText(item.createdAt),
  ]);
  const heading = ['message', 'code', 'where', 'stage', 'lane', '', 'since'].map((word) => pc.dim(word));
  process.stdout.write(table([heading, ...rows]));
  if (page.next !== null) process.stdout.write('… and more; narrow it with --interface or --code\n');
}
