import { uuidv7 } from '@inorder/db';
import pg from 'pg';
import { newOrder } from '../running/laboratory.ts';
import { signInLink } from '../running/people.ts';
import { expect, test } from './journey.ts';
import { openLane } from './lane-page.ts';

test.describe('of nobody', () => {
  test.use({ storageState: { cookies: [], origins: [] } });

  test('without a session every page leads to sign-in, and back after it', async ({ page, system }) => {
    for (const path of [
      '/lag',
      '/dlq',
      '/messages',
      '/audit',
      '/instances',
      '/interfaces/LAB-0001',
      '/messages/LAB-0001/1',
    ]) {
      await page.goto(path);
      await expect(page).toHaveURL(`/sign-in?next=${encodeURIComponent(path)}`);
    }
    await page.goto('/dlq?state=all');
    await page.getByLabel('E-mail').fill(system.people.viewer.email);
    await page.getByLabel('Password').fill(system.people.viewer.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL('/dlq?state=all');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Dead letters');
  });

  test('a wrong password says no more than that, and leads nowhere', async ({ page, system }) => {
    await page.goto('/lag');
    for (const email of [system.people.admin.email, 'nobody@inorder.example']) {
      await page.getByLabel('E-mail').fill(email);
      await page.getByLabel('Password').fill('not the password');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('main').or(page.locator('body')).getByRole('alert').first()).toHaveText(
        'E-mail or password is wrong.',
      );
      await expect(page).toHaveURL(/\/sign-in/);
    }
  });

  test('a sign-in link opens the board once, and after ten minutes not at all', async ({ page, browser, system }) => {
    const link = await signInLink(system.consoleUrl, system.adminSecret);
    await page.goto(link);
    await expect(page).toHaveURL('/lag');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Lanes');

    const expired = await signInLink(system.consoleUrl, system.adminSecret);
    const client = new pg.Client({ connectionString: system.databaseUrl });
    await client.connect();
    await client.query("UPDATE sign_in_link SET expires_at = now() - interval '1 second' WHERE used_at IS NULL");
    await client.end();
    for (const refused of [link, expired]) {
      await using other = await browser.newContext({ storageState: { cookies: [], origins: [] } });
      const stranger = await other.newPage();
      await stranger.goto(refused);
      await expect(stranger).toHaveURL(/\/sign-in\?problem=link$/);
      await expect(stranger.getByText('That link was used already or is older than 10 minutes.')).toBeVisible();
      await stranger.goto(new URL('/lag', system.consoleUrl).href);
      await expect(stranger).toHaveURL(/\/sign-in/);
    }
  });
});

test.describe('of a viewer', () => {
  test.use({ role: 'viewer' });

  test('a viewer sees the lane, may not act, and is told which right is missing; the server refuses too', async ({
    page,
    laboratory,
    system,
  }) => {
    const lab = await laboratory('VIEW');
    lab.send(newOrder(lab.code, 1));
    await openLane(page, lab.code);
    for (const [name, right] of [
      ['Pause', 'lane.act'],
      ['Skip', 'lane.act'],
      ['Replay', 'lane.replayOne'],
    ] as const) {
      const button = page.getByRole('main').getByRole('button', { name, exact: true });
      await expect(button).toBeDisabled();
      await expect(button).toHaveAttribute('title', `Needs the right ${right}`);
    }
    await expect(page.getByRole('navigation', { name: 'Main', exact: true })).toContainText(
      'needs the right audit.read',
    );

    const act = (headers: Record<string, string>) =>
      page.request.post('/api/trpc/commands.request', {
        headers,
        data: {
          json: {
            reason: 'A viewer who writes requests by hand',
            commands: [
              {
                kind: 'PAUSE',
                interfaceCode: lab.code,
                fromSequenceNo: null,
                toSequenceNo: null,
                resolution: null,
                commandId: uuidv7(),
                planHash: '0123456789abcdef',
              },
            ],
          },
        },
      });
    // A request that no page of ours has sent: the session does not count at all.
    expect((await act({})).status()).toBe(401);
    expect((await act({ origin: 'http://elsewhere.example' })).status()).toBe(401);
    const asked = await act({ origin: system.consoleUrl });
    expect(asked.status()).toBe(403);
    expect(await asked.json()).toMatchObject({ error: { json: { data: { missingPermission: 'lane.act' } } } });
    await page.goto('/audit');
    await expect(page.getByRole('main')).toContainText('audit.read');
  });
});
