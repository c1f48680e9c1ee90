import { newOrder } from '../running/laboratory.ts';
import { auditRow, carryOut, chooseNumbers, planned } from './act.ts';
import { expect, test } from './journey.ts';
import { expectRibbon, fact, openLane, sentence } from './lane-page.ts';

test('G13: the head that waits for a laboratory is skipped after a dry run, the next goes, the audit says who and why', async ({
  page,
  laboratory,
  pageOf,
  system,
}) => {
  const lab = await laboratory('SKIP');
  await lab.listen(false);
  for (const counter of [1, 2]) lab.send(newOrder(lab.code, counter));
  await openLane(page, lab.code);
  await expect(page.getByTestId('lane-status')).toContainText('Endpoint down');
  await expect(fact(page, 'Head')).toHaveText('#1');

  const dialog = await chooseNumbers(page, 'Skip', 1);
  await expect(dialog).toContainText('1 passed without delivery');
  await expect(dialog.getByRole('row').filter({ hasText: `${lab.code}:1` })).toContainText('PROCESSED');
  await expect(dialog).toContainText(`./inorder skip ${lab.code}:1`);
  // No reason, no act.
  const skip = dialog.getByRole('button', { name: 'Skip', exact: true });
  await dialog.getByLabel('Reason').fill('too short');
  await expect(skip).toBeDisabled();
  await carryOut(dialog, 'Skip', 'Entered by hand at the laboratory');
  await expectRibbon(page, ['SKIPPED', 'READY']);
  await expect(fact(page, 'Checkpoint')).toHaveText('1');
  expect(lab.received).toEqual([]);

  await lab.listen(true);
  await expectRibbon(page, ['SKIPPED', 'DELIVERED']);
  expect(lab.received).toEqual([2]);
  await expect(page.getByRole('region', { name: 'Commands' })).toContainText('Entered by hand at the laboratory');

  const row = await auditRow(await pageOf('auditor'), 'command.skip', `${lab.code}:1`);
  await expect(row).toContainText(system.people.operator.email);
  await expect(row).toContainText('Entered by hand at the laboratory');
});

test('G13: a message that the laboratory keeps refusing is skipped from its own page while the lane retries it', async ({
  page,
  laboratory,
}) => {
  const lab = await laboratory('RETRY', { delivery: { retryDelayMs: [3_600_000] } });
  lab.lis.switches.set({ id: 'no', controlId: lab.controlId(1), fault: { kind: 'answer', code: 'AE' } });
  for (const counter of [1, 2]) lab.send(newOrder(lab.code, counter));
  await openLane(page, lab.code);
  await expect(page.getByTestId('lane-status')).toContainText('Retrying');
  await expect(sentence(page)).toHaveText(/^#1 failed \(.+\), try 2 of 4 in (1 h|59 min)$/);

  await fact(page, 'Head').getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(`${lab.code}:1`);
  await page.getByRole('button', { name: 'Skip', exact: true }).click();
  await carryOut(await planned(page), 'Skip', 'Cancelled at the ward');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('SKIPPED');
  await expect(page.getByRole('button', { name: 'Skip', exact: true })).toBeDisabled();

  await page.getByRole('link', { name: lab.code, exact: true }).click();
  await expectRibbon(page, ['SKIPPED', 'DELIVERED']);
  expect(lab.received).toEqual([1, 2]);
});
