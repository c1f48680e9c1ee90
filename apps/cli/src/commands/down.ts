import type { Command } from 'commander';
import { stateFolder } from '../checkout.ts';
import { terminalProgress } from '../steps.ts';
import { down } from '../up/down.ts';

export function register(command: Command): void {
  command.addHelpText('after', '\nData stays; inorder up goes on with it.').action(async () => {
    const { say } = terminalProgress();
    say((await down(stateFolder(), say)) ? 'stopped' : 'nothing is running');
  });
}
