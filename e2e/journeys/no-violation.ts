import { AxeBuilder } from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Of these, the rules that look at colours. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/**
 * No violation of WCAG 2.2 AA that a program can find, no exception. `colours`: of what a second theme can break alone; the
 * page itself is the same.
 */
export async function expectNoViolation(page: Page, where: string, rules: 'all' | 'colours' = 'all'): Promise<void> {
  // Colours are measured when nothing fades any more.
  await page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => undefined))));
  const axe = new AxeBuilder({ page });
  const { violations } = await (rules === 'all' ? axe.withTags(TAGS) : axe.withRules(COLOUR_RULES)).analyze();
  const found = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    at: nodes.slice(0, 5).map((n) => `${n.target.join(' ')} | ${n.failureSummary ?? ''}`),
  }));
  expect.soft(found, where).toEqual([]);
}
