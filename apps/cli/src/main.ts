/** `inorder COMMAND`: finds the command's file, lets it describe itself, runs it, and turns its end into an exit code. */
import { Command, CommanderError, Help, type Option } from 'commander';
import { COMMANDS } from './commands/index.ts';
import { CommandFailure, EXIT, type ExitCode } from './exit.ts';

async function main(args: readonly string[]): Promise<ExitCode> {
  const program = new Command('inorder')
    .description('Lab orders, in order: delivers diagnostic orders strictly first-in-first-out per interface.')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, optionDescription: withoutFalse })
    .showHelpAfterError('(inorder COMMAND --help shows what it takes)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong use, 3 refused, 4 not reachable.\nStart here: inorder up',
    );
  // Only the named command's file is loaded; the others are a line of help.
  const wanted = args[0] === 'help' ? args[1] : args[0];
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary).description(summary);
    if (name === wanted) (await load()).register(command);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return explain(error);
  }
}

/** That an option is off when it is not given goes without saying. */
function withoutFalse(option: Option): string {
  return new Help().optionDescription(option).replace(' (default: false)', '');
}

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError)
    return error.exitCode === 0 || error.code === 'commander.help' ? EXIT.done : EXIT.wrongUse;
  if (error instanceof CommandFailure) {
    if (error.message !== '') process.stderr.write(`inorder: ${error.message}\n`);
    return error.exitCode;
  }
  const text =
    error instanceof Error ? (process.env['INORDER_DEBUG'] === undefined ? error.message : error.stack) : String(error);
  process.stderr.write(`inorder: ${text}\n`);
  return EXIT.failed;
}

// `inorder … | head` ends the reader first: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Not process.exit: what was written to a pipe must get there.
process.exitCode = await main(process.argv.slice(2));
