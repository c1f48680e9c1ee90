/** The question before an act, on a terminal. */
import { createInterface } from 'node:readline/promises';
import { CommandFailure, EXIT } from '../exit.ts';

/** @throws CommandFailure when the answer is not yes, or nobody is there to ask. */
export async function agree(json: boolean): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY || json)
    throw new CommandFailure(EXIT.wrongUse, 'nothing was done: add --yes (there is no terminal to ask on)');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question('Do it? [y/N] ');
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailure(EXIT.failed, 'nothing was done');
  } finally {
    terminal.close();
  }
}
