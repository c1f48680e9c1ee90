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

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('every lane is a card of its own: none lies over another', async ({ page, laboratory }) => {
    const [first, second, third] = [await laboratory('CARD'), await laboratory('CARD'), await laboratory('CARD')];
    for (const lab of [first, second, third]) lab.send(newOrder(lab.code, 1));
    await openBoard(page, third.code);
    await page.goto('/lag?q=CARD');
    await expect(page.getByTestId('live-bar')).toHaveAttribute('data-live', 'on');
    await expect(page.locator('[data-testid^="iface-row-CARD"]')).toHaveCount(3);
    await expect
      .poll(() =>
        page.locator('[data-testid^="iface-row-CARD"]').evaluateAll((cards) => {
          const boxes = cards.map((card) => ({ top: card.getBoundingClientRect().top, needs: card.scrollHeight }));
          boxes.sort((a, b) => a.top - b.top);
          return boxes.every(({ top, needs }, i) => {
            const next = boxes[i + 1];
            return next === undefined || next.top - top >= needs;
          });
        }),
      )
      .toBe(true);
  });
});
