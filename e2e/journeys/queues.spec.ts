/**
 * bull-board behind the console's sign-in. A system of its own, with a Redis of its own: pausing a queue would disturb
 * other journeys.
 */
import path from 'node:path';
import { QUEUE_BOARD_PATH, type Role } from '@inorder/shared';
import type { Browser, BrowserContext, Locator, Page } from '@playwright/test';
import { type StartedSystem, startSystem } from '../running/system.ts';
import { expect, test } from './journey.ts';

const QUEUE = 'inorder-maintenance';
const PAUSE = `/api/queues/${QUEUE}/pause`;

let own: StartedSystem | undefined;

function facts(): StartedSystem['facts'] {
  if (own === undefined) throw new Error('the system of this journey does not run');
  return own.facts;
}

/** Somebody's browser, and every origin that it asks anything of. */
async function browserOf(
  browser: Browser,
  role: Role | null,
): Promise<{ readonly context: BrowserContext; readonly page: Page; readonly origins: Set<string> }> {
  const context = await browser.newContext({
    baseURL: facts().consoleUrl,
    viewport: { width: 1440, height: 900 },
    storageState: role === null ? { cookies: [], origins: [] } : facts().people[role].session,
  });
  const page = await context.newPage();
  const origins = new Set<string>();
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:') origins.add(url.origin);
  });
  return { context, page, origins };
}

const menus = (page: Page): Locator => page.locator('#root button[aria-haspopup="menu"]');

/** What a page of the console would send. */
function act(page: Page, where: string): Promise<readonly [number, string]> {
  return page.evaluate(async (url) => {
    const answer = await fetch(url, { method: 'PUT' });
    return [answer.status, await answer.text()] as const;
  }, QUEUE_BOARD_PATH + where);
}

test.describe('bull-board', () => {
  test.describe.configure({ mode: 'serial' });

  test.beforeAll(async () => {
    test.setTimeout(240_000);
    own = await startSystem(path.resolve(import.meta.dirname, '../test-results/logs/queues'));
  });
  test.afterAll(() => own?.[Symbol.asyncDispose]());
  test.beforeEach(() => {
    test.skip(facts().redisUrl === undefined, 'no redis-server on this machine');
  });

  test('G17: an administrator sees the queues, pauses one and resumes it, and the audit says who and what', async ({
    browser,
  }) => {
    const { context, page, origins } = await browserOf(browser, 'admin');
    await using _ = context;
    const refused: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') refused.push(message.text());
    });
    await page.goto('/instances');
    await page.getByRole('link', { name: 'Stage queues' }).click();
    for (const queue of ['inorder-stage-validate', QUEUE]) {
      await expect(page.getByRole('link', { name: queue }).first()).toBeVisible();
    }
    await page.goto(`${QUEUE_BOARD_PATH}/queue/${QUEUE}`);
    for (const verb of ['Pause', 'Resume']) {
      // The first menu leads back to the console, the second holds the acts.
      await expect(menus(page)).toHaveCount(2);
      await menus(page).last().click();
      // And none for what is refused to everybody.
      await expect(page.getByRole('menuitem')).toHaveText([verb, 'Empty']);
      await page.getByRole('menuitem', { name: verb, exact: true }).click();
      const done = page.waitForResponse((answer) => answer.request().method() === 'PUT');
      await page.getByRole('button', { name: 'Confirm' }).click();
      expect((await done).status()).toBe(200);
    }

    await menus(page).first().click();
    await page.getByRole('menuitem', { name: 'Back to the console' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Instances');
    await page.goto('/audit?action=queue');
    const rows = page.getByRole('table', { name: 'Audit' }).locator('tbody tr');
    await expect(rows).toHaveCount(2);
    for (const [n, verb] of ['resume', 'pause'].entries()) {
      await expect(rows.nth(n)).toContainText(facts().people.admin.email);
      await expect(rows.nth(n)).toContainText(`queue.${verb}`);
      await expect(rows.nth(n)).toContainText(`queue:${QUEUE}`);
      await expect(rows.nth(n)).toContainText(`bull-board: PUT /api/queues/${QUEUE}/${verb}`);
    }
    expect([...origins], 'no request leaves for another host').toEqual([facts().consoleUrl]);
    expect(refused, 'the policy refuses nothing that the board needs').toEqual([]);
  });

  test('an analyst looks and cannot act, in the board or past it', async ({ browser }) => {
    const { context, page, origins } = await browserOf(browser, 'analyst');
    await using _ = context;
    await page.goto(`${QUEUE_BOARD_PATH}/queue/${QUEUE}`);
    await expect(page.getByRole('heading', { name: QUEUE })).toBeVisible();
    await expect(page.getByText('LOCAL · read only')).toBeVisible();
    await expect(menus(page)).toHaveCount(1);
    const queues = await page.request.get(`${QUEUE_BOARD_PATH}/api/queues`);
    const shown = (await queues.json()) as { queues: { name: string; readOnlyMode: boolean; isPaused: boolean }[] };
    expect(shown.queues.map(({ readOnlyMode }) => readOnlyMode)).not.toContain(false);

    expect(await act(page, PAUSE)).toEqual([403, expect.stringContaining('Your role does not include queues.act.')]);
    // Without a page as its sender, and as an act that nobody may do.
    expect((await page.request.put(QUEUE_BOARD_PATH + PAUSE)).status()).toBe(403);
    expect((await page.request.post(`${QUEUE_BOARD_PATH}/api/queues/${QUEUE}/add`)).status()).toBeGreaterThanOrEqual(
      403,
    );
    const after = (await (await page.request.get(`${QUEUE_BOARD_PATH}/api/queues`)).json()) as typeof shown;
    expect(after.queues.filter(({ isPaused }) => isPaused)).toEqual([]);
    expect([...origins]).toEqual([facts().consoleUrl]);
  });

  test('nobody is sent to sign-in; a viewer is told which right is missing', async ({ browser }) => {
    const stranger = await browserOf(browser, null);
    await using _ = stranger.context;
    const deep = `${QUEUE_BOARD_PATH}/queue/${QUEUE}`;
    await stranger.page.goto(deep);
    await expect(stranger.page).toHaveURL(`/sign-in?next=${encodeURIComponent(deep)}`);
    expect((await stranger.page.request.get(`${QUEUE_BOARD_PATH}/api/queues`)).status()).toBe(401);
    expect((await act(stranger.page, PAUSE))[0]).toBe(401);
    await stranger.page.getByLabel('E-mail').fill(facts().people.analyst.email);
    await stranger.page.getByLabel('Password').fill(facts().people.analyst.password);
    await stranger.page.getByRole('button', { name: 'Sign in' }).click();
    await expect(stranger.page).toHaveURL(deep);

    const viewer = await browserOf(browser, 'viewer');
    await using __ = viewer.context;
    await viewer.page.goto(QUEUE_BOARD_PATH);
    await expect(viewer.page.getByRole('main')).toContainText('You may not see the stage queues');
    await expect(viewer.page.getByRole('main')).toContainText('queues.read');
  });
});
