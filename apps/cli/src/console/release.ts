/** After a restore or a fail-over of Postgres: lets all lanes go on that hold for it, as one audited act (G21). */
import { setTimeout as delay } from 'node:timers/promises';
import { type RestoredLanes, releasedSchema, restoredSchema, restoredWords } from '@inorder/shared';
import pc from 'picocolors';
import { CommandFailure, EXIT } from '../exit.ts';
import type { ActOptions } from './act.ts';
import { agree } from './agree.ts';
import { type ConsoleClient, openConsole } from './client.ts';

/** Owners refuse what they could not do within `commandExpiryMs` (60 s). */
const RESULT_TIMEOUT_MS = 75_000;
const POLL_MS = 500;

/** @throws CommandFailure when a lane that was told to go on still holds. */
export async function releaseAllRestored(options: ActOptions): Promise<void> {
  if (!options.dryRun && options.reason === undefined)
    throw new CommandFailure(EXIT.wrongUse, 'give a --reason for the audit (or --dry-run to only look)');
  const console = openConsole();
  const before = await read(console);
  const say = (line: string): void => void process.stdout.write(options.json ? '' : `${line}\n`);
  const print = (rest: object): void => {
    if (options.json) process.stdout.write(`${JSON.stringify({ before, ...rest })}\n`);
  };
  if (before.heldAt === null || before.lanes === 0) {
    say('no lane holds because Postgres was restored or failed over');
    return print({ done: true, released: 0 });
  }
  say(`Postgres was restored or failed over on ${before.heldAt.toISOString()}: ${pc.bold(restoredWords(before))}`);
  say('  Those that are not paused go on with their next number.');
  say(pc.yellow('  warning: numbers delivered after the backup are sent once more, unless you skip them before'));
  if (options.dryRun || options.reason === undefined) {
    say(pc.dim('dry run: nothing was done'));
    return print({ done: false, released: 0 });
  }
  if (!options.yes) await agree(options.json);
  const input = { generation: before.generation, reason: options.reason };
  const { lanes } = await console.mutation('commands.releaseRestored', input, releasedSchema);
  const after = await waitForOwners(console);
  const left = after.lanes - after.paused;
  say(`${pc.green('✓')} ${lanes} told to go on; ${restoredWords(after)} now`);
  print({ done: left === 0, released: lanes, after });
  if (left > 0)
    throw new CommandFailure(EXIT.failed, `${left} still hold: see that an engine owns them, then say it again`);
}

function read(console: ConsoleClient): Promise<RestoredLanes> {
  return console.query('lanes.restored', undefined, restoredSchema);
}

/** Until none holds but those that are paused, or for too long nothing has changed. */
async function waitForOwners(console: ConsoleClient): Promise<RestoredLanes> {
  let lanes = Number.POSITIVE_INFINITY;
  let deadline = 0;
  for (;;) {
    const now = await read(console);
    if (now.lanes <= now.paused) return now;
    if (now.lanes < lanes) deadline = performance.now() + RESULT_TIMEOUT_MS;
    else if (performance.now() > deadline) return now;
    ({ lanes } = now);
    await delay(POLL_MS);
  }
}
