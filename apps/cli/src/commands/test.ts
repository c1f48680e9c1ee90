import { type Command, InvalidArgumentError } from 'commander';
import { type CheckResult, checkDocument, runChecks } from '../check/run.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { type PrintDocument, tellInJson } from '../json.ts';
import { terminalProgress } from '../steps.ts';
import { type Counts, failedOutsideTests, NO_COUNTS, type RunCounts } from '../test/counts.ts';
import { runTiers } from '../test/run.ts';
import { parseTier, TIERS, type Tier } from '../test/tiers.ts';

interface Options {
  readonly json: boolean;
}

export function register(command: Command): void {
  command
    .argument('[tier...]', `which tests: ${TIERS.join(', ')}; none: check, then all of them`, addTier)
    .option('--json', 'for programs: counts by tier, and of all', false)
    .addHelpText(
      'after',
      `
Real services are started as needed. INORDER_TEST_DATABASE_URL, REDIS_URL and CHROME_PATH name others; what is missing is
installed on Debian as root, else skipped by name, and with CI=true a failure. The last line counts: N passed, N failed.`,
    )
    .action((named: readonly Tier[] | undefined, options: Options) =>
      tellInJson(options.json, (print) => run(named ?? [], options, print)),
    );
}

async function run(named: readonly Tier[], { json }: Options, print: PrintDocument): Promise<void> {
  const progress = terminalProgress(json);
  const checks = named.length === 0 ? await runChecks(progress) : null;
  const asked = named.length === 0 ? TIERS : named;
  const counts = await runTiers(asked, { say: progress.say, shownOn: json ? 'stderr' : 'ours' });
  const { passed, skipped } = counts.total;
  if (skipped > 0) progress.say(`${skipped} skipped`);
  const checksFailed = checks?.failed ?? [];
  // A check that failed counts: a line that says "0 failed" must mean it.
  const failed = counts.total.failed + checksFailed.length;
  if (checksFailed.length > 0) progress.say(`check failed: ${checksFailed.join(', ')}`);
  progress.say(`${passed} passed, ${failed} failed`);
  print(documentOf(asked, counts, checks, { passed, failed, skipped }));
  if (failed > 0) throw new CommandFailure(EXIT.failed, '');
}

function documentOf(asked: readonly Tier[], counts: RunCounts, checks: CheckResult | null, total: Counts): object {
  return {
    tiers: Object.fromEntries(asked.map((tier) => [tier, counts.tiers.get(tier) ?? NO_COUNTS])),
    failedOutsideTests: failedOutsideTests(counts),
    check: checks === null ? null : checkDocument(checks),
    total,
  };
}

function addTier(text: string, before: readonly Tier[] | undefined): readonly Tier[] {
  const tier = parseTier(text);
  if (tier === undefined) throw new InvalidArgumentError(`Tiers are ${TIERS.join(', ')}.`);
  return [...(before ?? []), tier];
}
