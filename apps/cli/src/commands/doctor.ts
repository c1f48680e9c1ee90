import type { Command } from 'commander';
import { stateFolder } from '../checkout.ts';
import { examine } from '../doctor/examine.ts';
import { LEVELS } from '../doctor/finding.ts';
import { findSubject, secretKeyOf } from '../doctor/subject.ts';
import { words } from '../doctor/words.ts';
import { CommandFailure, EXIT } from '../exit.ts';

export function register(command: Command): void {
  command
    .option('--json', 'for programs', false)
    .option('--no-connect', 'do not open connections to laboratory systems and brokers')
    .addHelpText(
      'after',
      `
Looks at the site that inorder up runs here, or at the one of DATABASE_URL and REDIS_URL. Changes nothing. To laboratory
systems it opens a connection and closes it again without a byte; one that takes a single connection may mind. Brokers are
asked about the settings of the queues that are read there, with the credentials of the site, for which doctor needs
INORDER_SECRET_KEY where up does not run. --no-connect leaves out both.

Exit code 1 when there is a problem, 4 when there is no site or its Postgres does not answer. Warnings alone are 0.`,
    )
    .action(run);
}

async function run({ json, connect }: { json: boolean; connect: boolean }): Promise<void> {
  const subject = findSubject(stateFolder(), process.env);
  if (subject === undefined)
    throw new CommandFailure(EXIT.notReachable, 'nothing runs here: start it with inorder up, or set DATABASE_URL');
  const { findings, postgresAnswers } = await examine(subject, {
    connect,
    secretKey: secretKeyOf(subject, process.env),
  });
  const worst = LEVELS.findLast((level) => findings.some((finding) => finding.level === level)) ?? 'ok';
  process.stdout.write(json ? `${JSON.stringify({ worst, findings })}\n` : words(findings));
  if (!postgresAnswers) throw new CommandFailure(EXIT.notReachable, '');
  if (worst === 'problem') throw new CommandFailure(EXIT.failed, '');
}
