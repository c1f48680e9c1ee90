/** Runs tiers of tests and adds up what the runners report. */
import { existsSync, globSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../checkout.ts';
import { ensurePrismaClient } from '../prisma-client.ts';
import { packageProgram, runShown } from '../program.ts';
import { type Counts, judged, NO_COUNTS, playwrightCounts, sum, vitestCounts } from './counts.ts';
import { BROWSER, provide, provideArtemis, RABBITMQ, REDIS } from './services.ts';
import { needBrokers, needBrowser, needRedis, type Tier } from './tiers.ts';

const REPORTS = path.join(ROOT, '.inorder', 'test');

export async function runTiers(tiers: readonly Tier[], say: (line: string) => void): Promise<Counts> {
  mkdirSync(REPORTS, { recursive: true });
  await ensurePrismaClient();
  if (needRedis(tiers)) await provide(REDIS, say);
  if (needBrokers(tiers)) {
    await provide(RABBITMQ, say);
    await provideArtemis(say);
  }
  const browser = needBrowser(tiers) ? await provide(BROWSER, say) : undefined;
  const counts: Counts[] = [];
  const inVitest = tiers.filter((tier) => tier !== 'e2e');
  // Chaos measures times and kills processes: alone, so that neither disturbs nor is disturbed.
  const together = inVitest.filter((tier) => tier !== 'chaos');
  // More than half of their time is waiting: for brokers, time-outs, starts of servers.
  if (together.length > 0) counts.push(await runVitest(together, ['--maxWorkers=3']));
  if (tiers.includes('e2e')) {
    // Whole systems of real processes first, then people at a browser.
    counts.push(await runVitest(['system']));
    if (browser !== undefined) counts.push(await runPlaywright(browser, say));
  }
  if (inVitest.includes('chaos')) counts.push(await runVitest(['chaos']));
  return sum(counts);
}

async function runVitest(projects: readonly string[], more: readonly string[] = []): Promise<Counts> {
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
  const { code } = await runShown(packageProgram('vitest', args));
  return judged(vitestCounts(report), code);
}

async function runPlaywright(browser: string, say: (line: string) => void): Promise<Counts> {
  const folder = path.join(ROOT, 'e2e');
  if (
    !existsSync(path.join(folder, 'playwright.config.ts')) ||
    globSync('**/*.spec.ts', { cwd: folder }).length === 0
  ) {
    say('e2e: left out, this checkout has no journeys');
    return NO_COUNTS;
  }
  const report = path.join(REPORTS, 'playwright.json');
  rmSync(report, { force: true });
  const { code } = await runShown({
    ...packageProgram('playwright', ['test', '--reporter=list,json'], folder),
    env: { CHROME_PATH: browser, PLAYWRIGHT_JSON_OUTPUT_NAME: report, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  return judged(playwrightCounts(report), code);
}
