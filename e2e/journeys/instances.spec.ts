/** Engine processes come, are killed and stop. A system of its own: killing an engine would disturb other journeys. */
import path from 'node:path';
import { type EngineProcess, SHORT_LEASES, startEngine } from '@inorder/testkit/engine-process';
import type { Locator, Page } from '@playwright/test';
import { type StartedSystem, startSystem } from '../running/system.ts';
import { expect, test } from './journey.ts';
import { expectNoViolation } from './no-violation.ts';

const SHARDS = 256;

let own: StartedSystem;
const started = new AsyncDisposableStack();

async function deliverer(instance: string): Promise<EngineProcess> {
  const { databaseUrl, redisUrl, adminSecret } = own.facts;
  return started.use(
    await startEngine({
      databaseUrl,
      ...(redisUrl === undefined ? {} : { redisUrl }),
      instance,
      roles: 'deliver',
      env: { ...SHORT_LEASES, INORDER_ADMIN_SECRET: adminSecret },
    }),
  );
}

const card = (page: Page, instance: string): Locator => page.getByRole('article', { name: instance, exact: true });
const fact = (page: Page, instance: string, term: string): Locator =>
  card(page, instance).locator('dl > div').filter({ hasText: term }).locator('dd');
const cells = (page: Page, owner: string): Locator =>
  page.getByTestId('shard-strip').locator(`[data-owner="${owner}"]`);

test.describe('an engine that delivers is killed', () => {
  test.beforeAll(async () => {
    test.setTimeout(240_000);
    own = started.use(
      await startSystem(path.resolve(import.meta.dirname, '../test-results/logs/instances'), {
        engine: { ...SHORT_LEASES, INORDER_ROLES: 'ingest,validate,enrich,route,watchdog' },
      }),
    );
  });
  test.afterAll(() => started.disposeAsync());

  test('it is shown as lost and its shards move; when nobody delivers any more the page says what that means', async ({
    browser,
    contextOptions,
  }) => {
    test.setTimeout(300_000);
    const [first, second] = [await deliverer('deliver-1'), await deliverer('deliver-2')];
    await using context = await browser.newContext({
      ...contextOptions,
      baseURL: own.facts.consoleUrl,
      storageState: own.facts.people.viewer.session,
    });
    const page = await context.newPage();
    await page.goto('/instances');
    for (const instance of ['engine-1', 'deliver-1', 'deliver-2']) {
      await expect(card(page, instance)).toHaveAttribute('data-presence', 'ALIVE');
    }
    await expect(page.getByText('3 alive')).toBeVisible();
    await expect(page.locator('[data-role="deliver"]')).toContainText('deliver-1, deliver-2');
    await expect(fact(page, 'engine-1', 'Sources')).toHaveText('none');
    await expect(fact(page, 'engine-1', 'Shards')).toHaveCount(0);
    // About half each, once the second has taken its share.
    await expect.poll(() => cells(page, 'deliver-2').count()).toBeGreaterThan(SHARDS / 4);
    await expect(cells(page, '')).toHaveCount(0);
    const share = await cells(page, 'deliver-1').count();
    expect(share + (await cells(page, 'deliver-2').count())).toBe(SHARDS);
    await expect(fact(page, 'deliver-1', 'Shards')).toHaveText(String(share));
    await expect(page.getByRole('button', { name: `deliver-1 ${share} shards` })).toBeVisible();
    await expect(page.getByTestId('instances-live')).toHaveAttribute('data-live', 'on');
    await expectNoViolation(page, 'all alive');

    await first.kill();
    await expect(cells(page, 'deliver-2')).toHaveCount(SHARDS);
    await expect(card(page, 'deliver-1')).toHaveAttribute('data-presence', 'LOST');
    await expect(card(page, 'deliver-1')).toContainText('It holds nothing any more');
    await expect(page.getByText('2 alive, 1 lost')).toBeVisible();
    await expect(page.getByRole('main').getByRole('alert')).toHaveCount(0);
    await expectNoViolation(page, 'one lost');

    await second.stop();
    await expect(card(page, 'deliver-2')).toHaveAttribute('data-presence', 'STOPPED');
    await expect(cells(page, '')).toHaveCount(SHARDS);
    await expect(page.locator('[data-role="deliver"]')).toContainText('Hosted by nobody');
    await expect(page.getByRole('main').getByRole('alert')).toHaveText(/^Nobody hosts deliver\. No lane moves/);
    await expectNoViolation(page, 'nobody delivers');

    await deliverer('deliver-3');
    await expect(cells(page, 'deliver-3')).toHaveCount(SHARDS);
    await expect(page.getByRole('main').getByRole('alert')).toHaveCount(0);

    // On a phone nothing needs a sideways scroll.
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
    await expectNoViolation(page, 'on a phone');

    await context.setOffline(true);
    await expect(page.getByTestId('instances-live')).toContainText(/Reconnecting, \d+ s old/);
    await context.setOffline(false);
    await expect(page.getByTestId('instances-live')).toHaveAttribute('data-live', 'on');
  });
});
