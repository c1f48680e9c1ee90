/**
 * The commands, in the order of `--help`. To add one: a file beside this one that exports `register(command)`, which adds
 * arguments, options, examples and the action to a Command already named and summarised, and a line below.
 */
import type { Command } from 'commander';

export interface CommandModule {
  register(command: Command): void;
}

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'up', summary: 'start everything and print the address', load: () => import('./up.ts') },
  { name: 'down', summary: 'stop what `up` started', load: () => import('./down.ts') },
  { name: 'status', summary: 'what runs, where, and what it has counted', load: () => import('./status.ts') },
  {
    name: 'check',
    summary: 'format, lint, types, boundaries, dead code, schema drift',
    load: () => import('./check.ts'),
  },
  { name: 'test', summary: 'check and every test, or the tiers named', load: () => import('./test.ts') },
];
