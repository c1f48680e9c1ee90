/** Runs tiers of tests and adds up what the runners report. */
import { existsSync, globSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../checkout.ts';
import { ensurePrismaClient } from '../prisma-client.ts';
import { packageProgram, runShown } from '../program.ts';
import { judged, NO_COUNTS, playwrightCounts, type RunCounts, sumRuns, vitestCounts } from './counts.ts';
import { BROWSER, provide, provideArtemis, RABBITMQ, REDIS } from './services.ts';
import { needBrokers, needBrowser, needRedis, type Tier } from './tiers.ts';

const REPORTS = path.join(ROOT, '.inorder', 'test');

export interface TestOutput {
  readonly say: (line: string) => void;
  /** Where the runners write. */
  readonly shownOn: 'ours' | 'stderr';
}

export async function runTiers(tiers: readonly Tier[], output: TestOutput): Promise<RunCounts> {
  const { say } = output;
  mkdirSync(REPORTS, { recursive: true });
  await ensurePrismaClient();
  if (needRedis(tiers)) await provide(REDIS, say);
  if (needBrokers(tiers)) {
    await provide(RABBITMQ, say);
    await provideArtemis(say);
  }
  const browser = needBrowser(tiers) ? await provide(BROWSER, say) : undefined;
  const runs: RunCounts[] = [];
  const inVitest = tiers.filter((tier) => tier !== 'e2e');
  // Chaos measures times and kills processes: alone, so that neither disturbs nor is disturbed.
  const together = inVitest.filter((tier) => tier !== 'chaos');
  // More than half of their time is waiting: for brokers, time-outs, starts of servers.
  if (together.length > 0) runs.push(await runVitest(together, output, ['--maxWorkers=3']));
  if (tiers.includes('e2e')) {
    // Whole systems of real processes first, then people at a browser.
    runs.push(await runVitest(['system'], output));
    if (browser !== undefined) runs.push(await runPlaywright(browser, output));
  }
  if (inVitest.includes('chaos')) runs.push(await runVitest(['chaos'], output));
  return sumRuns(runs);
}

async function runVitest(
  projects: readonly string[],
  { shownOn }: TestOutput,
  more: readonly string[] = [],
): Promise<RunCounts> {
  const report = path.join(REPORTS, `vitest-${projects.join('-')}.json`);
  rmSync(report, { force: true });
  const args = [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...projects.flatMap((project) => ['--project', project]),
    ...more,
  ];
  const { code } = await runShown(packageProgram('vitest', args), shownOn);
  return judged(vitestCounts(report), code);
}

async function runPlaywright(browser: string, { say, shownOn }: TestOutput): Promise<RunCounts> {
  const folder = path.join(ROOT, 'e2e');
  if (
    !existsSync(path.join(folder, 'playwright.config.ts')) ||
    globSync('**/*.spec.ts', { cwd: folder }).length === 0
  ) {
    say('e2e: left out, this checkout has no journeys');
    return { total: NO_COUNTS, tiers: new Map() };
  }
  const report = path.join(REPORTS, 'playwright.json');
  rmSync(report, { force: true });
  const { code } = await runShown(
    {
      ...packageProgram('playwright', ['test', '--reporter=list,json'], folder),
      env: { CHROME_PATH: browser, PLAYWRIGHT_JSON_OUTPUT_NAME: report, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    },
    shownOn,
  );
  return judged(playwrightCounts(report), code);
}
