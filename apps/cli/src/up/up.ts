/**
 * `inorder up`: from a clone to a running site, step by step, and back again at Ctrl-C in reverse order.
 * Whatever a run that was killed left behind is adopted (Postgres) or ended (everything else) by the next one.
 */
import { type StateFolder, stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import type { Progress } from '../steps.ts';
import { givenServers } from './given.ts';
import { identify } from './identity.ts';
import { Run, type UpOptions } from './run.ts';
import { claimRun, newRun, type RunFile } from './run-file.ts';
import { loadSecrets } from './secrets.ts';
import { askSignInLink } from './sign-in-link.ts';
import { type StartOutcome, startSite } from './start-site.ts';
import { StopRequest } from './stop-request.ts';

/** Starts everything, calls `onReady`, and stays until a stop signal; returns when everything is stopped. */
export async function up(
  options: UpOptions,
  progress: Progress,
  onReady: (outcome: StartOutcome) => void,
): Promise<void> {
  const state = stateFolder();
  const given = givenServers(process.env, { broker: options.distributed && options.demo });
  if (options.fresh && given.databaseUrl !== undefined)
    throw new CommandFailure(
      EXIT.wrongUse,
      '--fresh does not empty the database of DATABASE_URL: do that yourself, or unset it',
    );
  const me = identify(process.pid);
  if (me === undefined) throw new Error('cannot tell our own start time');
  const stop = new StopRequest();
  const claim = await claimRun(state.runFile, newRun(me, Date.now()));
  if (claim.kind === 'running') {
    await sayAlreadyUp(claim.run, state, progress);
    onReady('works');
    return;
  }
  if (claim.cleared.length > 0) progress.say(`ended what a killed run had left: ${claim.cleared.join(', ')}`);
  const run = new Run({ options, state, given, progress, stop, file: claim.run });
  try {
    onReady(await startSite(run));
    await stop.requested;
  } catch (error) {
    if (!stop.isRequested) throw error; // Else it failed because it was told to stop.
  } finally {
    await run.stop();
  }
}

async function sayAlreadyUp(run: RunFile, state: StateFolder, progress: Progress): Promise<void> {
  progress.say(
    run.ready
      ? 'Inorder is up already, with the options of its own start (inorder down stops it)'
      : 'another inorder up is just starting here',
  );
  if (run.endpoints.console === null) return;
  progress.say(`console: ${run.endpoints.console}`);
  progress.say(await askSignInLink(run.endpoints.console, loadSecrets(state.secrets).adminSecret));
}
