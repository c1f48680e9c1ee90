import { newOrder } from '../running/laboratory.ts';
import { expect, test } from './journey.ts';
import { openBoard } from './lane-page.ts';

test('an interface that is new and holds says so on a board that was open before it was made', async ({
  page,
  laboratory,
}) => {
  await page.goto('/lag');
  await expect(page.getByTestId('live-bar')).toHaveAttribute('data-live', 'on');
  const lab = await laboratory('NEW', { delivery: { onFailure: 'hold' } });
  lab.send(newOrder(lab.code, 1, 'unknownCode'));
  lab.send(newOrder(lab.code, 2));
  await page.getByRole('searchbox', { name: /^Search code/ }).fill(lab.code);
  const row = page.getByTestId(`iface-row-${lab.code}`);
  // It is worth nothing to learn of it a minute later.
  await expect(row).toContainText('Holding', { timeout: 10_000 });
  await expect(row).toContainText('holds before #1');
});

test('a board that no script has reached yet does not call itself live', async ({ page }) => {
  await page.route('**/*.js', (route) => route.abort());
  await page.goto('/lag');
  await expect(page.getByTestId('live-bar')).toHaveAttribute('data-live', 'opening');
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('every lane is a card of its own: none lies over another', async ({ page, laboratory }) => {
    const [first, second, third] = [await laboratory('CARD'), await laboratory('CARD'), await laboratory('CARD')];
    for (const lab of [first, second, third]) lab.send(newOrder(lab.code, 1));
    await openBoard(page, third.code);
    // As the server has painted it: before any script has run.
    await page.route('**/*.js', (route) => route.abort());
    await page.goto('/lag?q=CARD');
    const cards = page.locator('[data-testid^="iface-row-CARD"]');
    await expect(cards).toHaveCount(3);
    const boxes = await cards.evaluateAll((all) =>
      all.map((card) => ({ top: card.getBoundingClientRect().top, needs: card.scrollHeight })),
    );
    boxes.sort((a, b) => a.top - b.top);
    const overlaps = boxes.filter(({ top, needs }, i) => (boxes[i + 1]?.top ?? Number.POSITIVE_INFINITY) - top < needs);
    expect(overlaps).toEqual([]);
  });
});
