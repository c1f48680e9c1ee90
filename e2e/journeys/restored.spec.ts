/** Another Postgres under the lanes: a system of its own, since everything in it holds. */
import path from 'node:path';
import { newOrder, openLaboratory } from '../running/laboratory.ts';
import { type StartedSystem, startSystem } from '../running/system.ts';
import { auditRow } from './act.ts';
import { expect, test } from './journey.ts';
import { expectNoViolation } from './no-violation.ts';

let own: StartedSystem;
const started = new AsyncDisposableStack();

test.describe('Postgres was restored', () => {
  test.beforeAll(async () => {
    test.setTimeout(240_000);
    own = started.use(await startSystem(path.resolve(import.meta.dirname, '../test-results/logs/restored')));
  });
  test.afterAll(() => started.disposeAsync());

  test('G21: every page says that lanes hold and why; one release lets them go on, and the audit says who', async ({
    browser,
    contextOptions,
  }) => {
    test.setTimeout(300_000);
    await using lab = await openLaboratory(own.facts, { code: 'LAB-0001' });
    lab.send(newOrder(lab.code, 1));
    await expect.poll(() => lab.received).toEqual([1]);
    // As after a dump that was read into new tables (docs/operations/restored.md).
    await lab.pool.query('UPDATE store_identity SET table_oid = 0');
    const as = async (role: 'operator' | 'viewer' | 'auditor') => {
      const { consoleUrl, people } = own.facts;
      const storageState = people[role].session;
      return started.use(await browser.newContext({ ...contextOptions, baseURL: consoleUrl, storageState })).newPage();
    };

    const page = await as('operator');
    const banner = page.getByTestId('restored-banner');
    await page.goto('/lag');
    await expect(banner).toContainText('Postgres was restored or failed over');
    lab.send(newOrder(lab.code, 2));
    const row = page.getByTestId(`iface-row-${lab.code}`);
    await expect(row).toContainText('Holding');
    await expect(row).toContainText('1 of 2', { useInnerText: true });
    await expectNoViolation(page, 'the line on the board');
    expect(lab.received).toEqual([1]);

    const viewer = await as('viewer');
    await viewer.goto('/dlq');
    await expect(viewer.getByTestId('restored-banner').getByRole('button')).toBeDisabled();

    await banner.getByRole('button', { name: 'Release them' }).click();
    const dialog = page.getByRole('dialog', { name: 'Release 1 lane' });
    await expectNoViolation(page, 'the dialog');
    await dialog.getByLabel('Reason').fill('Compared with the laboratory');
    await dialog.getByRole('button', { name: 'Release', exact: true }).click();
    await expect(dialog).toBeHidden();
    await expect.poll(() => lab.received).toEqual([1, 2]);
    await expect(banner).toBeHidden();
    await expect(viewer.getByTestId('restored-banner')).toBeHidden();

    const audited = await auditRow(await as('auditor'), 'store.release', 'postgres');
    await expect(audited).toContainText('Compared with the laboratory');
  });
});
