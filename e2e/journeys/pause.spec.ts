import { newOrder } from '../running/laboratory.ts';
import { carryOut, planned } from './act.ts';
import { expect, test } from './journey.ts';
import { expectRibbon, fact, openLane, sentence } from './lane-page.ts';

test('G13: a paused lane sends nothing while orders come, and after it is resumed everything in order', async ({
  page,
  laboratory,
  system,
}) => {
  const lab = await laboratory('PAUSE');
  lab.send(newOrder(lab.code, 1));
  await openLane(page, lab.code);
  await expectRibbon(page, ['DELIVERED']);

  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await carryOut(await planned(page), 'Pause', 'Planned maintenance at the laboratory');
  await expect(page.getByTestId('lane-status')).toContainText('Paused');
  for (const counter of [2, 3, 4, 5, 6]) lab.send(newOrder(lab.code, counter));
  await expect(fact(page, 'Waiting')).toHaveText('5');
  await expect(sentence(page)).toHaveText(
    new RegExp(`^paused by ${system.people.operator.email} since .+; 5 waiting$`),
  );
  await expectRibbon(page, ['DELIVERED', 'READY', 'READY', 'READY', 'READY', 'READY']);
  expect(lab.received).toEqual([1]);

  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await carryOut(await planned(page), 'Resume', 'Maintenance is finished');
  await expect(fact(page, 'Checkpoint')).toHaveText('6');
  await expectRibbon(
    page,
    Array.from({ length: 6 }, () => 'DELIVERED'),
  );
  expect(lab.received).toEqual([1, 2, 3, 4, 5, 6]);
  expect(lab.lis.judge.report()).toMatchObject({ orderViolations: 0, repeats: 0 });
});
