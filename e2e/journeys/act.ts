/** The one action dialog: what it would do, why, and what became of it. */
import { expect, type Locator, type Page } from '@playwright/test';

/** The dialog that is open, once its dry run is there. */
export async function planned(page: Page): Promise<Locator> {
  const dialog = page.getByRole('dialog');
  await expect(dialog.locator('[data-step="READY"]')).toBeVisible();
  return dialog;
}

/** Gives a reason, acts, and waits until the lane's owner has carried it out. */
export async function carryOut(dialog: Locator, verb: string, reason: string): Promise<void> {
  await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByRole('button', { name: verb, exact: true }).click();
  await expect(dialog.locator('[data-step="ENDED"]')).toBeVisible();
  await expect(dialog.getByRole('status')).toContainText('Done');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await expect(dialog).toBeHidden();
}

/** Skip and Replay of a lane ask for the numbers first. */
export async function chooseNumbers(page: Page, verb: 'Skip' | 'Replay', from: number, to = from): Promise<Locator> {
  await page.getByRole('main').getByRole('button', { name: verb, exact: true }).click();
  const range = page.getByRole('dialog', { name: `${verb} which numbers?` });
  await range.getByLabel('From').fill(String(from));
  await range.getByLabel('To').fill(String(to));
  await range.getByRole('button', { name: 'Show what it would do' }).click();
  await expect(range).toBeHidden();
  return planned(page);
}

/** The audit's row of an act; the page is that of somebody who may read it. */
export async function auditRow(page: Page, action: string, target: string): Promise<Locator> {
  await page.goto(`/audit?action=${action}&target=${encodeURIComponent(target)}`);
  const row = page.getByRole('table', { name: 'Audit' }).getByRole('row').filter({ hasText: action });
  await expect(row).toHaveCount(1);
  return row;
}
