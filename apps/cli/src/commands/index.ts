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
  {
    name: 'status',
    summary: 'what runs, where, what it has counted, and what each instance holds',
    load: () => import('./status.ts'),
  },
  { name: 'restart', summary: 'restart engine instances, one after the other', load: () => import('./restart.ts') },
  { name: 'doctor', summary: 'what is wrong with this site, and what to do', load: () => import('./doctor.ts') },
  { name: 'lag', summary: 'what waits, and for what', load: () => import('./lag.ts') },
  { name: 'trace', summary: 'what happened to one message', load: () => import('./trace.ts') },
  { name: 'dlq', summary: 'dead letters: what failed and waits for somebody', load: () => import('./dlq.ts') },
  { name: 'replay', summary: 'send messages through the stages again', load: () => import('./replay.ts') },
  { name: 'skip', summary: 'let a lane pass messages without delivery', load: () => import('./skip.ts') },
  { name: 'pause', summary: 'stop a lane before its next message', load: () => import('./pause.ts') },
  { name: 'resume', summary: 'let a paused or held lane go on', load: () => import('./resume.ts') },
  { name: 'resolve', summary: 'say what became of a message with unknown outcome', load: () => import('./resolve.ts') },
  { name: 'interface', summary: 'interfaces as documents: apply, list, show', load: () => import('./interface.ts') },
  { name: 'migrate', summary: 'bring the database of DATABASE_URL up to date', load: () => import('./migrate.ts') },
  { name: 'send', summary: 'send orders from files over AMQP 1.0', load: () => import('./send.ts') },
  {
    name: 'lis',
    summary: 'the simulated laboratory: run one, look at it, switch its faults',
    load: () => import('./lis.ts'),
  },
  {
    name: 'check',
    summary: 'format, lint, types, boundaries, dead code, schema drift',
    load: () => import('./check.ts'),
  },
  { name: 'test', summary: 'check and every test, or the tiers named', load: () => import('./test.ts') },
];
