import { newOrder } from '../running/laboratory.ts';
import { expect, test } from './journey.ts';
import { expectRibbon, fact, openBoard, openLane, reasonOf, sentence } from './lane-page.ts';

test('a dead letter is seen on the board and explained on the ribbon, in the list and on its page', async ({
  page,
  laboratory,
}) => {
  const lab = await laboratory('HOLE');
  lab.send(newOrder(lab.code, 1));
  lab.send(newOrder(lab.code, 2, 'unknownCode'));
  lab.send(newOrder(lab.code, 3));

  const row = await openBoard(page, lab.code);
  await expect(row.getByRole('link', { name: `1 dead letters of ${lab.code}` })).toBeVisible();
  await expect(row).toContainText('Idle');
  await row.getByRole('link', { name: lab.code, exact: true }).click();

  await expect(page).toHaveURL(new RegExp(`/interfaces/${lab.code}$`));
  await expectRibbon(page, ['DELIVERED', 'FAILED', 'DELIVERED']);
  expect(lab.received).toEqual([1, 3]);
  await expect(fact(page, 'Dead letters')).toHaveText('1 open');
  await expect(sentence(page)).toHaveText('all 3 numbers are settled');
  const reason = await reasonOf(page, 2);
  await expect(reason).toContainText('Dead letter');
  await expect(reason).toContainText('in enrich');
  await expect(reason).toContainText('ENRICH_CODE_UNKNOWN');

  await fact(page, 'Dead letters').getByRole('link').click();
  await expect(page.getByTestId(`dead-letter-${lab.code}:2`)).toContainText('passed');
  await page.getByRole('link', { name: `${lab.code}:2` }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(`${lab.code}:2`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('FAILED');
  await expect(page.getByRole('main')).toContainText(/ZZ-90\d/);
});

test('G7: a laboratory that refuses connections: the lane says who is down, since when and when it tries next', async ({
  page,
  laboratory,
}) => {
  const lab = await laboratory('DOWN');
  lab.send(newOrder(lab.code, 1));
  await openLane(page, lab.code);
  await expectRibbon(page, ['DELIVERED']);
  await lab.listen(false);
  for (const counter of [2, 3]) lab.send(newOrder(lab.code, counter));

  await expect(page.getByTestId('lane-status')).toContainText('Endpoint down');
  await expect(sentence(page)).toHaveText(
    new RegExp(`^${lab.endpoint} cannot be used since \\d+ s \\(.+\\); #2 waits, next try in \\d+ s$`),
  );
  await expect(fact(page, 'Waiting')).toHaveText('2');
  await expectRibbon(page, ['DELIVERED', 'READY', 'READY']);
  await expect(await reasonOf(page, 3)).toContainText('behind #2');

  await lab.listen(true);
  await expectRibbon(page, ['DELIVERED', 'DELIVERED', 'DELIVERED']);
  await expect(sentence(page)).toHaveText('all 3 numbers are settled');
  expect(lab.received).toEqual([1, 2, 3]);
  await expect(fact(page, 'Dead letters')).toHaveText('0');
});
