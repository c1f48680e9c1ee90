import { type Command, InvalidArgumentError } from 'commander';
import { runChecks } from '../check/run.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { terminalProgress } from '../steps.ts';
import { runTiers } from '../test/run.ts';
import { parseTier, TIERS, type Tier } from '../test/tiers.ts';

export function register(command: Command): void {
  command
    .argument('[tier...]', `which tests: ${TIERS.join(', ')}; none: check, then all of them`, addTier)
    .addHelpText(
      'after',
      `
Real services are started as needed. INORDER_TEST_DATABASE_URL, REDIS_URL and CHROME_PATH name others; what is missing is
installed on Debian as root, else skipped by name, and with CI=true a failure. The last line counts: N passed, N failed.`,
    )
    .action(run);
}

async function run(named: readonly Tier[] | undefined): Promise<void> {
  const progress = terminalProgress();
  const everything = named === undefined || named.length === 0;
  const checks = everything ? await runChecks(progress) : { failed: [] };
  const counts = await runTiers(everything ? TIERS : named, progress.say);
  if (counts.skipped > 0) progress.say(`${counts.skipped} skipped`);
  // A check that failed counts: a line that says "0 failed" must mean it.
  const failed = counts.failed + checks.failed.length;
  if (checks.failed.length > 0) progress.say(`check failed: ${checks.failed.join(', ')}`);
  progress.say(`${counts.passed} passed, ${failed} failed`);
  if (failed > 0) throw new CommandFailure(EXIT.failed, '');
}

function addTier(text: string, before: readonly Tier[] | undefined): readonly Tier[] {
  const tier = parseTier(text);
  if (tier === undefined) throw new InvalidArgumentError(`Tiers are ${TIERS.join(', ')}.`);
  return [...(before ?? []), tier];
}
