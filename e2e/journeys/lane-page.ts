/** The interface page and the board, as their readers see them. */
import { expect, type Locator, type Page } from '@playwright/test';

/** The lane's row on the board, alone. */
export async function openBoard(page: Page, code: string): Promise<Locator> {
  await page.goto(`/lag?q=${code}`);
  const row = page.getByTestId(`iface-row-${code}`);
  await expect(row).toBeVisible();
  return row;
}

export async function openLane(page: Page, code: string): Promise<void> {
  await page.goto(`/interfaces/${code}`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(code);
  await expect(page.getByTestId('lane-status')).toHaveAttribute('data-live', 'on');
}

export const sentence = (page: Page): Locator => page.getByTestId('lane-sentence');

/** What the lane's header says under a label: `fact(page, 'Checkpoint')`. */
export const fact = (page: Page, label: string): Locator =>
  page
    .getByTestId('lane-status')
    .locator('dl > div')
    .filter({ has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) })
    .locator('dd')
    .first();

/** One number of the ribbon. */
export const cell = (page: Page, sequenceNo: number): Locator => page.locator(`a[data-number="${sequenceNo}"]`);

/** The kinds of the numbers from 1 on, as the ribbon draws them. */
export async function expectRibbon(page: Page, kinds: readonly string[]): Promise<void> {
  await expect
    .poll(() =>
      page.locator('a[data-number]').evaluateAll((cells) => cells.map((each) => each.getAttribute('data-kind'))),
    )
    .toEqual(kinds);
}

/** Goes to a number of the ribbon and gives the line under it: what it is and why. */
export async function reasonOf(page: Page, sequenceNo: number): Promise<Locator> {
  await cell(page, sequenceNo).focus();
  const reason = page.getByTestId('ribbon-reason');
  await expect(reason).toContainText(`#${sequenceNo}`);
  return reason;
}
