/** `up --json`: where a run is and what it consists of, as its run file has it. Nothing in it opens anything: no password, no link. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { StateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { type Layout, layoutOf, rolesOf } from './layout.ts';
import { type RunFile, readRunFile } from './run-file.ts';
import type { StartOutcome } from './start-site.ts';
import { firstUsersFile } from './users.ts';

export interface UpReport {
  /** starting: of another `up` that is not ready yet. */
  readonly outcome: StartOutcome | 'starting';
  /** It was started before, with the options of its own start. */
  readonly alreadyUp: boolean;
  /** null: this checkout has none. */
  readonly console: string | null;
  readonly layout: Layout;
  readonly instances: readonly {
    readonly name: string;
    readonly roles: readonly string[];
    readonly admin: string | null;
  }[];
  /** What runs beside engines and console and was started with them; not what DATABASE_URL, REDIS_URL or AMQP_URL name. */
  readonly services: readonly { readonly name: string; readonly address: string | null }[];
  /** The file with the passwords of the first users; null: there is none any more. */
  readonly firstPasswords: string | null;
}

/**
 * @param supervisorPid of the `up` that asks, or that it started in the background.
 * @throws CommandFailure where the run has ended meanwhile.
 */
export function upReport(state: StateFolder, supervisorPid: number, outcome: StartOutcome): UpReport {
  const run = readRunFile(state.runFile);
  if (run === undefined)
    throw new CommandFailure(EXIT.failed, `it has ended again; see ${path.join(state.logs, 'supervisor.log')}`);
  const alreadyUp = run.supervisor.pid !== supervisorPid;
  const engines = run.processes.filter(({ kind }) => kind === 'engine');
  const passwords = firstUsersFile(state);
  return {
    outcome: run.ready ? outcome : 'starting',
    alreadyUp,
    console: run.endpoints.console,
    layout: layoutOf(engines.map(({ name }) => name)),
    instances: engines.map(({ name, address }) => ({ name, roles: rolesOf(name), admin: address })),
    services: [...ownPostgres(run), ...otherProcesses(run)],
    firstPasswords: existsSync(passwords) ? passwords : null,
  };
}

function ownPostgres({ embeddedPostgres, endpoints: { databaseUrl } }: RunFile): UpReport['services'] {
  if (embeddedPostgres === null || databaseUrl === null) return [];
  return [{ name: 'postgres', address: new URL(databaseUrl).host }];
}

function otherProcesses({ processes }: RunFile): UpReport['services'] {
  return processes
    .filter(({ name, kind }) => kind !== 'engine' && name !== 'console')
    .map(({ name, address }) => ({ name, address }));
}
