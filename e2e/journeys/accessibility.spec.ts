/** WCAG 2.2 AA as far as a program can tell: every page and every dialog, in both themes, and by keyboard alone. */
import type { Page } from '@playwright/test';
import { badOrderAndCancel, newOrder } from '../running/laboratory.ts';
import { chooseNumbers, planned } from './act.ts';
import { expect, test } from './journey.ts';
import { expectRibbon, openBoard, openLane } from './lane-page.ts';
import { expectNoViolation } from './no-violation.ts';

for (const theme of ['light', 'dark'] as const) {
  test.describe(`in the ${theme} theme`, () => {
    const rules = theme === 'light' ? 'all' : 'colours';
    test.use({ role: 'admin' });
    test.setTimeout(420_000);
    test.beforeEach(async ({ context, system }) => {
      await context.addCookies([{ name: 'inorder-theme', value: theme, url: system.consoleUrl }]);
    });

    test(`${theme}: no page of the console breaks a rule of WCAG 2.2 AA`, async ({
      page,
      laboratory,
      browser,
      system,
    }) => {
      const lab = await laboratory('ALLY');
      lab.send(newOrder(lab.code, 1));
      lab.send(newOrder(lab.code, 2, 'unknownCode'));
      lab.send(newOrder(lab.code, 3));
      await openLane(page, lab.code);
      await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
      await expectRibbon(page, ['DELIVERED', 'FAILED', 'DELIVERED']);
      await lab.listen(false);
      for (const counter of [4, 5]) lab.send(newOrder(lab.code, counter));
      await expect(page.getByTestId('lane-status')).toContainText('Endpoint down');
      await expectRibbon(page, ['DELIVERED', 'FAILED', 'DELIVERED', 'READY', 'READY']);
      await expectNoViolation(page, 'interface', rules);
      await openBoard(page, lab.code);
      await expectNoViolation(page, 'lanes, one', rules);
      await page.goto('/lag');
      await expect(page.getByTestId('live-bar')).toHaveAttribute('data-live', 'on');
      await expectNoViolation(page, 'lanes', rules);
      await page.goto('/lag?q=NOBODY');
      await expect(page.getByText('No interface matches')).toBeVisible();
      await expectNoViolation(page, 'lanes, none', rules);
      await page.goto(`/dlq?interface=${lab.code}`);
      await page.getByRole('checkbox', { name: `Select ${lab.code}:2` }).check();
      await page.getByRole('navigation', { name: 'Causes' }).getByRole('button').nth(1).click();
      await expect(page.getByRole('region', { name: 'Cause', exact: true })).toBeVisible();
      await expectNoViolation(page, 'dead letters', rules);
      await page.goto('/dlq?interface=NOBODY');
      await expect(page.getByText('No dead letter matches these filters')).toBeVisible();
      await expectNoViolation(page, 'dead letters, none', rules);
      await page.goto('/messages');
      await expectNoViolation(page, 'messages', rules);
      await page.getByLabel('Number to find').fill(lab.controlId(1));
      await page.getByRole('button', { name: 'Find' }).click();
      await expect(page.getByRole('table', { name: 'Messages found' })).toBeVisible();
      await expectNoViolation(page, 'messages found', rules);
      for (const number of [1, 2, 4]) {
        await page.goto(`/messages/${lab.code}/${number}`);
        await expect(page.getByRole('heading', { name: 'What it says' })).toBeVisible();
        await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
        await expectNoViolation(page, `message ${number}`, rules);
      }
      await page.goto('/audit');
      await expect(page.getByRole('table', { name: 'Audit' }).getByRole('row').nth(1)).toBeVisible();
      await expectNoViolation(page, 'audit', rules);
      await page.goto('/instances');
      await expect(page.getByTestId('shard-strip')).toBeVisible();
      await expectNoViolation(page, 'instances', rules);
      await page.getByRole('list', { name: 'Shards by owner' }).getByRole('button').first().click();
      await expectNoViolation(page, 'instances, one owner', rules);
      for (const problem of ['NO_REDIS', 'REDIS_AWAY']) {
        await page.goto(`/queues?problem=${problem}`);
        await expect(page.getByRole('heading', { name: 'Stage queues' })).toBeVisible();
        await expectNoViolation(page, `queues, ${problem}`, rules);
      }
      await page.goto('/no-such-page');
      await expectNoViolation(page, 'no such page', rules);

      await using other = await browser.newContext({ storageState: { cookies: [], origins: [] } });
      await other.addCookies([{ name: 'inorder-theme', value: theme, url: system.consoleUrl }]);
      const stranger = await other.newPage();
      await stranger.goto(`${system.consoleUrl}/sign-in?problem=link`);
      await stranger.getByLabel('E-mail').fill('nobody@inorder.example');
      await stranger.getByLabel('Password').fill('not the password');
      await stranger.getByRole('button', { name: 'Sign in' }).click();
      await expect(stranger.getByText('E-mail or password is wrong.')).toBeVisible();
      await expectNoViolation(stranger, 'sign in', rules);
    });

    test(`${theme}: no dialog, menu or sheet breaks a rule of WCAG 2.2 AA`, async ({ page, laboratory }) => {
      const lab = await laboratory('DIALOG');
      const [order, cancel] = badOrderAndCancel(lab.code, 1);
      for (const each of [order, cancel]) lab.send(each);
      await openLane(page, lab.code);
      await expectRibbon(page, ['FAILED', 'DELIVERED']);

      await page.getByRole('main').getByRole('button', { name: 'Replay', exact: true }).click();
      await expect(page.getByRole('dialog', { name: 'Replay which numbers?' })).toBeVisible();
      await expectNoViolation(page, 'range', rules);
      await page.keyboard.press('Escape');
      const replay = await chooseNumbers(page, 'Replay', 1, 2);
      await expect(replay.getByRole('list', { name: 'Warnings' })).toBeVisible();
      await expectNoViolation(page, 'dry run', rules);
      await page.keyboard.press('Escape');

      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      const pause = await planned(page);
      await pause.getByRole('button', { name: 'Looking into a problem' }).click();
      await expectNoViolation(page, 'reason chosen', rules);
      await pause.getByRole('button', { name: 'Pause', exact: true }).click();
      await expect(pause.locator('[data-step="ENDED"]')).toBeVisible();
      await expectNoViolation(page, 'carried out', rules);
      await page.keyboard.press('Escape');

      for (const menu of ['Account of', 'Copy']) {
        await page.getByRole('button', { name: menu }).click();
        await expect(page.getByRole('menu')).toBeVisible();
        await expectNoViolation(page, menu, rules);
        await page.keyboard.press('Escape');
        await expect(page.getByRole('menu')).toBeHidden();
      }
      await page.goto('/lag');
      await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await expectNoViolation(page, 'shortcuts', rules);
      await page.keyboard.press('Escape');
      await page.getByRole('combobox', { name: 'State' }).click();
      await expect(page.getByRole('listbox')).toBeVisible();
      await expectNoViolation(page, 'choice of states', rules);
    });
  });
}

test.describe('by keyboard alone', () => {
  test('a lane is found, opened and paused without a mouse, and focus comes back to where it was', async ({
    page,
    laboratory,
  }) => {
    const lab = await laboratory('KEYS');
    lab.send(newOrder(lab.code, 1));
    await page.goto('/lag');
    await expect(page.getByTestId('live-bar')).toHaveAttribute('data-live', 'on');
    await page.keyboard.press('/');
    await expect(page.getByRole('searchbox', { name: /^Search code/ })).toBeFocused();
    await page.keyboard.type(lab.code);
    await expect(page.getByTestId('board-shown')).toHaveText('1 shown');
    await page.keyboard.press('ArrowDown');
    await expect(page.getByRole('link', { name: lab.code, exact: true })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { level: 1 })).toContainText(lab.code);

    const pause = page.getByRole('button', { name: 'Pause', exact: true });
    await tabTo(page, pause);
    await page.keyboard.press('Enter');
    const dialog = await planned(page);
    await tabTo(page, dialog.getByLabel('Reason'));
    await page.keyboard.type('Looking into it by keyboard');
    await tabTo(page, dialog.getByRole('button', { name: 'Pause', exact: true }));
    await page.keyboard.press('Enter');
    await expect(dialog.locator('[data-step="ENDED"]')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(page.getByTestId('lane-status')).toContainText('Paused');
    await expect(page.getByRole('button', { name: 'Resume', exact: true })).toBeFocused();
  });
});

const TABS_MAX = 60;

/** Presses Tab until the focus is there. */
async function tabTo(page: Page, target: ReturnType<Page['locator']>): Promise<void> {
  for (let pressed = 0; pressed < TABS_MAX; pressed += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${TABS_MAX} tabs do not lead there`);
}
