/** This machine: Node, disk, files that hold secrets, the processes of `up`. */
import { existsSync, statfsSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readinessSchema } from '@inorder/shared';
import { isRunning } from '../up/identity.ts';
import { count, type Finding, Findings, names, reasonOf, verb } from './finding.ts';
import type { Subject } from './subject.ts';

const NODE_MAJOR = 24;
const GIB = 1024 ** 3;
const FREE_BYTES_PROBLEM = GIB;
const FREE_SHARE_WARNING = 0.1;
const ANSWER_MS = 5000;

export async function examineMachine(subject: Subject): Promise<Finding[]> {
  const found = new Findings('this machine');
  nodeVersion(found, process.version);
  diskSpace(found, subject);
  secretFiles(found, subject);
  await processes(found, subject);
  return found.list;
}

/** @param version as `process.version` writes it. */
export function nodeVersion(found: Findings, version: string): void {
  const major = Number(/^v(\d+)\./.exec(version)?.[1] ?? 0);
  if (major >= NODE_MAJOR) found.ok(`Node ${version.slice(1)}`);
  else
    found.problem(
      `Node ${version.slice(1)} is too old`,
      `The engine's sources run without a build step from Node ${NODE_MAJOR} on.`,
      `Install Node ${NODE_MAJOR} or let ./inorder fetch it.`,
    );
}

function diskSpace(found: Findings, { state, run }: Subject): void {
  const folder = [run?.embeddedPostgres, state.path, os.homedir()].find(
    (each) => each !== null && each !== undefined && existsSync(each),
  );
  if (folder === undefined || folder === null) return;
  const { bavail, bsize, blocks } = statfsSync(folder);
  const free = bavail * bsize;
  const seen = `${(free / GIB).toFixed(1)} GiB free where ${folder} lies`;
  const why = run?.embeddedPostgres
    ? 'Postgres stops taking orders when its disk is full.'
    : 'Logs and state lie there.';
  if (free < FREE_BYTES_PROBLEM) found.problem(seen, why, 'Free space now, or move the folder to a larger disk.');
  else if (free < blocks * bsize * FREE_SHARE_WARNING) found.warning(seen, why, 'Plan for more space.');
  else found.ok(seen);
}

/** Files that hold keys, tokens or a password: only their owner may read them (G22). */
function secretFiles(found: Findings, { state }: Subject): void {
  const files = [state.secrets, state.cliToken, state.runFile, `${state.postgres}.password`].filter((file) =>
    existsSync(file),
  );
  if (process.platform === 'win32' || files.length === 0) return;
  const open = files.filter((file) => (statSync(file).mode & 0o077) !== 0);
  if (open.length === 0) found.ok('files with secrets are readable by their owner alone');
  else
    found.problem(
      `others on this machine may read ${names(open.map((file) => path.basename(file)))}`,
      'They hold the keys to stored credentials, sign-in and the database.',
      `chmod 600 ${open.join(' ')}, and make new secrets if others have accounts here.`,
    );
}

async function processes(found: Findings, { run, state }: Subject): Promise<void> {
  if (run === undefined) return;
  if (!isRunning(run.supervisor))
    found.problem(
      'the supervisor of this site was killed',
      'The rest goes on, but what ends now is not started again.',
      './inorder up ends what is left and starts anew; ./inorder down ends it.',
    );
  const gone = run.processes.filter((each) => !isRunning(each)).map((each) => each.name);
  if (gone.length > 0)
    found.problem(
      `${names(gone)} ${verb(gone.length, 'does', 'do')} not run`,
      'That part of the site stands still. The supervisor starts it again after a second, and gives it up when it ended six times within a minute.',
      `Look at ${names(gone.map((name) => `${name}.log`))} in ${state.logs}; ./inorder down and up start it anew.`,
    );
  else found.ok(`${count(run.processes.length, 'process', 'processes')} of this site run`);
  const known = new Set(run.processes.map((each) => each.name));
  const engines = run.processes.filter((each) => /^(engine|ingest|validate|enrich|route|deliver)-\d+$/.test(each.name));
  const asked = [
    ...engines.map((each) => ({ name: each.name, url: each.address })),
    { name: 'console', url: known.has('console') ? run.endpoints.console : null },
  ];
  await Promise.all(asked.flatMap(({ name, url }) => (url === null ? [] : [readiness(found, name, url)])));
}

async function readiness(found: Findings, name: string, url: string): Promise<void> {
  const todo = `Look at ${url}/readyz and at the log of ${name}.`;
  try {
    const response = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(ANSWER_MS) });
    const report = readinessSchema.safeParse(await response.json());
    if (!report.success) {
      found.unknown(`${name} answers in words doctor does not know`, 'It is of another version.', todo);
      return;
    }
    const { ready, serving, dependencies } = report.data;
    const away = dependencies.filter((each) => !each.ok);
    const detail = away.map((each) => `${each.name}: ${each.detail}`).join('; ');
    if (!serving)
      found.warning(`${name} is starting or stopping`, 'It takes no work meanwhile.', 'Ask again in a while.');
    else if (!ready) found.problem(`${name} is not ready (${detail})`, 'It cannot do its work.', todo);
    else if (away.length > 0)
      found.warning(`${name} is ready, but ${detail}`, 'It works, slower or with a part off.', todo);
    else found.ok(`${name} is ready`);
  } catch (error) {
    // fetch wraps what happened.
    const reason = reasonOf(error instanceof Error ? (error.cause ?? error) : error);
    found.problem(`${name} does not answer at ${url} (${reason})`, 'It hangs, is overloaded or has just ended.', todo);
  }
}
