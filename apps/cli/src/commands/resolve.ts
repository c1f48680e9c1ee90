import { UNKNOWN_RESOLUTIONS, type UnknownResolution } from '@inorder/core';
import { Argument, type Command } from 'commander';
import { type ActOptions, act, actOptions } from '../console/act.ts';
import { parseCode } from '../console/target.ts';
import { CommandFailure, EXIT } from '../exit.ts';

interface Options extends ActOptions {
  readonly arrived?: true;
  readonly sendAgain?: true;
  readonly deadLetter?: true;
}

const word = (resolution: UnknownResolution): string => resolution.toLowerCase().replace('_', '-');

export function register(command: Command): void {
  actOptions(
    command
      .argument('<code>', 'the interface: LAB-0042', parseCode)
      .addArgument(new Argument('[how]', 'or as an option').choices(UNKNOWN_RESOLUTIONS.map(word)))
      .option('--arrived', 'the laboratory has it: settle it as delivered')
      .option('--send-again', 'the laboratory does not have it: send the same bytes again')
      .option('--dead-letter', 'give it up: dead-letter it and go on'),
  )
    .addHelpText(
      'after',
      `
For a lane that holds because nobody knows whether its last message arrived: say what became of it. Ask the laboratory first.

Example:
  inorder resolve LAB-0042 --arrived --reason "Laboratory confirms by phone"`,
    )
    .action((interfaceCode: string, how: string | undefined, options: Options) =>
      act(
        [
          {
            kind: 'RESOLVE_UNKNOWN',
            interfaceCode,
            fromSequenceNo: null,
            toSequenceNo: null,
            resolution: resolutionOf(how, options),
          },
        ],
        options,
      ),
    );
}

function resolutionOf(how: string | undefined, options: Options): UnknownResolution {
  const named = UNKNOWN_RESOLUTIONS.filter((resolution) => {
    const flag = { ARRIVED: options.arrived, SEND_AGAIN: options.sendAgain, DEAD_LETTER: options.deadLetter }[
      resolution
    ];
    return flag === true || word(resolution) === how;
  });
  const [only, ...more] = named;
  if (only === undefined || more.length > 0)
    throw new CommandFailure(EXIT.wrongUse, 'say one of --arrived, --send-again, --dead-letter');
  return only;
}
